// An adapter as a folder, as PEFT writes and reads it: adapter_config.json and adapter_model.safetensors. A tensor's name there
// is "base_model.model." + the layer's path + "." + its name in the method ("lora_A.weight", "lora_magnitude_vector"; an embedding's
// LoRA has names of its own, EmbeddingLora). Modules that train whole beside it are in the same file, under their paths (WholeFiles).
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Saves and loads adapters of a model.</summary>
public static class PeftFiles
{
    /// <summary>The file with the tensors.</summary>
    internal const string FileName = "adapter_model.safetensors";

    private const string SharedPrefix = "base_model.";
    private const string Prefix = SharedPrefix + "model.";
    private const string Turned = "fan_in_fan_out";
    private const int NamesInError = 5;

    /// <summary>Writes an adapter to a folder. Each file appears complete or not at all.</summary>
    /// <param name="model">A model with the adapter.</param>
    /// <param name="folder">Made if it is not there; an adapter in it is replaced.</param>
    /// <param name="name">Which adapter.</param>
    public static void SaveAdapter(this nn.Module model, string folder, string name = Adapter.DefaultName) => Save(model, folder, name, baseModel: null);

    private static void Save(nn.Module model, string folder, string name, string? baseModel)
    {
        var layers = model.RequiredLayersOf(name);
        var config = RequiredConfig(name, layers[0].Adapter);
        if (layers.Max(l => l.Layer.Absorbed) is > 0 and var times)
            throw new InvalidOperationException($"{times} restarts have put parts of an adapter into the base model's weights, so the file of " +
                $"\"{name}\" would belong to a base model that no folder holds. Merge it and save the model (Merge(keepOriginal: false), then Save)");
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var shared = config.SharedTensorsOf([.. layers.Select(l => (l.Path, l.Layer))]).Select(t => t.Name).ToHashSet();
        SafeTensors.Save(Path.Combine(folder, FileName),
            layers[0].Adapter.Update.SharedTensors.Where(t => shared.Contains(t.Name)).Select(t => KeyValuePair.Create(SharedPrefix + t.Name, t.Value)).Concat(
            from layer in layers
            from tensor in layer.Adapter.Tensors
            let file = EmbeddingLora.InFile(config, layer.Layer, tensor.Name)
            select KeyValuePair.Create(FullName(layer.Path, file.Name), file.IsTurned ? tensor.Value.t().contiguous() : tensor.Value))
            .Concat(layers.SelectMany(l => EmbeddingLora.HeadPair(config, l.Layer, l.Adapter)).Select(t => KeyValuePair.Create(FullName(t.Path, t.Name), t.Value)))
            .Concat(WholeFiles.Tensors(model, name).Select(t => KeyValuePair.Create(Prefix + t.Name, t.Value))),
            new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, PeftConfig.FileName), PeftConfig.Write(config, layers.Select(l => l.Path), fields =>
        {
            EmbeddingLora.WriteFields(fields, config, [.. layers.Select(l => l.Layer)]);
            // GPT-2's layers, whose weights files hold as [in, out]: so PEFT calls them.
            if (fields.ContainsKey(Turned) && layers.Any(l => ModelFolder.ShapeOf(model)?.IsStoredTurned(l.Path + ".weight") == true)) fields[Turned] = true;
            WholeFiles.WriteFields(fields, model, name, config.ModulesToSave);
            fields["base_model_name_or_path"] = baseModel;
        }));
    }

    /// <summary>Writes an adapter to a folder, with a card (README.md) that says what it is and how the run went; its configuration names the
    /// card's base model.</summary>
    /// <param name="model">A model with the adapter.</param>
    /// <param name="folder">Made if it is not there; an adapter and a card in it are replaced.</param>
    /// <param name="card">What the model does not know.</param>
    /// <param name="name">Which adapter.</param>
    public static void SaveAdapter(this nn.Module model, string folder, AdapterCard card, string name = Adapter.DefaultName)
    {
        var text = card.Text(model, name);
        Save(model, folder, name, card.BaseModel);
        AtomicFile.Write(Path.Combine(folder, AdapterCard.FileName), text);
    }

    internal static AdapterConfig RequiredConfig(string name, LinearAdapter adapter) => adapter.Config
        ?? throw new InvalidOperationException($"the adapter \"{name}\" was put on its layers by hand and has no " +
            "configuration to save; use Adapt");

    /// <summary>Puts the adapter of a folder onto the model and makes it the active one.</summary>
    /// <param name="model">The model it was made for.</param>
    /// <param name="folder">With adapter_config.json and adapter_model.safetensors.</param>
    /// <param name="name">The adapter's name in the model.</param>
    /// <param name="trainable">Shall it go on training? Otherwise its tensors require no gradient.</param>
    /// <remarks>Modules that the file holds whole, as a classifier's head, take the place of the model's while the adapter is active.</remarks>
    /// <exception cref="InvalidDataException">Tensors are missing, unexpected or of another shape. The model is not
    /// changed.</exception>
    /// <exception cref="ArgumentException">The file's targets are no layers of the model, or the name is taken. The model is not changed.</exception>
    public static void LoadAdapter(this nn.Module model, string folder, string name = Adapter.DefaultName, bool trainable = false)
    {
        var fields = PeftFields.Read(Path.Combine(folder, PeftConfig.FileName));
        var config = PeftConfig.Read(fields) with { ModulesToSave = WholeFiles.Read(fields, model) };
        var targets = TargetsIn(model, config, name, Path.Combine(folder, PeftConfig.FileName));
        EmbeddingLora.Check(fields, config, [.. targets.Select(t => t.Layer)]);
        var whole = WholeModules.Chosen(model, config, targets);
        using var file = SafeTensorsFile.Open(Path.Combine(folder, FileName));
        Validate(file, config, targets, WholeFiles.Expected(model, whole));
        using var scope = NewDisposeScope();
        var tensors = file.Names.ToDictionary(n => n, n => file.Read(n));
        RefuseNotFinite(file.Path, tensors);
        RefuseOtherCopies(file.Path, tensors, config, targets);
        var wholes = whole.Select(path => (Name: path, Value: WholeFiles.FromFile(model, path, n => tensors.GetValueOrDefault(Prefix + n), file.Path))).ToList();

        model.AddAdapter(config, name, trainable);
        using var grad = no_grad();
        var shared = tensors.Where(t => !t.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(t => t.Key[SharedPrefix.Length..], t => t.Value);
        if (shared.Count > 0) model.LayersOf(name)[0].Adapter.Update.LoadShared(shared);
        foreach (var (path, layer, adapter) in model.LayersOf(name))
            foreach (var (tensorName, parameter) in adapter.Tensors)
            {
                var (fileName, isTurned) = EmbeddingLora.InFile(config, layer, tensorName);
                var tensor = tensors[FullName(path, fileName)];
                parameter.copy_(isTurned ? tensor.t() : tensor);
            }
        foreach (var (path, value) in wholes) model.get_parameter(path)!.copy_(value);
    }

    /// <summary>The layers that the file's targets choose; an error about them names the file.</summary>
    private static IReadOnlyList<(string Path, AdaptedLinear Layer)> TargetsIn(nn.Module model, AdapterConfig config, string name, string path)
    {
        try { return model.TargetsOf(config, name); }
        catch (ArgumentException error) when (!model.AdapterNames().Contains(name)) { throw new ArgumentException($"{path}: {error.Message}", error); }
    }

    private static void Validate(
        SafeTensorsFile file, AdapterConfig config, IReadOnlyList<(string Path, AdaptedLinear Layer)> targets,
        (IEnumerable<(string Name, long[] Shape)> Wanted, IEnumerable<string> Copies) whole)
    {
        var expected = config.SharedTensorsOf(targets).ToDictionary(t => SharedPrefix + t.Name, t => t.Shape);
        foreach (var (path, layer) in targets)
            foreach (var (name, shape) in config.FileTensorsOf(path, layer.InFeatures, layer.OutFeatures))
            {
                var (fileName, isTurned) = EmbeddingLora.InFile(config, layer, name);
                expected.Add(FullName(path, fileName), isTurned ? [shape[1], shape[0]] : shape);
            }
        foreach (var (name, shape) in whole.Wanted) expected.Add(Prefix + name, shape);
        var copies = targets.SelectMany(t => EmbeddingLora.Copies(config, t.Path, t.Layer)).Select(c => FullName(c.Path, c.Name)).Concat(whole.Copies.Select(n => Prefix + n)).ToHashSet();
        Check(file, expected, copies);
    }

    /// <summary>Throws with every tensor that is missing, unexpected or not as expected; optional ones may be there.</summary>
    internal static void Check(SafeTensorsFile file, Dictionary<string, long[]> expected, IReadOnlySet<string>? optional = null)
    {
        var problems = new List<string>();
        Report(problems, "missing", expected.Keys.Where(name => !file.Contains(name)));
        Report(problems, "unexpected", file.Names.Where(name => !expected.ContainsKey(name) && optional?.Contains(name) != true));
        var common = expected.Where(e => file.Contains(e.Key)).Select(e => (Info: file.Info(e.Key), Wanted: e.Value)).ToList();
        Report(problems, "of another shape", common.Where(c => !c.Info.Shape.SequenceEqual(c.Wanted)).Select(c =>
            $"{c.Info.Name} ([{string.Join(", ", c.Info.Shape)}] in the file, [{string.Join(", ", c.Wanted)}] in the model)"));
        Report(problems, "not of a floating-point type", common.Where(c => !IsFloating(c.Info.Type)).Select(c => c.Info.Name));
        if (problems.Count > 0)
            throw new InvalidDataException($"{file.Path} does not fit the model: {string.Join("; ", problems)}");
    }

    private static void Report(List<string> problems, string what, IEnumerable<string> names)
    {
        var list = names.ToList();
        if (list.Count == 0) return;
        var more = list.Count > NamesInError ? $" and {list.Count - NamesInError} more" : "";
        problems.Add($"{what}: {string.Join(", ", list.Take(NamesInError))}{more}");
    }

    internal static void RefuseNotFinite(string path, Dictionary<string, Tensor> tensors)
    {
        foreach (var (name, tensor) in tensors)
            if (!tensor.isfinite().all().item<bool>())
                throw new InvalidDataException($"{path}: tensor \"{name}\" holds NaN or infinity");
    }

    /// <summary>What the file holds twice, or of the base model, must be what it is a copy of.</summary>
    private static void RefuseOtherCopies(string path, Dictionary<string, Tensor> tensors, AdapterConfig config,
        IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        foreach (var (layerPath, layer) in targets)
            foreach (var (copyPath, name, original) in EmbeddingLora.Copies(config, layerPath, layer))
            {
                if (!tensors.TryGetValue(FullName(copyPath, name), out var copy)) continue;
                var wanted = original(own => tensors[FullName(layerPath, own)]);
                if (!copy.shape.SequenceEqual(wanted.shape) || !copy.to(wanted.dtype).eq(wanted).all().item<bool>())
                    throw new InvalidDataException($"{path}: tensor \"{FullName(copyPath, name)}\" is not the embedding that the adapter is " +
                        "loaded for, nor is it part of the adapter; load the adapter onto the model it was trained on");
            }
    }

    private static bool IsFloating(SafeTensorsType type) =>
        type is SafeTensorsType.F64 or SafeTensorsType.F32 or SafeTensorsType.F16 or SafeTensorsType.BF16;

    private static string FullName(string path, string name) => path.Length == 0 ? $"{Prefix}{name}" : $"{Prefix}{path}.{name}";
}
