// What every method's configuration has: where the adapter goes, dropout, and whether the sum is decomposed. A method adds a
// record of its own (LoraConfig) with its few numbers.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of an adapter over a model. Immutable: <c>config with { … }</c> makes another.</summary>
public abstract record AdapterConfig
{
    /// <summary>Which linear layers get the adapter, if <c>Adapt</c> is not told: suffixes joined by "|", a regular expression
    /// for the whole path, or "all-linear" (every linear layer but the head and the embedding, which are named).</summary>
    public TargetPattern Targets { get; init; } = TargetPattern.AllLinear;

    /// <summary>Layers that get none although they are targets.</summary>
    public TargetPattern? Exclude { get; init; }

    /// <summary>Only these layers of the stack (the first number in a module's path), or null for all.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>Modules that train whole beside the adapter, as "lm_head|embed_tokens" or "norm": each adapter has its own copy, which takes the
    /// place of the model's while the adapter is active (PEFT's modules_to_save). Null for none.</summary>
    public TargetPattern? ModulesToSave { get; init; }

    /// <summary>Share of the adapter's input that is dropped in training, at least 0 and below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>Split the adapted weight into magnitude and direction (DoRA)?</summary>
    public bool Decomposed { get; init; }

    /// <summary>Throws if a number makes no sense, before any layer is touched.</summary>
    internal virtual void Validate()
    {
        if (Dropout is not (>= 0 and < 1))
            throw new ArgumentException($"dropout must be at least 0 and below 1; it is {Dropout}");
    }

    /// <summary>Does the layer at that path get the adapter?</summary>
    internal bool Chooses(string path) => Targets.Matches(path) && Exclude?.Matches(path) != true && InLayers(path);

    /// <summary>Does the parameter of that name train whole beside the adapter?</summary>
    internal bool SavesWhole(string parameter) => ModulesToSave is { } modules && WholeModules.Above(parameter).Any(modules.Matches);

    /// <summary>The same with a classifier's head among the modules that train whole.</summary>
    internal AdapterConfig WithHead(bool ofClassifier) =>
        !ofClassifier || SavesWhole($"{SequenceClassifier.HeadName}.weight") ? this
        : this with { ModulesToSave = ModulesToSave is null ? SequenceClassifier.HeadName : $"{ModulesToSave}|{SequenceClassifier.HeadName}" };

    /// <summary>Is the first number in the path (a stack's index) among the chosen ones?</summary>
    private bool InLayers(string path)
    {
        if (Layers is null) return true;
        foreach (var part in path.Split('.'))
            if (int.TryParse(part, out var index)) return Layers.Contains(index);
        return false;
    }

    /// <summary>The update of one layer; path is the layer's name in the model, for settings that depend on it. A method that
    /// overrides <see cref="CreateUpdates"/> needs none.</summary>
    internal virtual Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        throw new NotSupportedException($"{GetType().Name} makes the updates of all layers together");

    /// <summary>The updates of all target layers, in their order. Methods whose layers share tensors, or start from the weights,
    /// make them here; the others' layers know nothing of each other. Nothing of the model is changed yet.</summary>
    internal virtual IReadOnlyList<Update> CreateUpdates(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets) =>
        [.. targets.Select(t => CreateUpdate(t.Path, t.Layer.InFeatures, t.Layer.OutFeatures,
            FrozenWeight.Wide(t.Layer.Weight.DataType), t.Layer.Weight.Device))];

    /// <summary>Throws if a new adapter can't begin on these layers; one out of a file still may.</summary>
    internal virtual void CheckStart(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets) { }

    /// <summary>Name and shape of every tensor that the update has in a file, for one layer.</summary>
    internal abstract IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures);

    /// <summary>Name and shape of every tensor that a file holds once for all layers.</summary>
    internal virtual IEnumerable<(string Name, long[] Shape)> SharedTensorsOf(
        IReadOnlyList<(string Path, AdaptedLinear Layer)> targets) => [];

    /// <summary>Shapes of frozen tensors that the layers share: they lie in memory whether or not a file holds them.</summary>
    internal virtual IEnumerable<long[]> SharedShapesOf(IReadOnlyList<LayerShape> targets) => [];

    /// <summary>Rows of the update's <see cref="Update.Reader"/> for one layer, 0 without one, and whether it trains: what decides about
    /// keeping x for backward (<see cref="AdapterPass.ReadsInputInBackward"/>).</summary>
    internal virtual (long Rows, bool Trains) ReaderOf(string path, long inFeatures, long outFeatures) => (0, false);

    /// <summary>How many numbers an update has beside those of its files, for one layer: copies that it needs and does not train.</summary>
    internal virtual long CopiesOf(string path, long inFeatures, long outFeatures) => 0;

    /// <summary>How many numbers an update computes once and keeps, for one layer, in the type of its products.</summary>
    internal virtual long TablesOf(string path, long inFeatures, long outFeatures) => 0;

    /// <summary>The file's "peft_type".</summary>
    internal abstract string PeftType { get; }

    /// <summary>Adds the method's own fields to those of its adapter_config.json that all methods share.</summary>
    internal abstract void WriteFields(System.Text.Json.Nodes.JsonObject fields);

    /// <summary>Name and shape of every tensor that a file holds for one layer, a magnitude too.</summary>
    internal IEnumerable<(string Name, long[] Shape)> FileTensorsOf(string path, long inFeatures, long outFeatures)
    {
        var own = TensorsOf(path, inFeatures, outFeatures);
        return Decomposed ? own.Append((LinearAdapter.MagnitudeName, [outFeatures])) : own;
    }
}
