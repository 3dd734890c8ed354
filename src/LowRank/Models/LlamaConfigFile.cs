// Hugging Face's config.json for a Llama-style model, both ways.
// Reads the layout up to transformers 4 (rope_theta and torch_dtype at the top) and that of transformers 5
// (rope_parameters.rope_theta, dtype); writes both spellings, so that either loads what we saved.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

internal static class LlamaConfigFile
{
    public const string FileName = "config.json";
    private const string Classifier = "LlamaForSequenceClassification";

    private static readonly Dictionary<string, ScalarType> Types = new()
    {
        ["float32"] = ScalarType.Float32, ["float64"] = ScalarType.Float64,
        ["bfloat16"] = ScalarType.BFloat16, ["float16"] = ScalarType.Float16,
    };

    /// <exception cref="InvalidDataException">Not JSON, not a Llama, or a field missing or wrong; names the file and the field.</exception>
    public static LlamaConfig Read(string path)
    {
        var file = Fields.Open(path);
        file.Demand("model_type", "llama");
        file.Demand("hidden_act", "silu");
        var rope = file.Object("rope_parameters");
        // Transformers 4 kept the scaling's type in rope_scaling, which is null for the plain embedding.
        foreach (var scaling in new[] { rope, file.Object("rope_scaling") })
            if ((scaling?.Text("rope_type") ?? scaling?.Text("type") ?? "default") is var type and not "default")
                throw new InvalidDataException($"{path}: rotary embedding of type \"{type}\" is not supported; only \"default\" is");

        var hidden = file.Whole("hidden_size");
        var heads = file.Whole("num_attention_heads");
        var config = new LlamaConfig
        {
            VocabularySize = file.Whole("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = file.Whole("intermediate_size"),
            Layers = checked((int)file.Whole("num_hidden_layers")),
            Heads = heads,
            KeyValueHeads = file.Whole("num_key_value_heads", heads),
            HeadSize = file.Whole("head_dim", heads > 0 ? hidden / heads : 0),
            MaxPositions = file.Whole("max_position_embeddings", 2048),
            NormEpsilon = file.Real("rms_norm_eps") ?? 1e-6,
            RopeTheta = rope?.Real("rope_theta") ?? file.Real("rope_theta") ?? 10_000,
            TiedEmbeddings = file.Flag("tie_word_embeddings"),
            AttentionBias = file.Flag("attention_bias"),
            MlpBias = file.Flag("mlp_bias"),
            InitializerRange = file.Real("initializer_range") ?? 0.02,
            BeginToken = file.Token("bos_token_id"),
            EndToken = file.Token("eos_token_id"),
            PaddingToken = file.Token("pad_token_id"),
            Labels = file.Labels(),
            StoredType = file.Type(file.Text("dtype") ?? file.Text("torch_dtype") ?? "float32"),
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

    public static string Write(LlamaConfig config, QuantizationEntry? quantization = null)
    {
        var type = Types.First(pair => pair.Value == config.StoredType).Key;
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(config.Labels is null ? "LlamaForCausalLM" : Classifier),
            ["attention_bias"] = config.AttentionBias,
            ["attention_dropout"] = Real(0),
            ["bos_token_id"] = config.BeginToken,
            ["dtype"] = type,
            ["eos_token_id"] = config.EndToken,
            ["head_dim"] = config.HeadSize,
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.HiddenSize,
            ["initializer_range"] = Real(config.InitializerRange),
            ["intermediate_size"] = config.IntermediateSize,
            ["max_position_embeddings"] = config.MaxPositions,
            ["mlp_bias"] = config.MlpBias,
            ["model_type"] = "llama",
            ["num_attention_heads"] = config.Heads,
            ["num_hidden_layers"] = config.Layers,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["pad_token_id"] = config.PaddingToken,
            ["rms_norm_eps"] = Real(config.NormEpsilon),
            ["rope_parameters"] = new JsonObject { ["rope_theta"] = Real(config.RopeTheta), ["rope_type"] = "default" },
            ["rope_theta"] = Real(config.RopeTheta),
            ["tie_word_embeddings"] = config.TiedEmbeddings,
            ["torch_dtype"] = type,
            ["vocab_size"] = config.VocabularySize,
        };
        if (config.Labels is { } labels)
        {
            json["id2label"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create(id.ToString(CultureInfo.InvariantCulture), (JsonNode?)label)));
            json["label2id"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create(label, (JsonNode?)id)));
        }
        if (quantization is not null) json[QuantizationEntry.Name] = quantization.Write(type);
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    /// <summary>With a decimal point even when whole: transformers 5 refuses an integer where it wants a float.</summary>
    internal static JsonValue Real(double number) =>
        JsonValue.Create(decimal.Parse(number.ToString("0.0###################", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));

    /// <summary>One JSON object of the file; every error names the file and the field.</summary>
    internal sealed class Fields(string path, JsonObject json)
    {
        public static Fields Open(string path)
        {
            try
            {
                return new(path, JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException($"{path} is not a JSON object"));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path} is not JSON: {e.Message}", e);
            }
        }

        /// <summary>A list of texts; null if there is none.</summary>
        public IReadOnlyList<string>? Texts(string name) => json[name] switch
        {
            null => null,
            JsonArray list when list.All(one => one?.GetValueKind() == JsonValueKind.String) => [.. list.Select(one => one!.GetValue<string>())],
            _ => throw Wrong(name, "a list of texts"),
        };

        public void Demand(string name, string wanted)
        {
            if ((Text(name) ?? wanted) is var found && found != wanted)
                throw new InvalidDataException($"{path}: {name} is \"{found}\"; only \"{wanted}\" is supported");
        }

        public Fields? Object(string name) => json[name] switch
        {
            null => null,
            JsonObject inner => new Fields(path, inner),
            _ => throw Wrong(name, "an object"),
        };

        public string? Text(string name) => Value<string>(name, "a text");

        public double? Real(string name) => json[name] is null ? null : Number(name);

        public long Whole(string name) => json[name] is null
            ? throw new InvalidDataException($"{path}: {name} is missing")
            : Number(name) is var number && number == Math.Floor(number) && Math.Abs(number) < 1e15
                ? (long)number
                : throw Wrong(name, "a whole number");

        public long Whole(string name, long otherwise) => json[name] is null ? otherwise : Whole(name);

        public bool Flag(string name) => json[name] is not null && (json[name] as JsonValue)?.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(name, "true or false"),
        };

        // Llama 3 lists several end tokens; the first is the one a base model uses.
        public int? Token(string name) => json[name] is JsonArray { Count: > 0 } list
            ? new Fields(path, new JsonObject { [name] = list[0]?.DeepClone() }).Token(name)
            : json[name] is null ? null : checked((int)Whole(name));

        public ScalarType Type(string name) => Types.TryGetValue(name, out var type)
            ? type
            : throw new InvalidDataException($"{path}: dtype \"{name}\" is not supported; use one of {string.Join(", ", Types.Keys)}");

        /// <summary>A classifier's labels in the order of their ids; null for any other model. Transformers leaves out two nameless
        /// ones, LABEL_0 and LABEL_1, and some tools write num_labels alone.</summary>
        public IReadOnlyList<string>? Labels()
        {
            if (json["architectures"] is not JsonArray list || list.All(one => one?.ToJsonString() != $"\"{Classifier}\"")) return null;
            if (Object("id2label") is null)
                return [.. Enumerable.Range(0, checked((int)Whole("num_labels", 2))).Select(id => $"LABEL_{id}")];
            var names = json["id2label"]!.AsObject();
            var inner = Object("id2label")!;
            return [.. Enumerable.Range(0, names.Count).Select(id => inner.Text(id.ToString(CultureInfo.InvariantCulture))
                ?? throw Wrong("id2label", $"a label for each id from 0 to {names.Count - 1}"))];
        }

        private double Number(string name) =>
            json[name] is JsonValue value && value.TryGetValue(out double number) ? number : throw Wrong(name, "a number");

        private T? Value<T>(string name, string kind) where T : class =>
            json[name] is null ? null : json[name] is JsonValue value && value.TryGetValue(out T? found) ? found : throw Wrong(name, kind);

        private InvalidDataException Wrong(string name, string wanted) =>
            new($"{path}: {name} is {json[name]?.ToJsonString()}; it must be {wanted}");
    }
}
