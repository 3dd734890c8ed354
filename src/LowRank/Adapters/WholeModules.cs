// Modules that train whole beside an adapter (PEFT's modules_to_save): a head, an embedding, norms. Each adapter has a copy of their parameters,
// and the copy of the active one lies in the module's own parameter: forward, optimizer and checkpoints meet nothing new. The model's own
// numbers wait here meanwhile. A classifier's head is such a module of every adapter that trains.
using System.Runtime.CompilerServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A model's parameters of which its adapters have copies.</summary>
internal sealed class WholeModules
{
    private static readonly ConditionalWeakTable<nn.Module, WholeModules> All = [];

    private readonly nn.Module model;
    private readonly Dictionary<string, Copies> adapters = [];
    private readonly Dictionary<string, Tensor> originals = [];                 // of the parameters that hold a copy now
    private IReadOnlyList<string> active = [];
    private bool enabled = true;

    private WholeModules(nn.Module model) => this.model = model;

    /// <summary>One adapter's numbers by the parameters' names; empty while they lie in the parameters.</summary>
    private sealed record Copies(IReadOnlyList<string> Names, bool Trainable)
    {
        public Dictionary<string, Tensor> Waiting { get; } = [];
    }

    /// <summary>Those of a model; of one without any they are empty.</summary>
    public static WholeModules Of(nn.Module model) => All.GetValue(model, model => new(model));

    /// <summary>The paths of all modules that have parameters of the base model in them.</summary>
    public static HashSet<string> Paths(nn.Module model) => Paths(model.BaseParameters().Select(p => p.Name));

    private static HashSet<string> Paths(IEnumerable<string> parameters) => [.. parameters.SelectMany(Above)];

    /// <summary>The paths of the modules that a parameter lies in, as "model", "model.norm" for "model.norm.weight".</summary>
    public static IEnumerable<string> Above(string parameter)
    {
        for (var dot = parameter.IndexOf('.'); dot >= 0; dot = parameter.IndexOf('.', dot + 1)) yield return parameter[..dot];
    }

    /// <summary>The parameters that train whole beside an adapter.</summary>
    /// <exception cref="ArgumentException">Nothing matches, a module is stored as codes, or the adapter goes on it.</exception>
    public static IReadOnlyList<string> Chosen(nn.Module model, AdapterConfig config, IReadOnlyList<(string Path, AdaptedLinear Layer)> targets) =>
        Chosen(config, model.BaseParameters().Select(p => p.Name), targets.Select(t => t.Path), model.LinearLayers().Where(l => l.Layer.Weight is QuantizedWeight).Select(l => l.Path));

    /// <summary>The same for a model that need not exist.</summary>
    /// <param name="config">The adapter.</param>
    /// <param name="parameters">The model's, by name.</param>
    /// <param name="targets">Paths of the layers that the adapter goes on.</param>
    /// <param name="coded">Paths of the layers that are stored as codes.</param>
    public static IReadOnlyList<string> Chosen(AdapterConfig config, IEnumerable<string> parameters, IEnumerable<string> targets, IEnumerable<string> coded)
    {
        if (config.ModulesToSave is not { } modules) return [];
        if (modules.IsAllLinear) throw new ArgumentException("modules that train whole are named; every linear layer whole is full fine-tuning (TrainOnly(\"*\"))");
        var names = parameters.ToList();
        modules.RequireIn(Paths(names));
        if (targets.FirstOrDefault(path => config.SavesWhole($"{path}.weight")) is { } both)
            throw new ArgumentException($"{both} trains whole beside the adapter; leave it out of the targets or of {nameof(AdapterConfig.ModulesToSave)}");
        if (coded.FirstOrDefault(path => config.SavesWhole($"{path}.weight")) is { } code)
            throw new ArgumentException($"{code} is stored as codes, and codes can't train whole; leave it out of {nameof(AdapterConfig.ModulesToSave)}, or dense when the model is quantized");
        return [.. names.Where(config.SavesWhole)];
    }

    /// <summary>Does the adapter have copies?</summary>
    public bool Has(string adapter) => adapters.ContainsKey(adapter);

    /// <summary>Is there a copy of this parameter, of whatever adapter?</summary>
    public bool Covers(string parameter) => adapters.Values.Any(copies => copies.Names.Contains(parameter));

    /// <summary>An adapter's numbers by the parameters' names; they may lie in the parameters, so read them only.</summary>
    public IEnumerable<(string Name, Tensor Value)> ValuesOf(string adapter) =>
        adapters.TryGetValue(adapter, out var copies) ? copies.Names.Select(name => (name, copies.Waiting.GetValueOrDefault(name) ?? Parameter(name))) : [];

    /// <summary>Copies the model's own numbers for an adapter; it is not active.</summary>
    public void Add(string adapter, IReadOnlyList<string> parameters, bool trainable)
    {
        Remove(adapter);
        if (parameters.Count == 0) return;
        using var grad = no_grad();
        var copies = adapters[adapter] = new(parameters, trainable);
        foreach (var name in parameters) copies.Waiting[name] = CopyOf(originals.GetValueOrDefault(name) ?? Parameter(name));
    }

    /// <summary>Gives a new adapter the copies of others, which it was made of.</summary>
    public void Carry(IReadOnlyList<string> from, string to, bool trainable)
    {
        Remove(to);                                                             // of an adapter that its layers have let go
        var values = from.Distinct().SelectMany(ValuesOf).ToList();
        if (values.Count == 0) return;
        using var grad = no_grad();
        var copies = new Copies([.. values.Select(v => v.Name)], trainable);
        foreach (var (name, value) in values) copies.Waiting[name] = CopyOf(value);
        adapters[to] = copies;
    }

    /// <summary>Throws if two of the adapters have a copy of the same module.</summary>
    public void RequireApart(IEnumerable<string> names, string what)
    {
        var all = names.Distinct().SelectMany(adapter => adapters.TryGetValue(adapter, out var copies) ? copies.Names.Select(name => (name, adapter)) : []);
        if (all.GroupBy(pair => pair.name).FirstOrDefault(group => group.Count() > 1) is not { } twice) return;
        var both = twice.Select(pair => pair.adapter).ToList();
        throw new ArgumentException($"\"{both[0]}\" and \"{both[1]}\" each have a whole {twice.Key[..twice.Key.LastIndexOf('.')]} of their own; {what}");
    }

    /// <summary>Puts the copies of these adapters into the parameters, and the model's own numbers into all others.</summary>
    public void SetActive(IReadOnlyList<string> names)
    {
        active = names;
        Apply();
    }

    /// <summary>Switches all copies on or off; which are active stays.</summary>
    public void Enable(bool enable)
    {
        enabled = enable;
        Apply();
    }

    /// <summary>The model's own numbers until what comes back is disposed; after a merge the active copies are the model's own.</summary>
    public IDisposable Aside()
    {
        var aside = new Switch(this, enabled);
        if (!model.LinearLayers().Any(l => l.Layer.MergedAdapters.Count > 0)) Enable(false);
        return aside;
    }

    /// <summary>After a merge for good: what the active adapters have is the model's.</summary>
    public void Absorb()
    {
        foreach (var name in active.Where(Has).ToList())
        {
            foreach (var parameter in adapters[name].Names)
            {
                Parameter(parameter).requires_grad = false;
                if (originals.Remove(parameter, out var before)) before.Dispose();
            }
            adapters.Remove(name);
        }
        active = [];
    }

    /// <summary>Forgets an adapter's copies; the model has its own numbers again.</summary>
    public void Remove(string adapter)
    {
        if (!Has(adapter)) return;
        SetActive([.. active.Where(name => name != adapter)]);
        foreach (var value in adapters[adapter].Waiting.Values) value.Dispose();
        adapters.Remove(adapter);
    }

    private void Apply()
    {
        using var grad = no_grad();
        foreach (var copies in adapters.Values)
            foreach (var name in copies.Names.Where(name => !copies.Waiting.ContainsKey(name)))
            {
                originals.Remove(name, out var own);
                copies.Waiting[name] = Exchange(name, own!);
                Parameter(name).requires_grad = false;
            }
        if (!enabled) return;
        foreach (var copies in active.Where(Has).Select(name => adapters[name]))
            foreach (var name in copies.Names)
            {
                copies.Waiting.Remove(name, out var copy);
                originals[name] = Exchange(name, copy!);
                Parameter(name).requires_grad = copies.Trainable;
            }
    }

    /// <summary>Puts other numbers into a parameter and gives those that it had; no number is copied, unless the model has moved
    /// meanwhile.</summary>
    private Tensor Exchange(string name, Tensor incoming)
    {
        var parameter = Parameter(name);
        var outgoing = parameter.detach().DetachFromDisposeScope();
        using var moved = incoming.to(parameter.dtype).to(parameter.device);
        parameter.set_(moved);
        if (!ReferenceEquals(moved, incoming)) incoming.Dispose();
        return outgoing;
    }

    private Parameter Parameter(string name) => model.get_parameter(name) ?? throw new InvalidOperationException($"the model has no {name} any more");

    private static Tensor CopyOf(Tensor tensor)
    {
        using var alias = tensor.detach();
        return alias.clone().DetachFromDisposeScope();
    }

    private sealed class Switch(WholeModules owner, bool before) : IDisposable
    {
        public void Dispose() => owner.Enable(before);
    }
}
