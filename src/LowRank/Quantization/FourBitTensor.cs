// Blocks of 4-bit codes over the flat weight, each scaled by its largest magnitude (QLoRA, arXiv 2305.14314, equations 1 to 6).
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A weight in <see cref="Nf4"/> or <see cref="Fp4"/>.</summary>
public sealed unsafe class FourBitTensor : QuantizedTensor
{
    private readonly FourBitTable table;
    private readonly BlockScales scales;

    internal FourBitTensor(FourBitFormat format, IReadOnlyList<long> shape, ScalarType sourceType, Tensor codes, BlockScales scales) : base(shape, sourceType) =>
        (Format, table, Codes, this.scales) = (format, format.Table, codes, scales);

    public override FourBitFormat Format { get; }

    /// <summary>[bytes]: two codes each, the first element in the high nibble; an odd count is filled up with the code of 0.</summary>
    public override Tensor Codes { get; }

    internal BlockScales Scales => scales;

    /// <summary>Each block's scale in float32 [blocks], a new tensor: decoded where it is quantized itself.</summary>
    public Tensor AbsMax() => scales.Decoded();

    public override IReadOnlyList<Tensor> Tensors => [Codes, .. scales.Tensors];

    public override long Bytes => Codes.numel() + scales.Bytes;

    public override Dictionary<string, Tensor> ToTensors(string prefix) => BitsAndBytesLayout.Write(this, prefix);

    internal override bool TryMultiply(Tensor x, Tensor y, bool accumulate) => KernelLauncher.Has(Codes) && CudaStorage.TryMultiply(this, x, y, accumulate);

    private protected override QuantizedTensor Moved(Func<Tensor, Tensor> move) => new FourBitTensor(Format, Shape, SourceType, move(Codes), scales.Moved(move));

    private protected override void DecodeByKernels(long start, Tensor into) => CudaStorage.Dequantize(this, start, into);

    private protected override Decoder Open(CpuRung rung)
    {
        var codes = LowRank.Elements.Bytes(Codes);
        var (scales, size) = (this.scales.Open(), Format.BlockSize);
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
                FourBitKernels.Dequantize(table, codes + block * (size / 2), skip, part, absMax[block - first], to + done, rung);
                done += part;
            }
        };
    }

    internal override CodeRows? Rows() => Shape.Count != 2 ? null : new()
    {
        Codes = LowRank.Elements.Start(Codes), BytesPerRow = 0, Table = table.Values, Pairs = table.Pairs, BlockShift = int.Log2(Format.BlockSize), BlocksPerRow = 0,
        Scales = Scales.Open().Read,
    };

    /// <summary>Quantizes a contiguous weight.</summary>
    internal static FourBitTensor Of(FourBitFormat format, Tensor weight, string? name)
    {
        var (elements, size, table, type) = (weight.numel(), format.BlockSize, format.Table, weight.dtype);
        var codes = empty([(elements + 1) / 2], ScalarType.Byte);
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
                var (whole, rest) = (count / size, count % size);
                var most = stackalloc float[Blocks.Unit / Blocks.Smallest + 1];
                if (!FourBitKernels.QuantizeBlocks(table, x, whole, size, most, to + start / 2, FourBitKernels.Best)) return false;
                if (rest > 0)
                {
                    var last = x + whole * size;
                    var bits = FourBitKernels.AbsMaxBits(last, rest, FourBitKernels.Best);
                    if (bits >= Blocks.NotFinite) return false;
                    most[whole] = Math.Max(BitConverter.Int32BitsToSingle(bits), Blocks.Floor);
                    FourBitKernels.QuantizeShort(table, last, rest, most[whole], type, to + start / 2 + whole * size / 2);
                }
                LowRank.Elements.Write(most, scale, kept, start / size, whole + (rest > 0 ? 1 : 0));
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

/// <summary>What <see cref="Nf4"/> and <see cref="Fp4"/> have in common.</summary>
public abstract record FourBitFormat : StorageFormat
{
    private protected FourBitFormat() { }

    /// <summary>Elements that share a scale: 32, 64, … 4096.</summary>
    public int BlockSize { get; init; } = 64;

    /// <summary>Are the scales quantized too? With blocks of 64, 4.127 bits a parameter; without, 4.5.</summary>
    public bool DoubleQuantization { get; init; } = true;

    internal abstract FourBitTable Table { get; }

    internal override string Kind => BitsAndBytesLayout.KindOf(Table);

    public override long BytesOf(long outFeatures, long inFeatures)
    {
        var (elements, blocks) = (outFeatures * inFeatures, (outFeatures * inFeatures - 1) / BlockSize + 1);
        return (elements + 1) / 2 + BlockScales.BytesOf(blocks, DoubleQuantization);
    }

    private protected override void Check() => Blocks.CheckSize(BlockSize);

    private protected override QuantizedTensor Make(Tensor weight, string? name) => FourBitTensor.Of(this, weight, name);

    private protected override QuantizedTensor MakeByKernels(Tensor weight, string? name) => CudaStorage.Quantize(this, weight, name);
}
