// A model's folder in Hugging Face's layout: config.json, model.safetensors, tokenizer.json.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class CausalLm
{
    internal const string WeightsFile = "model.safetensors";
    internal const string TokenizerFile = "tokenizer.json";

    /// <summary>Loads a Llama-style model and, where there is one, its tokenizer.</summary>
    /// <param name="folder">Holds config.json, model.safetensors and perhaps tokenizer.json.</param>
    /// <param name="dtype">Type of the weights in memory, float32 unless said (the CPU is slow at others).</param>
    /// <param name="device">Where the model lives, the CPU unless said.</param>
    /// <exception cref="FileNotFoundException">A file is missing; names it.</exception>
    /// <exception cref="InvalidDataException">Weights are missing, unexpected or of another shape; names the file and every such tensor.</exception>
    public static CausalLm Load(string folder, ScalarType? dtype = null, Device? device = null)
    {
        var weights = Existing(folder, WeightsFile);
        var model = new CausalLm(LlamaConfigFile.Read(Existing(folder, LlamaConfigFile.FileName)), 0, dtype, device);
        try
        {
            Read(model, model.Config, weights);
            if (File.Exists(Path.Combine(folder, TokenizerFile)))
                model.Tokenizer = Tokenizer.Load(Path.Combine(folder, TokenizerFile));
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Saves the model without its adapters, in <see cref="LlamaConfig.StoredType"/>, so that this library and transformers load it.
    /// Each file is written whole or not at all.
    /// </summary>
    public void Save(string folder) => Save(this, Config, Tokenizer, folder);

    internal static void Save(nn.Module model, LlamaConfig config, Tokenizer? tokenizer, string folder)
    {
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var tensors = model.state_dict().Select(pair => KeyValuePair.Create(pair.Key, pair.Value.detach().to(config.StoredType).contiguous()))
            .Concat(model.LinearLayers().Where(l => l.Layer.Weight is QuantizedWeight)
                .SelectMany(l => ((QuantizedWeight)l.Layer.Weight).Stored.ToTensors(WeightOf(l.Path)))).ToList();
        SafeTensors.Save(Path.Combine(folder, WeightsFile), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, LlamaConfigFile.FileName), LlamaConfigFile.Write(config, QuantizationEntry.Of(model, config)));
        tokenizer?.Save(folder);
    }

    internal static void Read(nn.Module model, LlamaConfig config, string path)
    {
        using var file = SafeTensorsFile.Open(path);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var wanted = model.state_dict();
        var found = file.Names.Where(name => !IsRedundant(config, name)).ToHashSet();
        var quantized = Quantized(model, file, found);
        QuantizationEntry.Check(model, config, path, quantized.ToDictionary(q => q.Path, q => q.Stored.Format));
        foreach (var (layerPath, _, _) in quantized) wanted.Remove(WeightOf(layerPath));
        List<string> problems =
        [
            .. wanted.Keys.Where(name => !found.Contains(name)).Select(name => $"missing {name} {Shape(wanted[name].shape)}"),
            .. found.Where(name => !wanted.ContainsKey(name)).Select(name => $"unexpected {name}"),
            .. wanted.Where(pair => found.Contains(pair.Key) && !file.Info(pair.Key).Shape.SequenceEqual(pair.Value.shape))
                .Select(pair => $"{pair.Key} is {Shape(file.Info(pair.Key).Shape)}, config.json asks for {Shape(pair.Value.shape)}"),
            .. wanted.Keys.Where(name => found.Contains(name) && file.Info(name).Type is SafeTensorsType.I8 or SafeTensorsType.U8)
                .Select(name => $"{name} is {file.Info(name).Type}, which needs scales beside it"),
        ];
        if (problems.Count > 0)
            throw new InvalidDataException($"{path} does not fit {LlamaConfigFile.FileName}: {string.Join("; ", problems)}");
        foreach (var (_, layer, stored) in quantized) layer.Take(stored);
        foreach (var (name, parameter) in wanted)
        {
            using var one = NewDisposeScope();
            parameter.copy_(file.Read(name));
        }
    }

    private static string WeightOf(string path) => $"{path}.weight";

    /// <summary>The weights that the file holds as codes and scales; their tensors are taken out of the names found.</summary>
    private static List<(string Path, AdaptedLinear Layer, QuantizedTensor Stored)> Quantized(nn.Module model, SafeTensorsFile file, HashSet<string> found)
    {
        var all = new List<(string, AdaptedLinear, QuantizedTensor)>();
        foreach (var (path, layer) in model.LinearLayers())
        {
            var weight = WeightOf(path);
            var parts = QuantizedTensor.NamesIn(found, weight);
            if (parts.Count == 0) continue;
            var tensors = parts.Append(weight).Where(found.Contains).ToDictionary(name => name, name => file.Read(name));
            var stored = Stored(file.Path, weight, tensors, layer.Weight.DataType);
            if (!stored.Shape.SequenceEqual([layer.OutFeatures, layer.InFeatures]))
                throw new InvalidDataException($"{file.Path}: {weight} is stored as {Shape(stored.Shape)}; {LlamaConfigFile.FileName} asks for {Shape([layer.OutFeatures, layer.InFeatures])}");
            all.Add((path, layer, stored));
            found.ExceptWith(tensors.Keys);
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

    // Old checkpoints hold the rotary frequencies, and some tied ones the head as a second copy of the embedding.
    private static bool IsRedundant(LlamaConfig config, string name) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || (config is { TiedEmbeddings: true, Labels: null } && name == "lm_head.weight");

    private static string Shape(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    internal static string Existing(string folder, string name) => Path.Combine(folder, name) is var path && File.Exists(path)
        ? path
        : throw new FileNotFoundException($"{path} does not exist; a model folder holds {LlamaConfigFile.FileName}, {WeightsFile} and {TokenizerFile}", path);
}
