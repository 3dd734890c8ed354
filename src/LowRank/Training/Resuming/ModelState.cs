// What of a model a checkpoint holds: everything that trains, every tensor of an adapter or a baseline whether it trains or not (it may have been
// drawn), buffers, and those frozen weights that are no longer what they were when the run began (a restart has put ΔW into them, or they are
// stored otherwise). Frozen weights that nobody has changed stay in the model's own file; the checkpoint knows them by a hash.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A model's part of a checkpoint. Made when the run begins.</summary>
internal sealed class ModelState
{
    private const string Kept = "model.", Stored = "stored.";

    private readonly List<(string Name, Tensor Value)> kept;
    private readonly List<Frozen> frozen = [];
    private readonly List<(string Name, Tensor Value)> shared = [];
    private readonly nn.Module model;

    public ModelState(nn.Module model, IReadOnlyList<(string Name, Parameter Parameter)> trained)
    {
        this.model = model;
        var trains = trained.Select(t => t.Parameter).ToHashSet<object>(ReferenceEqualityComparer.Instance);
        var bases = model.BaseParameters().Select(p => p.Parameter).ToHashSet<object>(ReferenceEqualityComparer.Instance);
        var layers = new Dictionary<object, AdaptedLinear>(ReferenceEqualityComparer.Instance);
        foreach (var (_, layer) in model.LinearLayers())
            layers[layer.named_parameters(recurse: false).Single(p => p.name == "weight").parameter] = layer;
        kept = [.. model.named_buffers(include_nonpersistent: false).Select(b => (b.name, b.buffer))];
        foreach (var (name, parameter) in model.named_parameters())
            if (trains.Contains(parameter) || !bases.Contains(parameter)) kept.Add((name, parameter));
            else frozen.Add(new(name, parameter, layers.GetValueOrDefault(parameter)));
        foreach (var update in model.LinearLayers().SelectMany(l => l.Layer.Adapters).Select(a => a.Update))
            foreach (var (name, value) in update.SharedTensors)
                if (!shared.Any(s => ReferenceEquals(s.Value, value))) shared.Add((name, value));
    }

    /// <summary>What the model is told by, as it is now.</summary>
    public IEnumerable<(string Name, string Value)> Facts()
    {
        foreach (var (name, value) in kept) yield return ($"tensor {name}", RunFacts.Shape(value));
        foreach (var one in frozen) yield return ($"weight {one.Name}", one.Now());
        foreach (var (i, (name, value)) in shared.Index()) yield return ($"shared {name} {i}", RunFacts.HashOf([value]));
        foreach (var group in model.LinearLayers().SelectMany(l => l.Layer.Adapters).GroupBy(a => a.AdapterName))
            yield return ($"adapter {group.Key}", string.Join(" | ", group.Select(Describe).Distinct()));
    }

    /// <summary>The tensors to save, and further ones that the caller disposes when it has done so.</summary>
    public (Dictionary<string, Tensor> All, IReadOnlyList<Tensor> Views) Capture()
    {
        var (all, views) = (new Dictionary<string, Tensor>(), new List<Tensor>());
        foreach (var (name, value) in kept) all.Add(Kept + name, value);
        foreach (var one in frozen.Where(one => one.HasChanged()))
            if (one.Layer?.Weight is QuantizedWeight { Stored: var stored })
                foreach (var (name, value) in stored.ToTensors(Stored + one.Name))
                {
                    all.Add(name, value);
                    views.Add(value);
                }
            else all.Add(Kept + one.Name, one.Parameter);
        return (all, views);
    }

    /// <summary>Puts a checkpoint's tensors into the model.</summary>
    /// <exception cref="InvalidDataException">One is missing or of another shape or type; nothing is changed.</exception>
    public void Restore(SafeTensorsFile file)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        var values = kept.Concat(frozen.Where(one => file.Contains(Kept + one.Name)).Select(one => (one.Name, (Tensor)one.Parameter))).ToList();
        var coded = frozen.Where(one => PartsOf(one, file).Count > 0).ToList();
        foreach (var (name, value) in values)
        {
            if (!file.Contains(Kept + name)) throw new InvalidDataException($"{file.Path} has no tensor \"{Kept + name}\"");
            var info = file.Info(Kept + name);
            if (SafeTensors.ScalarTypeOf(info.Type) != value.dtype || !info.Shape.SequenceEqual(value.shape))
                throw new InvalidDataException($"{file.Path}: \"{Kept + name}\" is {info.Type} [{string.Join(", ", info.Shape)}]; the model's is {RunFacts.Shape(value)}");
        }
        foreach (var (name, value) in values)
        {
            using var one = NewDisposeScope();
            value.copy_(file.Read(Kept + name));
        }
        foreach (var one in coded)
        {
            using var parts = NewDisposeScope();
            var tensors = PartsOf(one, file).ToDictionary(name => name, name => file.Read(name));
            one.Layer!.Take(QuantizedTensor.FromTensors(Stored + one.Name, tensors, one.Layer.Weight.DataType).DetachFromDisposeScope());
        }
    }

    /// <summary>The tensors of a weight that is saved as codes and scales.</summary>
    private static List<string> PartsOf(Frozen one, SafeTensorsFile file) =>
        [.. QuantizedTensor.NamesIn(file.Names, Stored + one.Name).Append(Stored + one.Name).Where(file.Contains)];

    private static string Describe(LinearAdapter adapter)
    {
        var fields = new System.Text.Json.Nodes.JsonObject();
        adapter.Config?.WriteFields(fields);
        return FormattableString.Invariant($"{adapter.Update.GetName()}, dropout {adapter.Dropout}, active {adapter.IsActive} {fields.ToJsonString()}");
    }

    /// <summary>A weight that does not train.</summary>
    private sealed class Frozen
    {
        private readonly string begun;
        private (TensorStamp Stamp, string Hash) latest;

        public Frozen(string name, Parameter parameter, AdaptedLinear? layer)
        {
            (Name, Parameter, Layer) = (name, parameter, layer);
            latest = (Stamp, begun = Hash());
        }

        public string Name { get; }

        public Parameter Parameter { get; }

        /// <summary>The layer whose weight it is, stored as it may be.</summary>
        public AdaptedLinear? Layer { get; }

        private TensorStamp Stamp => Layer?.Weight.Stamp ?? TensorStamp.Of(Parameter);

        /// <summary>Its content: computed anew only where it may have changed.</summary>
        public string Now()
        {
            if (!Stamp.Matches(latest.Stamp)) latest = (Stamp, Hash());
            return latest.Hash;
        }

        public bool HasChanged() => Now() != begun;

        private string Hash() => Layer?.Weight is QuantizedWeight { Stored: var stored }
            ? $"{stored.Format.GetType().Name} [{string.Join(", ", stored.Shape)}] {RunFacts.HashOf(stored.Tensors)}"
            : $"{RunFacts.Shape(Parameter)} {RunFacts.HashOf([Parameter])}";
    }
}
