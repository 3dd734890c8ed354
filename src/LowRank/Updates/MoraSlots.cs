// Which of M's slots a feature belongs to: a 0/1 matrix S [features, r̂]. Sum is x S, Spread is h Sᵀ. Where the features are a
// multiple of the slots, both are views and sums; otherwise products with S.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Features shared out to slots.</summary>
internal sealed class MoraSlots
{
    private readonly long features, slots;
    private readonly List<(long Feature, long Slot)> members;
    private readonly int groupAxis;                     // of the view [n, ·, ·]: 1 strided, 2 contiguous, 0: no view fits
    private Tensor? matrix;

    private MoraSlots(long features, long slots, IEnumerable<(long, long)> members, int groupAxis)
    {
        (this.features, this.slots, this.members) = (features, slots, [.. members]);
        this.groupAxis = features % slots == 0 ? groupAxis : 0;
    }

    /// <summary>Feature i in slot i; features beyond the slots in none.</summary>
    public static MoraSlots First(long features, long slots) =>
        new(features, slots, Range(Math.Min(features, slots)).Select(i => (i, i)), 0);

    /// <summary>Position j in slot j mod r̂. A last piece that is too short is filled up with the first features if
    /// <paramref name="fills"/>, as the reference does with inputs: these then have two slots.</summary>
    public static MoraSlots Strided(long features, long slots, bool fills)
    {
        var positions = fills ? (features + slots - 1) / slots * slots : features;
        return new(features, slots, Range(positions).Select(j => (j % features, j % slots)), 1);
    }

    /// <summary>Neighbours together; the first features mod r̂ slots have one member more.</summary>
    public static MoraSlots Contiguous(long features, long slots)
    {
        var (size, larger) = (features / slots, features % slots);
        return new(features, slots, Range(features).Select(i => (i,
            i < larger * (size + 1) ? i / (size + 1) : larger + (i - larger * (size + 1)) / size)), 2);
    }

    /// <summary>[n, features] to [n, r̂].</summary>
    public Tensor Sum(Tensor x)
    {
        if (groupAxis == 0)
        {
            using var s = Matrix(x);
            return x.mm(s);                                                     // [n, features] x [features, r̂]
        }
        using var grouped = groupAxis == 1 ? x.view(x.shape[0], features / slots, slots) : x.view(x.shape[0], slots, features / slots);
        return grouped.sum((long)groupAxis);
    }

    /// <summary>[n, r̂] to [n, features].</summary>
    public Tensor Spread(Tensor h)
    {
        if (groupAxis == 0)
        {
            using var s = Matrix(h);
            using var transposed = s.t();
            return h.mm(transposed);                                            // [n, r̂] x [r̂, features]
        }
        var times = features / slots;
        using var single = h.unsqueeze(groupAxis);
        using var repeated = groupAxis == 1 ? single.expand(h.shape[0], times, slots) : single.expand(h.shape[0], slots, times);
        return repeated.reshape(h.shape[0], features);
    }

    /// <summary>S in the type and on the device of another tensor.</summary>
    private Tensor Matrix(Tensor like)
    {
        if (matrix is null)
        {
            var values = new float[features * slots];
            foreach (var (feature, slot) in members) values[feature * slots + slot] += 1;
            matrix = tensor(values).view(features, slots).DetachFromDisposeScope();
        }
        return matrix.to(like.dtype, like.device, copy: true);
    }

    private static IEnumerable<long> Range(long count)
    {
        for (long i = 0; i < count; i++) yield return i;
    }
}
