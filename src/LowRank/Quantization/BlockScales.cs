// The scale of each block: absmax in float32, or quantized again (QLoRA, section 3, "double quantization"): the mean is taken off and the
// rest goes through the 8-bit dynamic map in blocks of 256, 8 + 32 / 256 bits a scale instead of 32.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>absmax of blocks, plain (float32) or quantized (uint8 codes, float32 second-level absmax, their mean).</summary>
internal sealed unsafe class BlockScales
{
    public const int NestedBlock = 256;

    private BlockScales(Tensor codes, Tensor? nested, float offset) => (AbsMax, Nested, Offset) = (codes, nested, offset);

    /// <summary>float32 [blocks], or uint8 [blocks] where there is a <see cref="Nested"/>.</summary>
    public Tensor AbsMax { get; }

    /// <summary>Second-level absmax, float32 [blocks / 256, rounded up]; null for plain scales.</summary>
    public Tensor? Nested { get; }

    /// <summary>The mean that was taken off; 0 for plain scales.</summary>
    public float Offset { get; }

    public long Bytes => AbsMax.numel() * AbsMax.ElementSize + (Nested is null ? 0 : Nested.numel() * sizeof(float) + sizeof(float));

    public IEnumerable<Tensor> Tensors => Nested is null ? [AbsMax] : [AbsMax, Nested];

    public static BlockScales Plain(Tensor absMax) => new(absMax, null, 0);

    public static BlockScales Double(Tensor codes, Tensor nested, float offset) => new(codes, nested, offset);

    /// <summary>Quantizes scales of any source's type, which it uses up.</summary>
    public static BlockScales Double(Tensor absMax, string? name)
    {
        using var plain = absMax;
        var offset = Mean(absMax);
        if (!float.IsFinite(offset))
            throw new ArgumentException($"{Blocks.Named(name)} has numbers so large that the mean of its scales is beyond float32; store it without double quantization");
        var codes = empty(absMax.shape, ScalarType.Byte);
        var nested = empty([(absMax.numel() + NestedBlock - 1) / NestedBlock], ScalarType.Float32);
        Int8DynamicTensor.Fill(absMax, NestedBlock, codes, nested, name, offset);
        return new(codes, nested, offset);
    }

    /// <summary>libtorch's mean, of which every bit shows in the codes; in parts that it sums on one thread, so that the result does not
    /// depend on how many there are.</summary>
    private static float Mean(Tensor absMax)
    {
        const long Part = 1 << 14;
        var (sum, count) = (0.0, absMax.numel());
        for (long start = 0; start < count; start += Part)
        {
            using var part = absMax.narrow(0, start, Math.Min(Part, count - start));
            using var wide = part.to(ScalarType.Float32);
            using var partSum = wide.sum();
            sum += partSum.item<float>();
        }
        return (float)(sum / count);
    }

    /// <summary>Reads scales where they lie.</summary>
    public Reader Open() => new(Elements.Singles(Nested ?? AbsMax), Nested is null ? null : Elements.Bytes(AbsMax), Offset);

    internal sealed class Reader(float* scales, byte* codes, float offset)
    {
        public float this[long block] =>
            codes is null ? scales[block] : EightBitTable.Dynamic.Values[codes[block]] * scales[block / NestedBlock] + offset;

        /// <summary>Scales [first, first + count).</summary>
        public void Read(long first, int count, float* to)
        {
            var i = 0;
            if (codes is null) new ReadOnlySpan<float>(scales + first, i = count).CopyTo(new Span<float>(to, count));
            else if (Avx2.IsSupported)
                fixed (float* values = EightBitTable.Dynamic.Values)
                    for (; i + 8 <= count; i += 8)
                    {
                        var nested = first + i;
                        if (nested % NestedBlock > NestedBlock - 8)             // two second-level scales
                        {
                            for (var j = i; j < i + 8; j++) to[j] = this[first + j];
                            continue;
                        }
                        var found = Avx2.GatherVector256(values, Avx2.ConvertToVector256Int32(codes + nested), sizeof(float));
                        (found * Vector256.Create(scales[nested / NestedBlock]) + Vector256.Create(offset)).Store(to + i);
                    }
            for (; i < count; i++) to[i] = this[first + i];
        }
    }
}
