// Which moments stay on the device and which are paged, from sizes alone, so that the optimizer and the ledger say the same.
//
// A step reads every moment once, always in the same order. The page that was used longest ago is then the one that is wanted next, so a
// cache that throws that one out never hits. Here what fits under the limit stays for good and the rest streams past it: limit / total of
// the bytes never move, and no scheme saves more than one slice on that.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How moments are kept: in the type of what is stepped, in float32 beside 16 bits, as 8-bit codes.</summary>
internal enum MomentKind { Full, Wide, EightBit }

/// <summary>Elements [Start, Start + Count) of a parameter, whose moments come and go together.</summary>
/// <param name="Parameter">The parameter's number.</param>
/// <param name="Start">The first element.</param>
/// <param name="Count">Elements.</param>
/// <param name="Kind">How the moments are kept.</param>
/// <param name="HasMaster">Is a float32 master stepped in the parameter's place (<see cref="MasterMoments"/>)?</param>
/// <param name="Bytes">Of both moments and the master.</param>
/// <param name="Paged">Do they lie on pages?</param>
internal readonly record struct MomentSlice(int Parameter, long Start, long Count, MomentKind Kind, bool HasMaster, long Bytes, bool Paged)
{
    /// <summary>Bytes alive on the device for the time of the slice's step, beside what stays there: what comes from pages, and a 16-bit gradient
    /// as float32.</summary>
    public long Passing => (Paged ? Bytes : 0) + (HasMaster ? Count * sizeof(float) : 0);
}

internal static class MomentLayout
{
    /// <summary>Elements that come back from pages at once: whole blocks of codes, and moments that fit the second-level cache.</summary>
    public const long Slice = 1 << 18;

    /// <summary>The slices of all parameters in their order. Only what gives the same bits in parts is cut: libtorch's own kernels round
    /// 16 bits in another way where a vector ends.</summary>
    public static IReadOnlyList<MomentSlice> Of(TrainingOptimizer how, IReadOnlyList<(long Elements, ScalarType Type, bool Contiguous)> parameters)
    {
        var whole = parameters.Select((p, i) => Cut(i, 0, p.Elements)).ToList();
        if (how.PagedAbove is not { } limit || whole.Sum(w => w.Bytes) <= limit) return whole;

        var left = limit - whole.Max(w => Cut(w.Parameter, 0, Longest(w.Parameter)).Bytes);         // the slice at work is on the device too
        var slices = new List<MomentSlice>();
        foreach (var one in whole)
        {
            var length = one.Bytes <= left ? one.Count : Longest(one.Parameter);
            for (long start = 0; start < Math.Max(one.Count, 1); start += Math.Max(length, 1))
            {
                var slice = Cut(one.Parameter, start, Math.Min(length, one.Count - start));
                if (slice.Bytes <= left) left -= slice.Bytes;
                else slice = slice with { Paged = true };
                slices.Add(slice);
            }
        }
        return slices;

        long Longest(int i)
        {
            var (elements, type, contiguous) = parameters[i];
            var stepped = how.Stepped(type);
            return contiguous && CanBeCut(how.KindOf(stepped, elements), stepped) ? Math.Min(Slice, elements) : elements;
        }

        MomentSlice Cut(int i, long start, long count)
        {
            var (elements, type, _) = parameters[i];
            var stepped = how.Stepped(type);
            var kind = how.KindOf(stepped, elements);
            return new(i, start, count, kind, stepped != type, Bytes(kind, stepped, count) + (stepped != type ? count * stepped.ElementSize() : 0), Paged: false);
        }
    }

    /// <summary>Does a step of the parts, one after the other, give the bits of a step of the whole? Where it is done by kernels of ours.</summary>
    private static bool CanBeCut(MomentKind kind, ScalarType type) => kind == MomentKind.EightBit
#if LIBTORCH
        || (kind == MomentKind.Full && type == ScalarType.Float32)
#endif
        ;

    /// <summary>Bytes of both moments.</summary>
    private static long Bytes(MomentKind kind, ScalarType type, long count) => kind switch
    {
        MomentKind.Full => 2 * count * type.ElementSize(),
        MomentKind.Wide => 2 * count * sizeof(float),
        _ => 2 * (count + sizeof(float) * AdamW8Kernel.Blocks(count)),
    };
}
