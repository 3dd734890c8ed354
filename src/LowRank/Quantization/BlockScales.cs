// The scale of each block: absmax in float32, or quantized again (QLoRA, section 3, "double quantization"): the mean is taken off and the
// rest goes through the 8-bit dynamic map in blocks of 256, 8 + 32 / 256 bits a scale instead of 32.
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
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

    public static long BytesOf(long blocks, bool quantized) =>
        quantized ? blocks + ((blocks - 1) / NestedBlock + 1) * sizeof(float) + sizeof(float) : blocks * sizeof(float);

    public IEnumerable<Tensor> Tensors => Nested is null ? [AbsMax] : [AbsMax, Nested];

    public static BlockScales Plain(Tensor absMax) => new(absMax, null, 0);

    public static BlockScales Double(Tensor codes, Tensor nested, float offset) => new(codes, nested, offset);

    /// <summary>Plain scales.</summary>
    public static implicit operator BlockScales(Tensor absMax) => Plain(absMax);

    public BlockScales Moved(Func<Tensor, Tensor> move) => new(move(AbsMax), Nested is null ? null : move(Nested), Offset);

    /// <summary>Quantizes scales of any source's type (float32 on a GPU), which it uses up.</summary>
    public static BlockScales Double(Tensor absMax, string? name)
    {
        using var plain = absMax;
        var offset = Mean(absMax);
        if (!float.IsFinite(offset))
            throw new ArgumentException($"{Blocks.Named(name)} has numbers so large that the mean of its scales is beyond float32; store it without double quantization");
        var device = absMax.device;
        var codes = empty(absMax.shape, ScalarType.Byte, device);
        var nested = empty([(absMax.numel() + NestedBlock - 1) / NestedBlock], ScalarType.Float32, device);
        if (KernelLauncher.Has(absMax))
        {
            using var mean = full(1, offset, ScalarType.Float32, device);
            CudaQuantization.Quantize8(absMax, CudaTables.Dynamic(device), mean, NestedBlock, codes, nested);
        }
        else Int8DynamicTensor.Fill(absMax, NestedBlock, codes, nested, name, offset);
        return new(codes, nested, offset);
    }

    /// <summary>libtorch's mean, of which every bit shows in the codes; in parts that it sums on one thread, so that the result does not
    /// depend on how many there are.</summary>
    private static float Mean(Tensor absMax)
    {
        const long Part = 1 << 14;
        var (sum, count) = (0.0, absMax.numel());
        if (KernelLauncher.Has(absMax))                              // another order of summation anyway; and one answer, not many
        {
            using var whole = absMax.sum(ScalarType.Float64);
            return (float)(whole.item<double>() / count);
        }
        for (long start = 0; start < count; start += Part)
        {
            using var part = absMax.narrow(0, start, Math.Min(Part, count - start));
            using var wide = part.to(ScalarType.Float32);
            using var partSum = wide.sum();
            sum += partSum.item<float>();
        }
        return (float)(sum / count);
    }

    /// <summary>The scales in float32 [blocks], a new tensor.</summary>
    public Tensor Decoded()
    {
        if (Nested is null) return AbsMax.clone();
        if (!KernelLauncher.Has(AbsMax))
        {
            var read = empty(AbsMax.shape, ScalarType.Float32);
            Open().Read(0, checked((int)read.numel()), Elements.Singles(read), FourBitKernels.Best);
            GC.KeepAlive((this, read));
            return read;
        }
        using var mean = full(1, Offset, ScalarType.Float32, AbsMax.device);
        var result = empty(AbsMax.shape, ScalarType.Float32, AbsMax.device);
        CudaQuantization.Dequantize8(AbsMax, Nested, CudaTables.Dynamic(AbsMax.device), mean, NestedBlock, result);
        return result;
    }

    /// <summary>Reads scales where they lie, on the CPU.</summary>
    public Reader Open() => new(Elements.Singles(Nested ?? AbsMax), Nested is null ? null : Elements.Bytes(AbsMax), Offset);

    internal sealed class Reader(float* scales, byte* codes, float offset)
    {
        /// <summary>Scales [first, first + count).</summary>
        public void Read(long first, int count, float* to, CpuRung rung)
        {
            if (codes is null) new ReadOnlySpan<float>(scales + first, count).CopyTo(new Span<float>(to, count));
            else
            {
                for (var done = 0; done < count;)
                {
                    var block = (first + done) / NestedBlock;
                    var part = (int)Math.Min((block + 1) * NestedBlock - first - done, count - done);
                    EightBitKernels.Dequantize(EightBitTable.Dynamic, codes + first + done, part, scales[block], to + done, rung);
                    done += part;
                }
                var all = new Span<float>(to, count);
                TensorPrimitives.Add(all, offset, all);
            }
        }
    }
}
