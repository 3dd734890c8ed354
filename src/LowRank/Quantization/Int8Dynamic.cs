// 8-bit blocks with the signed dynamic map (8-bit Optimizers, arXiv 2110.02861): a code is a sign, how many powers of ten lie below the
// block's absmax, and a fraction in the bits that are left.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>8-bit codes of the signed dynamic map, in blocks of the flat weight. The error of a number is at most 0.0071 times its block's
/// largest magnitude, and far less for small ones.</summary>
public sealed record Int8Dynamic : StorageFormat
{
    /// <summary>Elements that share a scale: 32, 64, … 4096.</summary>
    public int BlockSize { get; init; } = 256;

    /// <summary>A weight in 8-bit blocks. Errors as <see cref="StorageFormat.Encode"/>.</summary>
    public static Int8DynamicTensor Quantize(Tensor weight, int blockSize = 256, string? name = null) =>
        (Int8DynamicTensor)new Int8Dynamic { BlockSize = blockSize }.Encode(weight, name);

    internal override string Kind => OwnLayout.Dynamic;

    public override long BytesOf(long outFeatures, long inFeatures) =>
        outFeatures * inFeatures + ((outFeatures * inFeatures - 1) / BlockSize + 1) * sizeof(float);

    private protected override void Check() => Blocks.CheckSize(BlockSize);

    private protected override QuantizedTensor MakeByKernels(Tensor weight, string? name) => CudaStorage.Quantize(this, weight, name);

    private protected override QuantizedTensor Make(Tensor weight, string? name)
    {
        var codes = empty(weight.shape, ScalarType.Byte);
        var absMax = empty([(weight.numel() + BlockSize - 1) / BlockSize], ScalarType.Float32);
        try
        {
            Int8DynamicTensor.Fill(weight, BlockSize, codes, absMax, name);
        }
        catch
        {
            codes.Dispose();
            absMax.Dispose();
            throw;
        }
        return new Int8DynamicTensor(this, weight.shape, weight.dtype, codes, absMax);
    }
}

/// <summary>A weight in <see cref="Int8Dynamic"/>.</summary>
public sealed unsafe class Int8DynamicTensor : QuantizedTensor
{
    internal Int8DynamicTensor(Int8Dynamic format, IReadOnlyList<long> shape, ScalarType sourceType, Tensor codes, Tensor absMax) : base(shape, sourceType) =>
        (Format, Codes, AbsMax) = (format, codes, absMax);

    public override Int8Dynamic Format { get; }

    /// <summary>uint8, of the weight's shape.</summary>
    public override Tensor Codes { get; }

    /// <summary>Each block's scale, float32 [blocks]. Belongs to this object.</summary>
    public Tensor AbsMax { get; }

    public override IReadOnlyList<Tensor> Tensors => [Codes, AbsMax];

    public override Dictionary<string, Tensor> ToTensors(string prefix) => OwnLayout.Write(this, prefix);

    private protected override QuantizedTensor Moved(Func<Tensor, Tensor> move) => new Int8DynamicTensor(Format, Shape, SourceType, move(Codes), move(AbsMax));

    private protected override void DecodeByKernels(long start, Tensor into) => CudaStorage.Dequantize(this, start, into);

    private protected override Decoder Open(CpuRung rung)
    {
        var codes = LowRank.Elements.Bytes(Codes);
        var absMax = LowRank.Elements.Singles(AbsMax);
        var size = Format.BlockSize;
        return (start, count, to) =>
        {
            for (var done = 0; done < count;)
            {
                var block = (start + done) / size;
                var part = (int)Math.Min((block + 1) * size - start - done, count - done);
                EightBitKernels.Dequantize(EightBitTable.Dynamic, codes + start + done, part, absMax[block], to + done, rung);
                done += part;
            }
        };
    }

    /// <summary>Writes the codes and scales of a contiguous tensor, less an offset; with one, float32 values are changed where they
    /// lie.</summary>
    internal static void Fill(Tensor values, int size, Tensor codes, Tensor absMax, string? name, float offset = 0)
    {
        var to = LowRank.Elements.Bytes(codes);
        var scale = LowRank.Elements.Singles(absMax);
        var type = offset == 0 ? values.dtype : ScalarType.Float32;
        Blocks.Run(values, Blocks.Unit, name, (start, count, x) =>
        {
            if (offset != 0)
                for (var i = 0; i < count; i++) x[i] -= offset;
            for (var i = 0; i < count; i += size)
            {
                var part = Math.Min(size, count - i);
                var bits = FourBitKernels.AbsMaxBits(x + i, part, FourBitKernels.Best);
                if (bits >= Blocks.NotFinite) return false;
                scale[(start + i) / size] = EightBitKernels.Quantize(
                    EightBitTable.Dynamic, x + i, part, BitConverter.Int32BitsToSingle(bits), part == size, type, to + start + i, FourBitKernels.Best);
            }
            return true;
        });
        GC.KeepAlive((codes, absMax));
    }
}
