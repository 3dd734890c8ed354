// What language model and classifier share of a folder in Hugging Face's layout: config.json, weights, tokenizer.json. Weights come and go
// one at a time, so that beside the model at most one of its tensors is in memory, be it dense in between or not.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal static class ModelFolder
{
    public const string TokenizerFile = "tokenizer.json";

    /// <summary>Until this many parameters, loading draws as many random numbers as making a fresh model does: adapters that are put on after a
    /// seed and a load begin as they did when loading meant to make a model first, and lessons quote such runs. A large one does not wait for it.</summary>
    private const long DrawsUntil = 1 << 25;

    /// <summary>What a folder says of generating; chat models end a turn with tokens that config.json does not have.</summary>
    private const string GenerationFile = "generation_config.json";

    /// <summary>A folder's config.json, with the tokens that end a text by its generation_config.json.</summary>
    public static ModelConfig ConfigOf(string folder)
    {
        var path = Path.Combine(folder, ConfigFile.Name);
        if (File.Exists(path)) return WithEnds(ConfigFile.Read(path), Path.Combine(folder, GenerationFile));
        throw new FileNotFoundException($"{path} does not exist; a model folder holds {ConfigFile.Name}, {ModelTensors.FileName} and {TokenizerFile}" +
            (File.Exists(Path.Combine(folder, PeftConfig.FileName)) ? $". This one holds an adapter: load its base model, then LoadAdapter(\"{folder}\")" : ""), path);
    }

    private static ModelConfig WithEnds(ModelConfig config, string path)
    {
        if (!File.Exists(path)) return config;
        var fields = ConfigFields.Open(path);
        int[] named = fields.Token("eos_token_id", null) is { } first ? [first, .. fields.FurtherTokens("eos_token_id")] : [];
        foreach (var id in named)
            if (id < 0 || id >= config.VocabularySize) throw fields.Bad($"eos_token_id has {id}, and the vocabulary {config.VocabularySize} tokens");
        int[] known = config.EndToken is { } end ? [end, .. config.FurtherEndTokens] : [];
        int[] ends = [.. known.Concat(named).Distinct()];
        return ends.Length == 0 ? config : config with { EndToken = ends[0], FurtherEndTokens = ends[1..] };
    }

    /// <summary>A model's shape; null for a module that is none.</summary>
    public static ModelConfig? ShapeOf(nn.Module model) => (model as CausalLm)?.Config ?? (model as SequenceClassifier)?.Config;

    public static Tokenizer? TokenizerOf(string folder) =>
        File.Exists(Path.Combine(folder, TokenizerFile)) ? Tokenizer.Load(Path.Combine(folder, TokenizerFile)) : null;

    /// <summary>Opens a folder's weights, and throws unless they are those of the shape: before anything is built or trained.</summary>
    public static ModelWeights Open(string folder, ModelConfig config)
    {
        QuantizationEntry.Read(Path.Combine(folder, ConfigFile.Name));          // another method's codes say so themselves
        var weights = ModelWeights.Open(folder, config);
        try
        {
            ModelFit.Check(weights, config);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Puts a folder's weights into a model that has none yet (<see cref="ModelBuild.IsEmpty"/>).</summary>
    /// <param name="model">The model.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="weights">What <see cref="Open"/> gave.</param>
    /// <param name="format">What to store layers as; null: as the folder has them.</param>
    /// <param name="targets">Which layers; every linear layer but heads and embeddings if not given.</param>
    public static void Read(nn.Module model, ModelConfig config, ModelWeights weights, StorageFormat? format = null, TargetPattern? targets = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var layers = model.LinearLayers();
        var coding = format is null ? [] : (targets ?? TargetPattern.AllLinear).LayersIn(model);
        foreach (var (path, layer) in coding) layer.CheckQuantize(path);
        var chosen = coding.Select(l => l.Path).ToHashSet();
        if (config.ParameterCount <= DrawsUntil)
            foreach (var shape in config.LinearLayers()) layers.First(l => l.Path == shape.Path).Layer.DrawStart();

        var coded = Coded(layers, weights);
        QuantizationEntry.Check(model, config, weights.Path, coded.ToDictionary(c => c.Path, c => c.Stored.Format));
        if (coded.Find(c => chosen.Contains(c.Path)) is { Path: { } done, Stored: var code })
            throw new InvalidDataException($"{weights.Path}: {WeightOf(done)} is stored as {code.Format.Kind} already; load it as it is, or name the dense model's folder to quantize");
        foreach (var (_, layer, stored) in coded) layer.Take(stored);

        var rest = model.state_dict();
        foreach (var (path, layer) in layers.Where(l => rest.Remove(WeightOf(l.Path))))
        {
            using var one = NewDisposeScope();
            var dense = weights.Read(WeightOf(path), layer.Weight.DataType, layer.Weight.Device);
            if (chosen.Contains(path)) layer.Take(Encode(weights, path, dense, format!));
            else layer.Fill(dense);
        }
        foreach (var (name, parameter) in rest)
        {
            using var one = NewDisposeScope();
            parameter.copy_(weights.Read(name));
        }
    }

    /// <summary>Writes a model without its adapters in its family's layout. Each file is written whole or not at all.</summary>
    public static void Save(nn.Module model, ModelConfig config, Tokenizer? tokenizer, string folder)
    {
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var own = WholeModules.Of(model).Aside();
        var path = Path.Combine(folder, ModelTensors.FileName);
        var dense = model.state_dict().Select(pair => DenseEntry(path, config, pair.Key, pair.Value));
        var coded = model.LinearLayers().Where(l => l.Layer.Weight is QuantizedWeight)
            .SelectMany(l => ((QuantizedWeight)l.Layer.Weight).Stored.ToTensors(WeightOf(l.Path))).Select(pair => SafeTensors.Entry(path, pair.Key, pair.Value));
        SafeTensors.SaveBytes(path, dense.Concat(coded), new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, ConfigFile.Name), ConfigFile.Write(config, QuantizationEntry.Of(model, config)));
        tokenizer?.Save(folder);
    }

    /// <summary>A parameter in the type and layout of the file; it is converted while it is written.</summary>
    private static SafeTensorsEntry DenseEntry(string path, ModelConfig config, string name, Tensor parameter)
    {
        var turned = config.IsStoredTurned(name);
        return SafeTensors.Entry(path, name, config.StoredType, turned ? [.. parameter.shape.Reverse()] : parameter.shape,
            () => (turned ? parameter.detach().t() : parameter.detach()).to(config.StoredType));
    }

    private static string WeightOf(string path) => $"{path}.weight";

    /// <summary>The weights that the file holds as codes and scales.</summary>
    private static List<(string Path, AdaptedLinear Layer, QuantizedTensor Stored)> Coded(IReadOnlyList<(string Path, AdaptedLinear Layer)> layers, ModelWeights weights)
    {
        var all = new List<(string, AdaptedLinear, QuantizedTensor)>();
        foreach (var (path, layer) in layers)
        {
            var weight = WeightOf(path);
            var parts = QuantizedTensor.NamesIn(weights.Names, weight);
            if (parts.Count == 0) continue;
            var tensors = parts.Append(weight).Where(weights.Contains).ToDictionary(name => name, name => weights.Read(name));
            var stored = Stored(weights.Path, weight, tensors, layer.Weight.DataType);
            if (!stored.Shape.SequenceEqual([layer.OutFeatures, layer.InFeatures]))
                throw new InvalidDataException($"{weights.Path}: {weight} is stored as [{string.Join(", ", stored.Shape)}]; {ConfigFile.Name} asks for [{layer.OutFeatures}, {layer.InFeatures}]");
            all.Add((path, layer, stored));
        }
        return all;
    }

    private static QuantizedTensor Stored(string path, string weight, Dictionary<string, Tensor> tensors, ScalarType type)
    {
        try
        {
            return QuantizedTensor.FromTensors(weight, tensors, type == ScalarType.Float64 ? ScalarType.Float32 : type);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    private static QuantizedTensor Encode(ModelWeights weights, string path, Tensor dense, StorageFormat format)
    {
        try
        {
            return format.Encode(dense, WeightOf(path));
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{weights.Path}: {e.Message}", e);
        }
    }
}
