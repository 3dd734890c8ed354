// NormalFloat (QLoRA, arXiv 2305.14314, section 3): 16 values that a normal distribution falls between equally often, with an exact 0.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>4-bit NormalFloat: 0.5159 bytes a parameter with double quantization. The error of a number is at most 0.152 times its block's
/// largest magnitude (half the widest gap between values).</summary>
public sealed record Nf4 : FourBitFormat
{
    /// <summary>Blocks of 64 with quantized scales, as QLoRA's paper stores weights.</summary>
    public static Nf4 WithDoubleQuantization { get; } = new();

    internal override FourBitTable Table => FourBitTable.Nf4;

    /// <summary>A weight in NF4. Peak memory beyond weight and result: one number of the weight's type a block, with double quantization.
    /// Errors as <see cref="StorageFormat.Encode"/>.</summary>
    public static FourBitTensor Quantize(Tensor weight, int blockSize = 64, bool doubleQuantization = true, string? name = null) =>
        (FourBitTensor)new Nf4 { BlockSize = blockSize, DoubleQuantization = doubleQuantization }.Encode(weight, name);
}
