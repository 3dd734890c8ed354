// What users type: adapters on a whole model. Every operation looks at all its layers before it changes one.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Adapters of a model that is built from <see cref="AdaptedLinear"/>.</summary>
public static class ModelAdapters
{
    /// <summary>Puts an adapter on the model's target layers, freezes everything else (but the modules that train whole beside it, a
    /// classifier's head among them) and makes the adapter the active one.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers.</param>
    /// <param name="config">The method, as <c>Adapter.Lora(rank: 8)</c>.</param>
    /// <param name="targets">Which layers; the configuration's <see cref="AdapterConfig.Targets"/> if not given.</param>
    /// <param name="name">The adapter's name.</param>
    /// <returns>What trains now.</returns>
    /// <exception cref="ArgumentException">No module matches, the name is taken, or a number makes no sense; nothing is
    /// changed.</exception>
    public static TrainableParameters Adapt(
        this nn.Module model, AdapterConfig config, TargetPattern? targets = null, string name = Adapter.DefaultName)
    {
        var chosen = (config with { Targets = targets ?? config.Targets }).WithHead(model is SequenceClassifier);
        chosen.CheckStart(model.TargetsOf(chosen, name));
        model.AddAdapter(chosen, name, trainable: true);
        return TrainableParameters.Of(model);
    }

    /// <summary>The model's linear layers by path.</summary>
    public static IReadOnlyList<(string Path, AdaptedLinear Layer)> LinearLayers(this nn.Module model) =>
        model is AdaptedLinear alone ? [("", alone)]
        : [.. model.named_modules().Where(m => m.module is AdaptedLinear).Select(m => (m.name, (AdaptedLinear)m.module))
            .DistinctBy(m => m.Item2)];

    /// <summary>The layers that have an adapter of that name.</summary>
    public static IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> LayersOf(
        this nn.Module model, string name) =>
        [.. model.LinearLayers().Select(l => (l.Path, l.Layer, l.Layer.Find(name)!)).Where(l => l.Item3 is not null)];

    /// <summary>The names of the model's adapters.</summary>
    public static IReadOnlyList<string> AdapterNames(this nn.Module model) =>
        [.. model.LinearLayers().SelectMany(l => l.Layer.Adapters).Select(a => a.AdapterName).Distinct()];

    /// <summary>Makes these adapters active and all others inactive. Several add up; two decomposed ones in one layer are
    /// refused.</summary>
    public static void SetAdapter(this nn.Module model, params ReadOnlySpan<string> names)
    {
        var known = model.AdapterNames();
        foreach (var name in names)
            if (!known.Contains(name)) throw new ArgumentException($"no adapter \"{name}\"{NearestNames.Suggest(name, known)}");
        var wanted = names.ToArray();
        var layers = model.LinearLayers()
            .Select(l => (l.Layer, Names: wanted.Where(n => l.Layer.Find(n) is not null).ToArray())).ToList();
        foreach (var (layer, active) in layers) layer.CheckActive(active);
        WholeModules.Of(model).RequireApart(wanted, "activate one of them");
        foreach (var (layer, active) in layers) layer.SetActive(active);
        WholeModules.Of(model).SetActive(wanted);
    }

    /// <summary>Switches all adapters (and baselines) off: the model is the base model. Dispose what comes back, or call
    /// <see cref="EnableAdapters"/>, to switch them on again.</summary>
    public static IDisposable DisableAdapters(this nn.Module model)
    {
        var layers = model.LinearLayers();
        foreach (var (_, layer) in layers) layer.RefuseWhileMerged("switch the adapters off");
        foreach (var (_, layer) in layers) layer.EnableAdapters(false);
        WholeModules.Of(model).Enable(false);
        (model as CausalLm)?.EnableBaselines(false);
        return new Switch(model);
    }

    /// <summary>Switches the adapters on again; which are active has not changed.</summary>
    public static void EnableAdapters(this nn.Module model)
    {
        foreach (var (_, layer) in model.LinearLayers()) layer.EnableAdapters();
        WholeModules.Of(model).Enable(true);
        (model as CausalLm)?.EnableBaselines(true);
    }

    /// <summary>Takes an adapter off the model.</summary>
    public static void RemoveAdapter(this nn.Module model, string name)
    {
        var layers = model.RequiredLayersOf(name);
        foreach (var (_, layer, _) in layers) layer.RefuseWhileMerged($"remove the adapter \"{name}\"");
        foreach (var (_, layer, _) in layers) layer.RemoveAdapter(name);
        WholeModules.Of(model).Remove(name);
    }

    /// <summary>Puts the active adapters into the weights, so that forward costs nothing more. See
    /// <see cref="AdaptedLinear.Merge"/>.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers.</param>
    /// <param name="keepOriginal">Keep the weights they replace, for <see cref="Unmerge"/>; without it the merge is for good and
    /// the adapters are gone.</param>
    /// <exception cref="InvalidOperationException">A merged weight would hold NaN or infinity, or a baseline is active, which
    /// no weight can hold; nothing is changed.</exception>
    public static void Merge(this nn.Module model, bool keepOriginal = true)
    {
        (model as CausalLm)?.RefuseToMergeBaselines();
        var layers = model.LinearLayers();
        foreach (var (path, layer) in layers)
        {
            try { layer.CheckMerge(); }
            catch (InvalidOperationException e) { throw new InvalidOperationException($"{path}: {e.Message}", e); }
        }
        foreach (var (_, layer) in layers) layer.Merge(keepOriginal);
        if (!keepOriginal) WholeModules.Of(model).Absorb();
    }

    /// <summary>Restores the weights that <see cref="Merge"/> replaced, bit for bit.</summary>
    public static void Unmerge(this nn.Module model)
    {
        foreach (var (_, layer) in model.LinearLayers()) layer.Unmerge();
    }

    /// <summary>The base model's parameters: all but the adapters' and baselines'.</summary>
    public static IEnumerable<(string Name, Parameter Parameter)> BaseParameters(this nn.Module model)
    {
        var adapters = AdapterTensors(model);
        return model.named_parameters().Where(p => !adapters.Contains(p.parameter)).Select(p => (p.name, p.parameter));
    }

    /// <summary>Target layers by path; checks everything that could go wrong in <see cref="AddAdapter"/> before it
    /// begins.</summary>
    internal static IReadOnlyList<(string Path, AdaptedLinear Layer)> TargetsOf(
        this nn.Module model, AdapterConfig config, string name)
    {
        config.Validate();
        var layers = model.LinearLayers();
        config.Targets.RequireIn([.. layers.Select(l => l.Path)]);
        config.Exclude?.RequireIn([.. layers.Select(l => l.Path)]);
        var chosen = layers.Where(l => config.Chooses(l.Path)).ToList();
        if (chosen.Count == 0)
            throw new ArgumentException(
                $"no module is left of \"{config.Targets}\" after the exclusions and the choice of layers");
        WholeModules.Chosen(model, config, chosen);
        foreach (var (path, layer) in layers)
        {
            layer.RefuseWhileMerged($"add the adapter \"{name}\"");
            if (layer.Find(name) is not null)
                throw new ArgumentException($"{path} already has an adapter \"{name}\"; remove it or choose another name");
        }
        return chosen;
    }

    internal static void AddAdapter(this nn.Module model, AdapterConfig config, string name, bool trainable)
    {
        if (trainable) config = config.WithHead(model is SequenceClassifier);
        var targets = model.TargetsOf(config, name);
        AdaptedLinear.CheckName(name);
        var whole = WholeModules.Chosen(model, config, targets);
        var updates = config.CreateUpdates(targets);
        foreach (var ((_, layer), update) in targets.Zip(updates))
        {
            layer.CheckUpdate(name, update);
            EmbeddingLora.Start(config, layer, update);
        }
        foreach (var (_, parameter) in model.BaseParameters().ToList()) parameter.requires_grad = false;
        WholeModules.Of(model).Add(name, whole, trainable);
        foreach (var ((_, layer), update) in targets.Zip(updates))
        {
            if (update.TakeCodes() is { } codes) layer.Take(codes);
            layer.AddAdapter(name, update, config.Decomposed, config.Dropout, trainable).Config = config;
        }
        model.SetAdapter(name);
    }

    internal static IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> RequiredLayersOf(
        this nn.Module model, string name)
    {
        var layers = model.LayersOf(name);
        return layers.Count > 0
            ? layers
            : throw new ArgumentException($"no adapter \"{name}\"{NearestNames.Suggest(name, model.AdapterNames())}");
    }

    private static HashSet<object> AdapterTensors(nn.Module model)
    {
        var all = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var (_, layer) in model.LinearLayers())
            foreach (var adapter in layer.Adapters)
                foreach (var parameter in adapter.parameters()) all.Add(parameter);
        foreach (var parameter in (model as CausalLm)?.Baselines.SelectMany(b => b.parameters()) ?? []) all.Add(parameter);
        return all;
    }

    private sealed class Switch(nn.Module model) : IDisposable
    {
        public void Dispose() => model.EnableAdapters();
    }
}
