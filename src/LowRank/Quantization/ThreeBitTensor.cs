// Blocks of 3-bit codes over the flat weight, each scaled by its largest magnitude, as QLoRA's 4-bit ones (arXiv 2305.14314, equations 1 to 6).
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A weight in <see cref="Nf3"/>.</summary>
public sealed unsafe class ThreeBitTensor : QuantizedTensor
{
    internal ThreeBitTensor(Nf3 format, IReadOnlyList<long> shape, ScalarType sourceType, Tensor codes, BlockScales scales) : base(shape, sourceType) =>
        (Format, Codes, Scales) = (format, codes, scales);

    public override Nf3 Format { get; }

    /// <summary>uint8 [bytes]: eight codes in three, the first in the lowest bits of the first; filled up with the code of 0.</summary>
    public override Tensor Codes { get; }

    internal BlockScales Scales { get; }

    /// <summary>Each block's scale in float32 [blocks], a new tensor: decoded where it is quantized itself.</summary>
    public Tensor AbsMax() => Scales.Decoded();

    public override IReadOnlyList<Tensor> Tensors => [Codes, .. Scales.Tensors];

    public override long Bytes => Codes.numel() + Scales.Bytes;

    public override Dictionary<string, Tensor> ToTensors(string prefix) => OwnLayout.Write(this, prefix);

    private protected override QuantizedTensor Moved(Func<Tensor, Tensor> move) => new ThreeBitTensor(Format, Shape, SourceType, move(Codes), Scales.Moved(move));

    private protected override void DecodeByKernels(long start, Tensor into) => CudaStorage.Dequantize(this, start, into);

    private protected override Decoder Open(CpuRung rung)
    {
        var codes = LowRank.Elements.Bytes(Codes);
        var (scales, size) = (Scales.Open(), Format.BlockSize);
        return (start, count, to) =>
        {
            const int Most = Blocks.Unit / Blocks.Smallest + 1;
            var absMax = stackalloc float[Most];
            var first = start / size;
            scales.Read(first, (int)((start + count - 1) / size - first) + 1, absMax, rung);
            for (var done = 0; done < count;)
            {
                var block = (start + done) / size;
                var skip = (int)(start + done - block * size);
                var part = Math.Min(size - skip, count - done);
                ThreeBitKernels.Dequantize(codes + ThreeBitKernels.Bytes(block * size), skip, part, absMax[block - first], to + done, rung >= CpuRung.Vector256 && ThreeBitKernels.HasVectors);
                done += part;
            }
        };
    }

    /// <summary>Quantizes a contiguous weight.</summary>
    internal static ThreeBitTensor Of(Nf3 format, Tensor weight, string? name)
    {
        var (elements, size, type) = (weight.numel(), format.BlockSize, weight.dtype);
        var codes = empty([ThreeBitKernels.Bytes(elements)], ScalarType.Byte);
        // Scales that are quantized again wait for their mean in the weight's type, which holds them exactly: a twentieth of it at most.
        var kept = format.DoubleQuantization ? type : ScalarType.Float32;
        var absMax = empty([(elements + size - 1) / size], kept);
        var to = LowRank.Elements.Bytes(codes);
        var scale = LowRank.Elements.Start(absMax);
        BlockScales scales;
        try
        {
            Blocks.Run(weight, Blocks.Unit, name, (start, count, x) =>
            {
                var most = stackalloc float[Blocks.Unit / Blocks.Smallest];
                var largest = 0;
                for (var i = 0; i < count; i += size)
                {
                    var part = Math.Min(size, count - i);
                    var bits = FourBitKernels.AbsMaxBits(x + i, part, FourBitKernels.Best);
                    largest = Math.Max(largest, bits);
                    most[i / size] = BitConverter.Int32BitsToSingle(bits);
                    ThreeBitKernels.Quantize(x + i, part, 1 / Math.Max(most[i / size], Blocks.Floor), to + ThreeBitKernels.Bytes(start + i), ThreeBitKernels.HasVectors);
                }
                if (largest >= Blocks.NotFinite) return false;
                LowRank.Elements.Write(most, scale, kept, start / size, (count + size - 1) / size);
                return true;
            });
            scales = format.DoubleQuantization ? BlockScales.Double(absMax, name) : BlockScales.Plain(absMax);
        }
        catch
        {
            codes.Dispose();
            absMax.Dispose();
            throw;
        }
        return new(format, weight.shape, type, codes, scales);
    }
}
