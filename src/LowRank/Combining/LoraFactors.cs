// ΔW as B A: the best factors of a given rank (Eckart and Young 1936: the singular directions of ΔW, and the error is the tail of its
// singular values), and the LoRA adapter that is made of such factors.
using System.Text.RegularExpressions;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One layer's ΔW = B A, and a constant added to its output.</summary>
/// <param name="A">[r, in].</param>
/// <param name="B">[out, r].</param>
/// <param name="Offset">[out], or null.</param>
internal sealed record LoraFactors(Tensor A, Tensor B, Tensor? Offset = null)
{
    public long Rank => A.shape[0];

    /// <summary>The first directions of ΔW [out, in] by an SVD in float64: A has orthonormal rows, B the singular values in it, so
    /// that directions of ΔW = 0 still train.</summary>
    /// <param name="delta">ΔW; the factors have its type.</param>
    /// <param name="rankOf">The rank for these singular values, largest first.</param>
    public static LoraFactors Best(Tensor delta, Func<double[], long> rankOf)
    {
        using var scope = NewDisposeScope();
        var (u, s, vh) = linalg.svd(delta.to(ScalarType.Float64), fullMatrices: false);
        var rank = rankOf(s.cpu().contiguous().data<double>().ToArray());
        var b = u.narrow(1, 0, rank).mul(s.narrow(0, 0, rank));                 // [out, r] ⊙ [r]
        var a = vh.narrow(0, 0, rank);
        return new(a.to(delta.dtype).contiguous().MoveToOuterDisposeScope(), b.to(delta.dtype).MoveToOuterDisposeScope());
    }

    /// <summary>The same with a rank, cut to what the matrix can have.</summary>
    public static LoraFactors Best(Tensor delta, long rank) => Best(delta, values => Math.Min(rank, values.Length));

    /// <summary>Throws if there can be no adapter of that name on the model now; nothing is changed.</summary>
    public static void RequireFree(nn.Module model, string name)
    {
        AdaptedLinear.CheckName(name);
        foreach (var (path, layer) in model.LinearLayers())
        {
            layer.RefuseWhileMerged($"add the adapter \"{name}\"");
            if (layer.Find(name) is not null)
                throw new ArgumentException($"{path} already has an adapter \"{name}\"; remove it or choose another name");
        }
    }

    /// <summary>Puts the factors on their layers as a LoRA adapter with s = 1 and makes it the active one.</summary>
    /// <param name="model">The model; <see cref="RequireFree"/> has been asked.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="layers">Where; the adapter's targets are those of the one that is there.</param>
    /// <param name="factors">One a layer.</param>
    /// <param name="trainable">Do the factors train?</param>
    /// <param name="madeOf">The adapters that they were made of: modules that one of them has whole go along.</param>
    public static void Add(nn.Module model, string name, IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> layers,
        IReadOnlyList<LoraFactors> factors, bool trainable, IReadOnlyList<string> madeOf)
    {
        var whole = WholeModules.Of(model);
        whole.Carry(madeOf, name, trainable);
        List<string> modules = [.. whole.ValuesOf(name).Select(v => v.Name[..v.Name.LastIndexOf('.')]).Distinct()];
        var config = Config(layers, factors) with { ModulesToSave = modules.Count == 0 ? null : TargetPattern.Names(modules) };
        using var grad = no_grad();
        foreach (var ((_, layer, source), (a, b, offset)) in layers.Zip(factors))
        {
            var update = new LowRankUpdate(layer.InFeatures, layer.OutFeatures, a.shape[0], scale: 1, config.Bias,
                dtype: a.dtype, device: layer.Weight.Device);
            update.A.copy_(a);
            update.B.copy_(b);
            if (offset is not null) update.Bias!.copy_(offset);
            var adapter = layer.AddAdapter(name, update, dropout: source.Dropout, trainable: trainable);
            adapter.Config = config with { Dropout = source.Dropout };
        }
        model.SetAdapter(name);
    }

    private static LoraConfig Config(
        IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> layers, IReadOnlyList<LoraFactors> factors)
    {
        // A pattern fits every path that ends in it: with the longest first, each path meets its own before another's.
        var ranks = layers.Zip(factors, (l, f) => (l.Path, f.Rank)).OrderByDescending(l => l.Path.Length).ToList();
        var most = ranks.CountBy(r => r.Rank).MaxBy(r => (r.Value, r.Key)).Key;
        var differing = ranks.TrueForAll(r => r.Rank == most) ? [] : ranks.ToDictionary(r => Regex.Escape(r.Path), r => r.Rank);
        var alone = layers.Count == 1 && layers[0].Path.Length == 0;            // the model is the layer
        var config = new LoraConfig
        {
            Rank = most,
            Alpha = most,
            Bias = factors.Any(f => f.Offset is not null),
            RankPattern = differing,
            AlphaPattern = differing.ToDictionary(p => p.Key, p => (double)p.Value),
        };
        return layers[0].Adapter.Config is { } like
            ? config with { Targets = like.Targets, Exclude = like.Exclude, Layers = like.Layers }
            : config with { Targets = alone ? TargetPattern.AllLinear : TargetPattern.Names(layers.Select(l => l.Path)) };
    }

    /// <summary>Throws if ΔW or a factor is not finite.</summary>
    public static void RequireFinite(Tensor tensor, string what)
    {
        using var finite = tensor.isfinite();
        using var all = finite.all();
        if (!all.item<bool>()) throw new InvalidOperationException($"{what} holds NaN or infinity; nothing was changed");
    }
}
