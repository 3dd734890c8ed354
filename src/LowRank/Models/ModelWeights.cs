// A checkpoint's tensors under the names and in the shapes that the model has. Files may say it otherwise:
//   GPT-2's Conv1D   holds weights as [in, out]; the model has [out, in]
//   a bare decoder   ("wte.weight" in OpenAI's own GPT-2) has no "transformer." in front
//   leftovers        masks, rotary frequencies, and a tied head as a second copy of the embedding
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The weights of a model's folder, opened for reading.</summary>
internal sealed class ModelWeights : IDisposable
{
    private readonly ModelTensors files;
    private readonly ModelConfig? config;
    private readonly Dictionary<string, string> inFile;          // by the model's names

    private ModelWeights(ModelTensors files, ModelConfig? config)
    {
        (this.files, this.config) = (files, config);
        inFile = files.Names.Where(name => config is null || !IsLeftover(config, name)).ToDictionary(NameInModel(files, config), StringComparer.Ordinal);
    }

    /// <summary>A model's folder.</summary>
    public static ModelWeights Open(string folder, ModelConfig config)
    {
        var files = ModelTensors.Open(folder);
        try { return new(files, config); }
        catch (ArgumentException e)             // two names for one tensor
        {
            files.Dispose();
            throw new InvalidDataException($"{files.Path}: {e.Message}", e);
        }
    }

    /// <summary>One file, whose names are the model's.</summary>
    public static ModelWeights OpenFile(string path) => new(ModelTensors.OpenFile(path), null);

    /// <summary>The file, or the index of shards.</summary>
    public string Path => files.Path;

    public IReadOnlyCollection<string> Names => inFile.Keys;

    public bool Contains(string name) => inFile.ContainsKey(name);

    /// <summary>" in model-00001-of-00002.safetensors" where there are shards.</summary>
    public string Where(string name) => files.IsSharded ? $" in {System.IO.Path.GetFileName(files.FileOf(inFile[name]))}" : "";

    /// <summary>A tensor's type in the file.</summary>
    public SafeTensorsType TypeOf(string name) => files.Info(FileName(name)).Type;

    /// <summary>A tensor's shape as the model has it.</summary>
    public IReadOnlyList<long> ShapeOf(string name)
    {
        var shape = files.Info(FileName(name)).Shape;
        return IsTurned(name) ? [.. shape.Reverse()] : shape;
    }

    /// <summary>A tensor as the model has it, a copy that belongs to the caller.</summary>
    public Tensor Read(string name, ScalarType? dtype = null, Device? device = null)
    {
        if (!IsTurned(name)) return files.Read(FileName(name), dtype, device);
        using var scope = NewDisposeScope();
        return files.Read(FileName(name), dtype, device).t().contiguous().MoveToOuterDisposeScope();     // [in, out] -> [out, in]
    }

    public void Dispose() => files.Dispose();

    private string FileName(string name) => inFile.TryGetValue(name, out var file) ? file
        : throw new KeyNotFoundException($"{Path}: no tensor \"{name}\"{NearestNames.Suggest(name, Names)}");

    // Codes of a quantized weight are those of [out, in] in every file.
    private bool IsTurned(string name) => config?.IsStoredTurned(name) == true && files.Info(inFile[name]) is { Shape.Count: 2 } info && IsDense(info.Type);

    /// <summary>The types of weights that are stored as numbers.</summary>
    public static bool IsDense(SafeTensorsType type) => type is SafeTensorsType.F64 or SafeTensorsType.F32 or SafeTensorsType.F16 or SafeTensorsType.BF16;

    private static Func<string, string> NameInModel(ModelTensors files, ModelConfig? config)
    {
        if (config is null || files.Names.Any(name => name.StartsWith(config.BodyName + ".", StringComparison.Ordinal))) return name => name;
        string[] heads = ["lm_head.", SequenceClassifier.HeadName + "."];
        return name => heads.Any(head => name.StartsWith(head, StringComparison.Ordinal)) ? name : $"{config.BodyName}.{name}";
    }

    private static bool IsLeftover(ModelConfig config, string name) =>
        config.IsNoWeight(name) || (config is { TiedEmbeddings: true, Labels: null } && name == "lm_head.weight");
}
