// adapter_config.json as PEFT writes it, so that PEFT (and we) read it back: here what all methods share, and the table of
// methods; a method's own fields are beside its configuration (LoraConfig.Peft.cs). Fields that would change what the adapter
// computes and that we do not know are refused by name, never ignored.
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A method as files name it.</summary>
/// <param name="Type">The file's peft_type.</param>
/// <param name="Read">The method's configuration from its own fields; the shared ones are added by the caller.</param>
internal sealed record PeftMethod(string Type, Func<PeftFields, AdapterConfig> Read);

/// <summary>Between <see cref="AdapterConfig"/> and PEFT's adapter_config.json.</summary>
internal static class PeftConfig
{
    public const string FileName = "adapter_config.json";

    /// <summary>Of the PEFT whose fields these are.</summary>
    public const string Version = "0.20.1.dev0";

    /// <summary>Every method that files may name. A new method is one entry more.</summary>
    internal static readonly PeftMethod[] Methods = [LoraConfig.Peft, AdaLoraConfig.Peft, DyLoraConfig.Peft, Ia3Config.Peft, LohaConfig.Peft, LokrConfig.Peft, MoraConfig.Peft, QaLoraConfig.Peft,
        VeraConfig.Peft];

    /// <summary>The file's text; targets are the modules that have the adapter, listed if the configuration said
    /// "all-linear"; more adds the fields that depend on the model.</summary>
    public static string Write(AdapterConfig config, IEnumerable<string> targets, Action<JsonObject>? more = null)
    {
        var pattern = config.Targets.IsAllLinear
            ? TargetPattern.Names(targets.Select(path => path.Split('.')[^1]))
            : config.Targets;
        var fields = new JsonObject
        {
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = null,
            ["bias"] = "none",
            ["inference_mode"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = config.Layers is { } layers ? new JsonArray([.. layers.Select(l => (JsonNode)l)]) : null,
            ["modules_to_save"] = null,
            ["peft_type"] = config.PeftType,
            ["peft_version"] = Version,
            ["revision"] = null,
            ["target_modules"] = Modules(pattern),
            ["task_type"] = "CAUSAL_LM",
        };
        if (config.Exclude is { } exclude) fields["exclude_modules"] = Modules(exclude);
        config.WriteFields(fields);
        more?.Invoke(fields);
        return Text(fields);
    }

    /// <summary>The fields in the order of their names, as PEFT writes them.</summary>
    internal static string Text(JsonObject fields) =>
        PlainJson.Pretty(new JsonObject(fields.OrderBy(f => f.Key, StringComparer.Ordinal)
            .Select(f => KeyValuePair.Create(f.Key, f.Value?.DeepClone()))));

    /// <summary>The configuration that a file describes.</summary>
    /// <exception cref="InvalidDataException">It is not JSON, not of a known method, or asks for something that is not built
    /// here.</exception>
    public static AdapterConfig Read(PeftFields fields)
    {
        var type = fields.Get("peft_type", "");
        var method = Array.Find(Methods, m => m.Type == type) ?? OwnConfig.Find(type)
            ?? throw fields.Bad($"\"peft_type\" is \"{type}\"; known here: {string.Join(", ", Methods.Select(m => m.Type))}. " +
                (BaselineFiles.Knows(type) ? "LoadBaseline reads it" : "A method of your own is known once Adapter.Own has been called with its name"));
        fields.Refuse("bias", "\"none\"");
        try
        {
            var config = method.Read(fields) with
            {
                Targets = fields.Modules("target_modules") ?? throw fields.Bad("\"target_modules\" is missing"),
                Exclude = fields.Modules("exclude_modules"),
                Layers = fields.List<int>("layers_to_transform"),
            };
            config.Validate();
            return config;
        }
        catch (ArgumentException e) { throw fields.Bad(e.Message); }
    }

    internal static JsonNode Modules(TargetPattern pattern) =>
        pattern.IsAllLinear ? pattern.ToString()
        : pattern.Expression is { } expression ? expression
        : new JsonArray([.. pattern.Suffixes.Select(s => (JsonNode)s)]);
}
