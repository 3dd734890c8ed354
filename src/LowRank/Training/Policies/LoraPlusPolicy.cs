// LoRA+ (arXiv 2402.12354): B learns λ times as fast as A. As in its code and PEFT's, vectors (biases, magnitudes) go with B.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A higher learning rate for the matrices that start at 0.</summary>
/// <param name="ratio">λ, about 16.</param>
public sealed class LoraPlusPolicy(double ratio = 16) : TrainingPolicy
{
    public override void Begin(nn.Module model, TrainingOptions options)
    {
        if (!(ratio > 0 && double.IsFinite(ratio))) throw new ArgumentException($"the ratio must be finite and positive; it is {ratio}");
        if (!model.named_parameters().Any(p => p.parameter.requires_grad && IsB(p.name)))
            throw new InvalidOperationException("LoRA+ trains B faster than A, and no B of a low-rank adapter trains here");
    }

    public override double LearningRateFactor(string name, Parameter parameter) => IsB(name) || parameter.ndim == 1 ? ratio : 1;

    private static bool IsB(string name) => name.Contains("lora_B", StringComparison.Ordinal);
}
