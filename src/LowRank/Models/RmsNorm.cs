using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Root-mean-square normalization (arXiv 1910.07467): <c>y = weight · x / √(mean(x²) + ε)</c> over the last dimension.</summary>
public sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double epsilon;

    /// <param name="size">Length of the last dimension.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="dtype">The weight's type, float32 unless said.</param>
    /// <param name="device">Where the weight lives, the CPU unless said.</param>
    public RmsNorm(long size, double epsilon, ScalarType? dtype = null, Device? device = null) : base(nameof(RmsNorm))
    {
        this.epsilon = epsilon;
        weight = nn.Parameter(ones(size, dtype: dtype, device: device));
        RegisterComponents();
    }

    /// <param name="input">[…, size]</param>
    /// <returns>[…, size]</returns>
    public override Tensor forward(Tensor input) => RmsNormFunction.Apply(input, weight, epsilon);
}
