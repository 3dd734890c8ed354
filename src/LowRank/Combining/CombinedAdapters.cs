// Several adapters into a new one, as PEFT's add_weighted_adapter does: everything is checked and computed before the model gets it.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Combining the adapters of a model.</summary>
public static class CombinedAdapters
{
    /// <summary>Makes a plain LoRA adapter of several adapters by weight, and makes it the active one. The others stay as they
    /// are.</summary>
    /// <param name="model">A model with the adapters.</param>
    /// <param name="names">Adapters on the same layers, none with a magnitude. For the methods that combine A and B they must be LoRA,
    /// for those on ΔW any additive method will do.</param>
    /// <param name="weights">One for each; a negative one subtracts.</param>
    /// <param name="how">The method, as <see cref="Combination.Linear"/> or <c>Combination.Ties(0.5).OfDeltas(rank: 8)</c>.</param>
    /// <param name="newName">Of the new adapter, whose α is its rank: what s would scale is in its factors.</param>
    /// <param name="trainable">Shall it train?</param>
    /// <exception cref="ArgumentException">A name, number or pair of adapters makes no sense together; nothing is changed.</exception>
    /// <exception cref="InvalidOperationException">An adapter is merged, or a result would hold NaN or infinity; nothing is
    /// changed.</exception>
    public static void Combine(this nn.Module model, IReadOnlyList<string> names, IReadOnlyList<double> weights, Combination how,
        string newName, bool trainable = false)
    {
        how.Validate();
        RequireWeights(names, weights);
        LoraFactors.RequireFree(model, newName);
        var adapters = names.Select(model.RequiredLayersOf).ToList();
        RequireSameLayers(names, adapters);
        foreach (var (name, layers) in names.Zip(adapters)) RequirePlain(name, layers);
        if (!how.OnDeltas) RequireLora(names, adapters, how);
        WholeModules.Of(model).RequireApart(names, "the combination can have one");
        var rank = how.OnDeltas ? how.Rank ?? LargestRank(names, adapters) : 0;

        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var sum = new WeightedSum(how);
        var factors = new List<LoraFactors>();
        for (var i = 0; i < adapters[0].Count; i++)
        {
            var (path, layer, _) = adapters[0][i];
            var one = how.OnDeltas ? OfDeltas([.. names.Select(layer.Delta)], weights, sum, rank, path)
                : OfFactors([.. names.Select(name => (LowRankUpdate)layer.Find(name)!.Update)], weights, sum, how.Concatenates);
            LoraFactors.RequireFinite(one.A, $"{path}: A of the combination");
            LoraFactors.RequireFinite(one.B, $"{path}: B of the combination");
            factors.Add(one);
        }
        LoraFactors.Add(model, newName, adapters[0], factors, trainable, names);
    }

    private static LoraFactors OfDeltas(List<Tensor> deltas, IReadOnlyList<double> weights, WeightedSum sum, long rank, string path)
    {
        using var delta = sum.Of(deltas, weights);
        foreach (var one in deltas) one.Dispose();
        LoraFactors.RequireFinite(delta, $"{path}: the combined ΔW");
        return LoraFactors.Best(delta, rank);
    }

    private static LoraFactors OfFactors(List<LowRankUpdate> updates, IReadOnlyList<double> weights, WeightedSum sum, bool concatenates)
    {
        var whole = updates.Zip(weights, (update, weight) => weight * update.Scale).ToList();
        List<Tensor> a = [.. updates.Select(u => u.A.detach())], b = [.. updates.Select(u => u.B.detach())];
        if (concatenates) return new(cat([.. a.Zip(whole, (tensor, weight) => tensor.mul(weight))], 0), cat(b, 1));

        // √ of the weight on each factor, its sign on B alone: of one adapter that is w·s·BA itself.
        var roots = whole.ConvertAll(w => Math.Sqrt(Math.Abs(w)));
        var signed = whole.ConvertAll(w => Math.Sign(w) * Math.Sqrt(Math.Abs(w)));
        return new(sum.Of(a, roots), sum.Of(b, signed));
    }

    private static void RequireWeights(IReadOnlyList<string> names, IReadOnlyList<double> weights)
    {
        if (names.Count == 0) throw new ArgumentException("no adapter was named: there is nothing to combine");
        if (names.Count != weights.Count)
            throw new ArgumentException($"there are {names.Count} adapters and {weights.Count} weights; give one weight for each adapter");
        foreach (var (name, weight) in names.Zip(weights))
            if (!double.IsFinite(weight)) throw new ArgumentException($"the weight of \"{name}\" must be a finite number; it is {weight}");
    }

    private static void RequireSameLayers(
        IReadOnlyList<string> names, List<IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)>> adapters)
    {
        var first = adapters[0].Select(l => l.Path).ToList();
        for (var i = 1; i < names.Count; i++)
        {
            var other = adapters[i].Select(l => l.Path).ToList();
            var (more, less) = (other.Except(first).FirstOrDefault(), first.Except(other).FirstOrDefault());
            if (more is null && less is null) continue;
            var (has, lacks) = more is null ? (names[0], names[i]) : (names[i], names[0]);
            throw new ArgumentException($"\"{names[0]}\" and \"{names[i]}\" are on different layers: {more ?? less} has \"{has}\" and no \"{lacks}\"");
        }
    }

    private static void RequirePlain(string name, IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> layers)
    {
        foreach (var (path, _, adapter) in layers)
        {
            if (adapter.Magnitude is not null)
                throw new ArgumentException($"{path}: \"{name}\" splits the weight into magnitude and direction, and two magnitudes have no " +
                    "agreed sum; make a plain LoRA of it with ConvertToLora first");
            using var offset = adapter.Update.Offset();
            if (offset is not null)
                throw new ArgumentException($"{path}: \"{name}\" also adds to the bias, which these methods say nothing about; leave the adapters " +
                    "apart and activate them together, or merge one");
        }
    }

    private static void RequireLora(IReadOnlyList<string> names,
        List<IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)>> adapters, Combination how)
    {
        for (var layer = 0; layer < adapters[0].Count; layer++)
        {
            var updates = adapters.ConvertAll(a => a[layer].Adapter.Update);
            var path = adapters[0][layer].Path;
            var other = updates.FindIndex(u => u is not LowRankUpdate);
            if (other >= 0)
                throw new ArgumentException($"{path}: \"{names[other]}\" is no LoRA ({updates[other].GetName()}), so it has no A and B for \"{how}\"; use " +
                    "Combination.Svd, or another method's OfDeltas");
            var moved = updates.FindIndex(u => ((LowRankUpdate)u).Start is not null);
            if (moved >= 0)
                throw new ArgumentException($"{path}: \"{names[moved]}\" began as a part of the weight ({((LowRankUpdate)updates[moved]).Init}), so its ΔW is not " +
                    $"s·BA alone and \"{how}\" can't take its A and B; use Combination.Svd, or another method's OfDeltas");
            var ranks = updates.ConvertAll(u => ((LowRankUpdate)u).Rank);
            var differs = ranks.FindIndex(r => r != ranks[0]);
            if (differs >= 0 && !how.Concatenates)
                throw new ArgumentException($"{path}: \"{names[0]}\" has rank {ranks[0]} and \"{names[differs]}\" rank {ranks[differs]}, and \"{how}\" adds A and B " +
                    "element by element; use Combination.Concatenation or Combination.Svd");
        }
    }

    private static long LargestRank(
        IReadOnlyList<string> names, List<IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)>> adapters)
    {
        foreach (var (name, layers) in names.Zip(adapters))
            if (layers.FirstOrDefault(l => l.Adapter.Update is not LowRankUpdate).Adapter is { } other)
                throw new ArgumentException($"\"{name}\" is no LoRA ({other.Update.GetName()}) and so has no rank to go by; say which rank the combination shall have");
        return adapters.SelectMany(a => a).Max(l => ((LowRankUpdate)l.Adapter.Update).Rank);
    }
}
