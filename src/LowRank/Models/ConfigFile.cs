// Hugging Face's config.json, both ways. The family, which "model_type" names, reads and writes its own fields; here is what all share.
// Reads the layout up to transformers 4 (rope_theta and torch_dtype at the top) and that of transformers 5
// (rope_parameters.rope_theta, dtype); writes both spellings, so that either loads what we saved.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

internal static class ConfigFile
{
    public const string Name = "config.json";

    /// <summary>A file's fields that are the family's own; the others as transformers assumes them of it where a file is silent.</summary>
    public static readonly IReadOnlyDictionary<string, Func<ConfigFields, ModelConfig>> Families =
        new Dictionary<string, Func<ConfigFields, ModelConfig>>(StringComparer.Ordinal)
        {
            ["gemma"] = GemmaConfig.Read, ["gpt2"] = Gpt2Config.Read, ["llama"] = LlamaConfig.Read, ["mistral"] = MistralConfig.Read,
            ["phi3"] = Phi3Config.Read, ["qwen2"] = Qwen2Config.Read, ["qwen3"] = Qwen3Config.Read,
        };

    private static readonly Dictionary<string, ScalarType> Types = new()
    {
        ["float32"] = ScalarType.Float32, ["float64"] = ScalarType.Float64,
        ["bfloat16"] = ScalarType.BFloat16, ["float16"] = ScalarType.Float16,
    };

    /// <exception cref="InvalidDataException">Not JSON, of an unknown family, or a field missing or wrong; names the file and the field.</exception>
    public static ModelConfig Read(string path)
    {
        var file = ConfigFields.Open(path);
        var known = $"supported are {string.Join(", ", Families.Keys.Order(StringComparer.Ordinal))}";
        var type = file.Text("model_type") ?? throw new InvalidDataException($"{path}: model_type is missing; {known}");
        if (!Families.TryGetValue(type, out var read)) throw new InvalidDataException($"{path}: model_type \"{type}\" is not supported; {known}");
        var assumed = read(file);
        var config = assumed with
        {
            TiedEmbeddings = file.Flag("tie_word_embeddings", assumed.TiedEmbeddings),
            InitializerRange = file.Real("initializer_range") ?? assumed.InitializerRange,
            BeginToken = file.Token("bos_token_id", assumed.BeginToken),
            EndToken = file.Token("eos_token_id", assumed.EndToken),
            FurtherEndTokens = file.FurtherTokens("eos_token_id"),
            PaddingToken = file.Token("pad_token_id", assumed.PaddingToken),
            Labels = file.Labels(),
            StoredType = Type(path, file.Text("dtype") ?? file.Text("torch_dtype") ?? "float32"),
        };
        try
        {
            config.Validate();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
        return config;
    }

    public static string Write(ModelConfig config, QuantizationEntry? quantization = null)
    {
        var type = Types.First(pair => pair.Value == config.StoredType).Key;
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(config.Labels is null ? config.LanguageClass : config.ClassPrefix + ConfigFields.ClassifierClass),
            ["bos_token_id"] = config.BeginToken,
            ["dtype"] = type,
            ["eos_token_id"] = config.FurtherEndTokens.Count == 0 ? config.EndToken : new JsonArray([config.EndToken, .. config.FurtherEndTokens.Select(id => (JsonNode?)id)]),
            ["initializer_range"] = Real(config.InitializerRange),
            ["model_type"] = config.ModelType,
            ["pad_token_id"] = config.PaddingToken,
            ["tie_word_embeddings"] = config.TiedEmbeddings,
            ["torch_dtype"] = type,
            ["vocab_size"] = config.VocabularySize,
        };
        config.Write(json);
        if (config.Labels is { } labels)
        {
            json["id2label"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create(id.ToString(CultureInfo.InvariantCulture), (JsonNode?)label)));
            json["label2id"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create(label, (JsonNode?)id)));
        }
        if (quantization is not null) json[QuantizationEntry.Name] = quantization.Write(type);
        var sorted = new JsonObject(json.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())));
        return sorted.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    /// <summary>With a decimal point even when whole: transformers 5 refuses an integer where it wants a float.</summary>
    internal static JsonNode Real(double number)
    {
        var text = number.ToString("0.0###################", CultureInfo.InvariantCulture);
        // Very small and very large ones need an exponent.
        return JsonNode.Parse(double.Parse(text, CultureInfo.InvariantCulture) == number && text.Length < 30 ? text : number.ToString("E16", CultureInfo.InvariantCulture))!;
    }

    private static ScalarType Type(string path, string name) => Types.TryGetValue(name, out var type)
        ? type
        : throw new InvalidDataException($"{path}: dtype \"{name}\" is not supported; use one of {string.Join(", ", Types.Keys)}");
}
