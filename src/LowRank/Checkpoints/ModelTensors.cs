// The tensors of a model's folder as Hugging Face's tools save them: one file, or shards and an index
//   { "metadata": {…}, "weight_map": { "model.norm.weight": "model-00002-of-00002.safetensors", … } }
// All files are mapped; a tensor is read when it is asked for. Pickle files are refused: reading one runs whatever code it holds.
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The tensors of a model's folder, opened for reading. Tensors that were read stay valid after <see cref="Dispose"/>.</summary>
public sealed class ModelTensors : IDisposable
{
    /// <summary>The file of a model that is not sharded.</summary>
    public const string FileName = "model.safetensors";

    /// <summary>The index of one that is.</summary>
    public const string IndexName = FileName + ".index.json";

    private static readonly string[] Pickles = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

    private readonly IReadOnlyList<SafeTensorsFile> files;
    private readonly Dictionary<string, SafeTensorsFile> owners;

    private ModelTensors(string path, IReadOnlyList<SafeTensorsFile> files)
    {
        (Path, this.files) = (path, files);
        owners = files.SelectMany(file => file.Names.Select(name => (name, file))).ToDictionary(pair => pair.name, pair => pair.file, StringComparer.Ordinal);
        Names = [.. files.SelectMany(file => file.Names)];
    }

    /// <summary>The file, or the index.</summary>
    public string Path { get; }

    /// <summary>Of all tensors.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Are there several files?</summary>
    public bool IsSharded => Path.EndsWith(IndexName, StringComparison.Ordinal);

    /// <summary>Opens a folder: its <see cref="FileName"/>, or, where it has none, the shards of its <see cref="IndexName"/>.</summary>
    /// <exception cref="FileNotFoundException">Neither is there, or a shard is missing; names it.</exception>
    /// <exception cref="InvalidDataException">A file is broken, index and shards disagree, or the weights are pickled; names file and tensor.</exception>
    public static ModelTensors Open(string folder)
    {
        var (file, index) = (System.IO.Path.Combine(folder, FileName), System.IO.Path.Combine(folder, IndexName));
        return File.Exists(file) ? OpenFile(file) : File.Exists(index) ? OpenShards(folder, index) : throw Nothing(folder, file);
    }

    /// <summary>Opens one file of any name.</summary>
    public static ModelTensors OpenFile(string path) => new(path, [SafeTensorsFile.Open(path)]);

    /// <summary>Is there such a tensor?</summary>
    public bool Contains(string name) => owners.ContainsKey(name);

    /// <summary>The path of the file that holds a tensor.</summary>
    public string FileOf(string name) => Owner(name).Path;

    /// <inheritdoc cref="SafeTensorsFile.Info"/>
    public SafeTensorsInfo Info(string name) => Owner(name).Info(name);

    /// <inheritdoc cref="SafeTensorsFile.Read"/>
    public Tensor Read(string name, ScalarType? dtype = null, Device? device = null) => Owner(name).Read(name, dtype, device);

    public void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }

    private SafeTensorsFile Owner(string name) => owners.TryGetValue(name, out var file) ? file
        : throw new KeyNotFoundException($"{Path}: no tensor \"{name}\"{NearestNames.Suggest(name, Names)}");

    private static ModelTensors OpenShards(string folder, string index)
    {
        var map = MapOf(index);
        var missing = map.Values.Distinct().Where(name => !File.Exists(System.IO.Path.Combine(folder, name))).Order(StringComparer.Ordinal).ToList();
        if (missing.Count > 0)
            throw new FileNotFoundException($"{folder} lacks {string.Join(", ", missing)}, which {IndexName} lists; copy the whole model again", System.IO.Path.Combine(folder, missing[0]));
        var shards = new List<SafeTensorsFile>();
        try
        {
            foreach (var name in map.Values.Distinct().Order(StringComparer.Ordinal)) shards.Add(SafeTensorsFile.Open(System.IO.Path.Combine(folder, name)));
            Check(index, map, shards);
            return new(index, shards);
        }
        catch
        {
            foreach (var shard in shards) shard.Dispose();
            throw;
        }
    }

    /// <summary>The index: a tensor's name to the name of its file in the same folder.</summary>
    private static Dictionary<string, string> MapOf(string index)
    {
        try
        {
            if (JsonNode.Parse(File.ReadAllText(index), documentOptions: new() { AllowDuplicateProperties = false })?["weight_map"] is not JsonObject { Count: > 0 } entries)
                throw new InvalidDataException($"{index}: weight_map is missing or empty");
            var map = entries.ToDictionary(entry => entry.Key, entry => entry.Value?.GetValue<string>() ?? "", StringComparer.Ordinal);
            // A name with a folder in it could lead anywhere on the disk.
            var strange = map.FirstOrDefault(entry => System.IO.Path.GetFileName(entry.Value) != entry.Value || !entry.Value.EndsWith(".safetensors", StringComparison.Ordinal));
            return strange.Key is null ? map
                : throw new InvalidDataException($"{index}: tensor \"{strange.Key}\" is said to be in \"{strange.Value}\", which is no name of a .safetensors file in this folder");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{index} is not the index of a sharded model: {e.Message}", e);
        }
    }

    private static void Check(string index, Dictionary<string, string> map, List<SafeTensorsFile> shards)
    {
        var held = shards.SelectMany(shard => shard.Names.Select(name => (Name: name, File: System.IO.Path.GetFileName(shard.Path)))).ToList();
        var listed = map.Select(entry => (Name: entry.Key, File: entry.Value)).ToHashSet();
        List<string> problems =
        [
            .. listed.Except(held).Select(one => $"{one.File} lacks {one.Name}"),
            .. held.Except(listed).Select(one => $"{one.File} holds {one.Name}, which the index {(map.TryGetValue(one.Name, out var other) ? $"has in {other}" : "does not list")}"),
        ];
        if (problems.Count > 0) throw new InvalidDataException($"{index} does not fit its shards: {string.Join("; ", problems)}");
    }

    private static Exception Nothing(string folder, string file)
    {
        if (!Directory.Exists(folder)) return new FileNotFoundException($"{folder} does not exist; name a model's folder, with config.json and {FileName}", file);
        var names = Directory.GetFiles(folder).Select(path => System.IO.Path.GetFileName(path)!).Order(StringComparer.Ordinal).ToList();
        var pickle = names.Find(name => Pickles.Contains(System.IO.Path.GetExtension(name)) && name != "training_args.bin");
        if (pickle is not null)
            return new InvalidDataException($"{System.IO.Path.Combine(folder, pickle)} is a pickle file: reading one runs the code that it holds, so it is not read here. " +
                $"Where you trust it, convert it with transformers (AutoModelForCausalLM.from_pretrained(\"{folder}\").save_pretrained(\"…\", safe_serialization=True)), or take the model's {FileName}");
        var others = names.Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal)).ToList();
        return new FileNotFoundException($"{file} does not exist, nor {IndexName}; a model's folder holds one of them" +
            (names.Contains(PeftConfig.FileName) ? $". This one holds an adapter: load its base model, then LoadAdapter(\"{folder}\")"
            : others.Count > 0 ? $". This one has {string.Join(", ", others.Take(3))}" : ""), file);
    }
}
