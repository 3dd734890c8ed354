// 4-bit floating point: a sign, two bits of exponent, one of mantissa; 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3 and 1 times a block's absmax.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>4-bit floats. Codes 0 and 8 both stand for 0. The error of a number is at most a sixth of its block's largest magnitude.</summary>
public sealed record Fp4 : FourBitFormat
{
    internal override FourBitTable Table => FourBitTable.Fp4;

    /// <summary>A weight in FP4; as <see cref="Nf4.Quantize"/>.</summary>
    public static FourBitTensor Quantize(Tensor weight, int blockSize = 64, bool doubleQuantization = true, string? name = null) =>
        (FourBitTensor)new Fp4 { BlockSize = blockSize, DoubleQuantization = doubleQuantization }.Encode(weight, name);
}
