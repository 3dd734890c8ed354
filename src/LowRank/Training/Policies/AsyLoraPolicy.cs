// AsyLoRA (arXiv 2402.16842): A is random with orthonormal rows and stays as it is; B alone trains. Backward keeps x Aᵀ, r wide, in
// place of x.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Trains only B of low-rank adapters, over a frozen A with orthonormal rows.</summary>
/// <param name="adapter">The adapter's name.</param>
public sealed class AsyLoraPolicy(string adapter = Adapter.DefaultName) : TrainingPolicy
{
    private readonly List<LowRankUpdate> frozen = [];

    /// <summary>Draws A anew where B is still 0; an adapter that has learned keeps its A, which is frozen all the same.</summary>
    public override void Begin(nn.Module model, TrainingOptions options)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        frozen.Clear();
        foreach (var (path, _, one) in LayersAtWork(model, adapter))
        {
            if (one.Update is not LowRankUpdate update)
                throw new ArgumentException($"the adapter \"{adapter}\" of {path} has no A and B; AsyLoRA is for Adapter.Lora and Adapter.Dora");
            if (update.Rank > update.InFeatures)
                throw new ArgumentException($"{path} has {update.InFeatures} inputs: {update.Rank} rows of A can't be orthonormal; lower the rank");
            frozen.Add(update);
        }
        foreach (var update in frozen)
        {
            update.A.requires_grad = false;
            update.OrthonormalRows = true;
            if (update.B.count_nonzero().item<long>() == 0) update.Restart();
        }
    }

    public override string Settings => $"adapter {adapter}";

    /// <summary>A may train again in a later run.</summary>
    public override void End()
    {
        foreach (var update in frozen) (update.A.requires_grad, update.OrthonormalRows) = (true, false);
        frozen.Clear();
    }
}
