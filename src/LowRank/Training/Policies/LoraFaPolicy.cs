// LoRA-FA (arXiv 2308.03303; as PEFT implements it): A stays as it was drawn and B trains. What B's gradient would have moved in ΔW is
// projected onto what A lets through, ∇B ← (1/s²)·∇B·(AAᵀ + δI)⁻¹, then an AdamW that adds ε before the bias correction and decays
// after the step. Backward keeps x Aᵀ, r wide, in place of x.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Trains only B of low-rank adapters, with its gradient projected by a frozen A.</summary>
/// <param name="adapter">The adapter's name.</param>
public sealed class LoraFaPolicy(string adapter = Adapter.DefaultName) : TrainingPolicy
{
    private const double Delta = 1e-8;

    private IReadOnlyList<LowRankUpdate> updates = [];
    private double epsilon, decay;

    public override string? Conflict(TrainingPolicy other) => base.Conflict(other)
        ?? (other is LoraPlusPolicy ? "LoRA-FA freezes A; LoRA+ has B learn faster than A, which then means nothing. Leave out one of them" : null);

    public override void Begin(nn.Module model, TrainingOptions options)
    {
        (epsilon, decay) = (options.Epsilon, options.WeightDecay);
        updates = [.. LayersAtWork(model, adapter).Select(l => l.Adapter.Update as LowRankUpdate
            ?? throw new ArgumentException($"the adapter \"{adapter}\" of {l.Path} has no A and B; LoRA-FA is for Adapter.Lora and Adapter.Dora"))];
        if (updates.Any(u => u.Scale == 0))
        {
            updates = [];
            throw new ArgumentException("LoRA-FA divides by the scale, which is 0; give alpha another value");
        }
        foreach (var update in updates) update.A.requires_grad = false;
    }

    public override void BeforeUpdate(TrainingUpdate update)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        foreach (var one in updates)
        {
            if (one.B.grad is not { } gradient) continue;
            var wide = FrozenWeight.Wide(one.A.dtype);
            var a = one.A.to(wide);
            var square = a.mm(a.t()).add(eye(one.Rank, dtype: wide, device: a.device), Delta);      // [r, in] x [in, r] -> [r, r]
            gradient.copy_(gradient.to(wide).mm(linalg.pinv(square)).div(one.Scale * one.Scale));   // [out, r] x [r, r]
        }

        // ε before the bias correction is, for an AdamW that has it after, ε divided by that correction.
        foreach (var group in update.Groups)
        {
            var options = group.Options;
            options.eps = epsilon / Math.Sqrt(1 - Math.Pow(options.beta2!.Value, update.Step + 1));
            options.weight_decay = 0;
        }
    }

    public override string Settings => $"adapter {adapter}";

    /// <summary>A may train again in a later run.</summary>
    public override void End()
    {
        foreach (var update in updates) update.A.requires_grad = true;
        updates = [];
    }

    public override void AfterUpdate(TrainingUpdate update)
    {
        if (decay == 0) return;
        using var grad = no_grad();
        foreach (var group in update.Groups)
            foreach (var parameter in group.Parameters.Where(p => p.ndim >= 2)) parameter.mul_(1 - group.LearningRate * decay);
    }
}
