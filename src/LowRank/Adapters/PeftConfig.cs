// adapter_config.json as PEFT writes it for LoRA and DoRA: every field in its place, so that PEFT (and we) read it back. Fields
// that would change what the adapter computes and that we do not know are refused by name, never ignored.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>Between <see cref="AdapterConfig"/> and PEFT's adapter_config.json.</summary>
internal static class PeftConfig
{
    public const string FileName = "adapter_config.json";

    /// <summary>Fields that change the computation in ways not built here, with the value that means "not used".</summary>
    private static readonly (string Field, string Unused)[] Unsupported =
    [
        ("alora_invocation_tokens", "null"), ("arrow_config", "null"), ("layer_replication", "null"), ("modules_to_save", "null"),
        ("target_parameters", "null"), ("trainable_token_indices", "null"), ("use_bdlora", "null"), ("use_qalora", "false"),
        ("monteclora_config", "null"), ("velora_config", "null"), ("kasa_config", "null"), ("bias", "\"none\""),
    ];

    /// <summary>Initialisations that also change the base model's weights, which the file does not hold.</summary>
    private static readonly string[] ChangingBase = ["pissa", "olora", "loftq", "corda", "lora_ga"];

    /// <summary>The file's text; targets are the modules that have the adapter, listed if the configuration said
    /// "all-linear".</summary>
    public static string Write(LoraConfig config, IEnumerable<string> targets)
    {
        var pattern = config.Targets.IsAllLinear
            ? TargetPattern.Names(targets.Select(path => path.Split('.')[^1]))
            : config.Targets;
        var json = new JsonObject
        {
            ["alora_invocation_tokens"] = null,
            ["alpha_pattern"] = Table(config.AlphaPattern, Number),
            ["arrow_config"] = null,
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = null,
            ["bias"] = "none",
            ["corda_config"] = null,
            ["ensure_weight_tying"] = false,
            ["eva_config"] = null,
            ["exclude_modules"] = config.Exclude is { } exclude ? Modules(exclude) : null,
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = config.Init == LoraInit.Gaussian ? "gaussian" : true,
            ["kasa_config"] = null,
            ["layer_replication"] = null,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = config.Layers is { } layers ? new JsonArray([.. layers.Select(l => (JsonNode)l)]) : null,
            ["loftq_config"] = new JsonObject(),
            ["lora_alpha"] = Number(config.Alpha),
            ["lora_bias"] = config.Bias,
            ["lora_dropout"] = Real(config.Dropout),
            ["lora_ga_config"] = null,
            ["megatron_config"] = null,
            ["megatron_core"] = "megatron.core",
            ["modules_to_save"] = null,
            ["monteclora_config"] = null,
            ["peft_type"] = "LORA",
            ["peft_version"] = "0.20.1.dev0",
            ["qalora_group_size"] = 16,
            ["r"] = config.Rank,
            ["rank_pattern"] = Table(config.RankPattern, rank => rank),
            ["revision"] = null,
            ["target_modules"] = Modules(pattern),
            ["target_parameters"] = null,
            ["task_type"] = "CAUSAL_LM",
            ["trainable_token_indices"] = null,
            ["use_bdlora"] = null,
            ["use_dora"] = config.Decomposed,
            ["use_qalora"] = false,
            ["use_rslora"] = config.RsLora,
            ["velora_config"] = null,
        };
        return PlainJson.Pretty(json);
    }

    /// <summary>The configuration that a file describes.</summary>
    /// <exception cref="InvalidDataException">It is not JSON, not LoRA or DoRA, or asks for something that is not built
    /// here.</exception>
    public static LoraConfig Read(string path)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException(
                $"{path}: no such file; an adapter folder holds {FileName} and {PeftFiles.FileName}", path);
        JsonObject json;
        try { json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw Bad(path, "is not a JSON object"); }
        catch (JsonException e) { throw Bad(path, $"is not JSON: {e.Message}"); }

        var method = Field<string>(json, path, "peft_type", "");
        if (method != "LORA") throw Bad(path, $"\"peft_type\" is \"{method}\"; only \"LORA\" (LoRA and DoRA) is known here");
        foreach (var (field, unused) in Unsupported)
            if (json[field] is { } value && value.ToJsonString() != unused)
                throw Bad(path, $"\"{field}\" is {value.ToJsonString()}, which is not supported here");
        var init = json["init_lora_weights"];
        if (init?.GetValueKind() == JsonValueKind.String
            && Array.Exists(ChangingBase, p => init.GetValue<string>().StartsWith(p, StringComparison.Ordinal)))
            throw Bad(path, $"\"init_lora_weights\" is {init.ToJsonString()}, which changes the base model too; " +
                "convert the adapter to plain LoRA first");

        try
        {
            var config = new LoraConfig
            {
                Rank = Field(json, path, "r", 8L),
                Alpha = Field(json, path, "lora_alpha", 8.0),
                RsLora = Field(json, path, "use_rslora", false),
                Decomposed = Field(json, path, "use_dora", false),
                Bias = Field(json, path, "lora_bias", false),
                Dropout = Field(json, path, "lora_dropout", 0.0),
                Init = init?.ToJsonString() == "\"gaussian\"" ? LoraInit.Gaussian : LoraInit.Kaiming,
                Targets = Pattern(json["target_modules"], path, "target_modules")
                    ?? throw Bad(path, "\"target_modules\" is missing"),
                Exclude = Pattern(json["exclude_modules"], path, "exclude_modules"),
                Layers = LayersOf(json, path),
                RankPattern = Table<long>(json, path, "rank_pattern"),
                AlphaPattern = Table<double>(json, path, "alpha_pattern"),
            };
            config.Validate();
            return config;
        }
        catch (ArgumentException e) { throw Bad(path, e.Message); }
    }

    private static JsonObject Table<T>(IReadOnlyDictionary<string, T> pattern, Func<T, JsonNode> value) =>
        new(pattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)value(p.Value))));

    private static JsonNode Modules(TargetPattern pattern) =>
        pattern.IsAllLinear ? pattern.ToString()
        : pattern.Expression is { } expression ? expression
        : new JsonArray([.. pattern.Suffixes.Select(s => (JsonNode)s)]);

    private static TargetPattern? Pattern(JsonNode? node, string path, string field) => node switch
    {
        null => null,
        JsonArray { Count: 0 } => null,
        JsonArray names => TargetPattern.Names(names.Select(n => Value<string>(n, path, field))),
        _ => TargetPattern.Parse(Value<string>(node, path, field)),
    };

    private static IReadOnlyList<int>? LayersOf(JsonObject json, string path) => json["layers_to_transform"] switch
    {
        null => null,
        JsonArray list => [.. list.Select(n => Value<int>(n, path, "layers_to_transform"))],
        { } one => [Value<int>(one, path, "layers_to_transform")],
    };

    private static Dictionary<string, T> Table<T>(JsonObject json, string path, string field) => json[field] switch
    {
        null => [],
        JsonObject table => table.ToDictionary(p => p.Key, p => Value<T>(p.Value, path, field)),
        _ => throw Bad(path, $"\"{field}\" is not an object"),
    };

    private static T Field<T>(JsonObject json, string path, string field, T missing) =>
        json[field] is { } node ? Value<T>(node, path, field) : missing;

    private static T Value<T>(JsonNode? node, string path, string field)
    {
        try { return node.Deserialize<T>() ?? throw Bad(path, $"\"{field}\" holds null"); }
        catch (JsonException) { throw Bad(path, $"\"{field}\" is {node?.ToJsonString()}; expected {typeof(T).Name}"); }
    }

    /// <summary>16 for 16.0, as a whole α is written there.</summary>
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value : value;

    /// <summary>0.0 for 0: Python's floats keep their point.</summary>
    private static JsonNode Real(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return JsonNode.Parse(text.AsSpan().IndexOfAny('.', 'E') < 0 ? text + ".0" : text)!;
    }

    private static InvalidDataException Bad(string path, string what) => new($"{path}: {what}");
}
