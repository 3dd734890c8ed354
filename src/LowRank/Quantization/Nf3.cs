// NormalFloat of 3 bits: QLoRA's rule (arXiv 2305.14314, section 3 and its code) with k = 3. Quantiles of a normal distribution at four
// places evenly from 1 − δ towards ½, the negatives of those at three, and an exact 0, over the largest: ±1 are among them. δ is half the
// mean of 1/2ᵏ and 1/(2ᵏ − 1).
using static TorchSharp.torch;

namespace LowRank;

/// <summary>3-bit NormalFloat: 0.3909 bytes a parameter with double quantization. The error of a number is at most 0.2325 times its block's
/// largest magnitude (half the widest gap between values).</summary>
public sealed record Nf3 : StorageFormat
{
    /// <summary>Blocks of 64 with quantized scales.</summary>
    public static Nf3 WithDoubleQuantization { get; } = new();

    /// <summary>Elements that share a scale: 32, 64, … 4096.</summary>
    public int BlockSize { get; init; } = 64;

    /// <summary>Are the scales quantized too? With blocks of 64, 3.127 bits a parameter; without, 3.5.</summary>
    public bool DoubleQuantization { get; init; } = true;

    /// <summary>A weight in NF3. Peak memory beyond weight and result: one number of the weight's type a block, with double quantization.
    /// Errors as <see cref="StorageFormat.Encode"/>.</summary>
    public static ThreeBitTensor Quantize(Tensor weight, int blockSize = 64, bool doubleQuantization = true, string? name = null) =>
        (ThreeBitTensor)new Nf3 { BlockSize = blockSize, DoubleQuantization = doubleQuantization }.Encode(weight, name);

    internal override string Kind => OwnLayout.NormalFloat3;

    public override long BytesOf(long outFeatures, long inFeatures) =>
        ThreeBitKernels.Bytes(outFeatures * inFeatures) + BlockScales.BytesOf((outFeatures * inFeatures - 1) / BlockSize + 1, DoubleQuantization);

    private protected override void Check() => Blocks.CheckSize(BlockSize);

    private protected override QuantizedTensor Make(Tensor weight, string? name) => ThreeBitTensor.Of(this, weight, name);

    private protected override QuantizedTensor MakeByKernels(Tensor weight, string? name) => CudaStorage.Quantize(this, weight, name);
}
