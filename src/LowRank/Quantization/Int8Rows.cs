// The weight's side of LLM.int8() (arXiv 2208.07339, section 2): a scale for each row, code = round(127 w / absmax). The reference takes
// the weight in float16, and so do these codes.
using System.Buffers;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>8-bit integers with a scale for each row (output) of a matrix. The error of a number is at most 1/254 of its row's largest
/// magnitude, and what float16 rounds away.</summary>
public sealed unsafe record Int8Rows : StorageFormat
{
    /// <summary>A weight [out, in] in 8-bit rows. Errors as <see cref="StorageFormat.Encode"/>; a number beyond float16 is one too.</summary>
    public static Int8RowsTensor Quantize(Tensor weight, string? name = null) => (Int8RowsTensor)new Int8Rows().Encode(weight, name);

    internal override string Kind => BitsAndBytesLayout.Rows;

    public override long BytesOf(long outFeatures, long inFeatures) => outFeatures * (inFeatures + sizeof(float));

    private protected override void Check() { }

    private protected override QuantizedTensor MakeByKernels(Tensor weight, string? name)
    {
        CheckShape(weight, name);
        return CudaStorage.Quantize(this, weight, name);
    }

    private static void CheckShape(Tensor weight, string? name)
    {
        if (weight.dim() != 2) throw new ArgumentException($"{Blocks.Named(name)} is [{string.Join(", ", weight.shape)}]; rows of int8 are a matrix's, [out, in]");
    }

    internal static ArgumentException BeyondFloat16(string? name) =>
        new($"{Blocks.Named(name)} has numbers beyond float16's 65504, in which int8 rows are taken; use Int8Dynamic");

    private protected override QuantizedTensor Make(Tensor weight, string? name)
    {
        CheckShape(weight, name);
        var width = checked((int)weight.shape[1]);
        var codes = empty(weight.shape, ScalarType.Int8);
        var absMax = empty([weight.shape[0]], ScalarType.Float32);
        var to = (sbyte*)Elements.Start(codes);
        var scale = Elements.Singles(absMax);
        var beyond = 0;
        try
        {
            Blocks.Run(weight, width, name, (start, count, x) =>
            {
                if (FourBitKernels.AbsMaxBits(x, count, FourBitKernels.Best) >= Blocks.NotFinite) return false;
                var rented = ArrayPool<float>.Shared.Rent(count);
                fixed (float* row = rented)
                {
                    Int8RowKernels.RoundToHalf(x, count, row, FourBitKernels.Best);
                    scale[start / width] = BitConverter.Int32BitsToSingle(FourBitKernels.AbsMaxBits(row, count, FourBitKernels.Best));
                    if (scale[start / width] > (float)Half.MaxValue) Volatile.Write(ref beyond, 1);
                    else Int8RowKernels.Quantize(row, count, scale[start / width], to + start, FourBitKernels.Best);
                }
                ArrayPool<float>.Shared.Return(rented);
                return true;
            });
            if (beyond != 0) throw BeyondFloat16(name);
        }
        catch
        {
            codes.Dispose();
            absMax.Dispose();
            throw;
        }
        return new Int8RowsTensor(this, weight.shape, weight.dtype, codes, absMax);
    }
}

/// <summary>A weight in <see cref="Int8Rows"/>.</summary>
public sealed unsafe class Int8RowsTensor : QuantizedTensor
{
    internal Int8RowsTensor(Int8Rows format, IReadOnlyList<long> shape, ScalarType sourceType, Tensor codes, Tensor absMax) : base(shape, sourceType) =>
        (Format, Codes, AbsMax) = (format, codes, absMax);

    public override Int8Rows Format { get; }

    /// <summary>int8 [out, in], -127 to 127.</summary>
    public override Tensor Codes { get; }

    /// <summary>Each row's largest magnitude, float32 [out]. Belongs to this object.</summary>
    public Tensor AbsMax { get; }

    public override IReadOnlyList<Tensor> Tensors => [Codes, AbsMax];

    public override Dictionary<string, Tensor> ToTensors(string prefix) => BitsAndBytesLayout.Write(this, prefix);

    private protected override QuantizedTensor Moved(Func<Tensor, Tensor> move) => new Int8RowsTensor(Format, Shape, SourceType, move(Codes), move(AbsMax));

    private protected override void DecodeByKernels(long start, Tensor into) => CudaStorage.Dequantize(this, start, into);

    /// <summary>A row is a block that never ends.</summary>
    internal override CodeRows Rows()
    {
        var absMax = (nint)LowRank.Elements.Singles(AbsMax);
        return new()
        {
            Codes = LowRank.Elements.Start(Codes), BytesPerRow = Shape[1], BlockShift = 30, BlocksPerRow = 1,
            Scales = (first, count, to, _) =>
            {
                for (var i = 0; i < count; i++) to[i] = ((float*)absMax)[first + i] / 127;
            },
        };
    }

    private protected override Decoder Open(CpuRung rung)
    {
        var codes = (sbyte*)LowRank.Elements.Start(Codes);
        var absMax = LowRank.Elements.Singles(AbsMax);
        var width = Shape[1];
        return (start, count, to) =>
        {
            for (var done = 0; done < count;)
            {
                var row = (start + done) / width;
                var part = (int)Math.Min((row + 1) * width - start - done, count - done);
                var from = codes + start + done;
                var scale = absMax[row] / 127;
                Int8RowKernels.Dequantize(from, part, scale, to + done, rung);
                done += part;
            }
        };
    }
}
