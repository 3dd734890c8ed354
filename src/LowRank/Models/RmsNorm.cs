using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Root-mean-square normalization (arXiv 1910.07467): <c>y = weight · x / √(mean(x²) + ε)</c> over the last dimension.</summary>
public sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double epsilon;
    private readonly bool addsOne;

    /// <param name="size">Length of the last dimension.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="dtype">The weight's type, float32 unless said.</param>
    /// <param name="device">Where the weight lives, the CPU unless said.</param>
    /// <param name="addsOne">Multiply with 1 + weight (Gemma); the weight then starts at 0 instead of 1.</param>
    public RmsNorm(long size, double epsilon, ScalarType? dtype = null, Device? device = null, bool addsOne = false) : base(nameof(RmsNorm))
    {
        (this.epsilon, this.addsOne, Size) = (epsilon, addsOne, size);
        weight = nn.Parameter(full(size, addsOne ? 0 : 1, dtype: dtype, device: device));
        RegisterComponents();
    }

    /// <summary>Length of the last dimension.</summary>
    public long Size { get; }

    /// <param name="input">[…, size]</param>
    /// <returns>[…, size]</returns>
    public override Tensor forward(Tensor input)
    {
        if (!addsOne) return RmsNormFunction.Apply(input, weight, epsilon);
        // In float32 beside 16-bit weights: near 1 those could not tell small weights apart.
        using var factor = Precision.Widen(weight).add(1);
        return RmsNormFunction.Apply(input, factor, epsilon);
    }
}
