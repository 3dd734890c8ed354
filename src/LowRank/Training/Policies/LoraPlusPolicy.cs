// LoRA+ (arXiv 2402.12354): B learns λ times as fast as A. As in its code and PEFT's, vectors (biases, magnitudes) go with B.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A higher learning rate for the matrices that start at 0.</summary>
/// <param name="ratio">λ, about 16.</param>
public sealed class LoraPlusPolicy(double ratio = 16) : TrainingPolicy
{
    private readonly HashSet<object> faster = new(ReferenceEqualityComparer.Instance);

    public override string? Conflict(TrainingPolicy other) => base.Conflict(other) ?? (other is AsyLoraPolicy
        ? "AsyLoRA freezes A; LoRA+ has B learn faster than A, which then means nothing. Leave out one of them" : null);

    public override void Begin(nn.Module model, TrainingOptions options)
    {
        if (!(ratio > 0 && double.IsFinite(ratio))) throw new ArgumentException($"the ratio must be finite and positive; it is {ratio}");
        faster.Clear();
        foreach (var one in model.LinearLayers().SelectMany(l => l.Layer.Adapters))
            if (BOf(one.Update) is { requires_grad: true } b) faster.Add(b);
        if (faster.Count == 0)
            throw new InvalidOperationException("LoRA+ trains B faster than A, and no B of a low-rank adapter trains here");
    }

    public override string Settings => FormattableString.Invariant($"ratio {ratio}");

    public override double LearningRateFactor(string name, Parameter parameter) => faster.Contains(parameter) || parameter.ndim == 1 ? ratio : 1;

    /// <summary>The matrix that starts at 0, of methods that have an A and a B.</summary>
    private static Parameter? BOf(Update update) => update switch
    {
        LowRankUpdate lora => lora.B,
        SampledRankUpdate lora => lora.B,
        PooledUpdate lora => lora.B,
        _ => null,
    };
}
