// One DyLoRA adapter used, and exported, at any of its ranks.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The ranks of DyLoRA adapters over a model.</summary>
public static class DyLoraRanks
{
    /// <summary>Sets the rank at which a DyLoRA adapter works, in all its layers.</summary>
    /// <exception cref="ArgumentException">There is no such adapter, it is not DyLoRA, or the rank is beyond its largest.</exception>
    public static void SetRank(this nn.Module model, long rank, string name = Adapter.DefaultName)
    {
        foreach (var update in Updates(model, name)) update.Rank = rank;
    }

    /// <summary>Adds a plain LoRA adapter that computes what the DyLoRA adapter computes at a rank (its scale stays α/b), and makes it
    /// the active one.</summary>
    /// <param name="model">A model with the adapter.</param>
    /// <param name="rank">b.</param>
    /// <param name="newName">The name of the new adapter.</param>
    /// <param name="name">The DyLoRA adapter.</param>
    public static void ExportRank(this nn.Module model, long rank, string newName, string name = Adapter.DefaultName)
    {
        var updates = Updates(model, name);
        if (rank < 1 || rank > updates[0].MaximumRank)
            throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must lie between 1 and {updates[0].MaximumRank}; it is {rank}");
        var layers = model.RequiredLayersOf(name);
        var config = (DyLoraConfig?)layers[0].Adapter.Config
            ?? throw new InvalidOperationException($"the adapter \"{name}\" was put on its layers by hand and has no configuration");
        model.AddAdapter(new LoraConfig
        {
            Rank = rank, Alpha = config.Alpha, Decomposed = config.Decomposed, Dropout = config.Dropout, Targets = config.Targets,
            Exclude = config.Exclude, Layers = config.Layers,
        }, newName, trainable: true);
        using var grad = no_grad();
        foreach (var (_, layer, adapter) in layers)
        {
            var (from, to) = ((SampledRankUpdate)adapter.Update, (LowRankUpdate)layer.Find(newName)!.Update);
            using var a = from.A.narrow(0, 0, rank);
            using var b = from.B.narrow(1, 0, rank);
            to.A.copy_(a);
            to.B.copy_(b);
            layer.Find(newName)!.Magnitude?.copy_(adapter.Magnitude!);
        }
    }

    internal static IReadOnlyList<SampledRankUpdate> Updates(nn.Module model, string name) =>
        [.. model.RequiredLayersOf(name).Select(l => l.Adapter.Update as SampledRankUpdate
            ?? throw new ArgumentException($"the adapter \"{name}\" of {l.Path} is not DyLoRA; put it there with Adapter.DyLora"))];
}
