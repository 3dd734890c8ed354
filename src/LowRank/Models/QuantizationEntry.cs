// "quantization_config" in config.json: what announces that a folder's weights are codes. For bitsandbytes' formats it is the entry that
// transformers writes and reads (BitsAndBytesConfig), so that it loads the folder; for ours, and for several formats in one model:
//   { "formats": ["lowrank__int4_groups"], "quant_method": "lowrank", "skip_modules": ["lm_head"] }
// The tensors say themselves what they are; the entry has to agree with them. LLM.int8's threshold, above which activations are not
// rounded, is about products: nothing that is stored depends on it.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The formats of a model's linear layers as config.json has them.</summary>
/// <param name="Method">"bitsandbytes", or "lowrank" for our own formats and mixtures.</param>
/// <param name="Kinds">Formats as <see cref="StorageFormat.Kind"/> names them.</param>
/// <param name="DoubleQuantization">Of 4 bits in bitsandbytes' entry; null where the entry does not say.</param>
/// <param name="Skipped">Names or paths of layers that are dense; null: the head.</param>
internal sealed record QuantizationEntry(string Method, IReadOnlyList<string> Kinds, bool? DoubleQuantization, IReadOnlyList<string>? Skipped)
{
    /// <summary>The field of config.json.</summary>
    public const string Name = "quantization_config";

    private const string BitsAndBytes = "bitsandbytes", Own = "lowrank", FourBit = BitsAndBytes + "__", Head = "lm_head";

    /// <summary>The entry for a model as it is now; null if all of it is dense.</summary>
    public static QuantizationEntry? Of(nn.Module model, ModelConfig config)
    {
        var layers = model.LinearLayers().Where(l => !l.Layer.IsEmbedding).ToList();
        var formats = layers.Select(l => l.Layer.Weight).OfType<QuantizedWeight>().Select(weight => weight.Stored.Format).ToList();
        if (formats.Count == 0) return null;
        var kinds = formats.Select(format => format.Kind).Distinct().Order(StringComparer.Ordinal).ToList();
        var twice = formats.Select(TwiceQuantized).Distinct().ToList();
        var method = kinds.Count == 1 && twice.Count == 1 && kinds[0].StartsWith(FourBit, StringComparison.Ordinal) ? BitsAndBytes : Own;
        // To transformers a tied head is a layer too.
        var dense = layers.Where(l => l.Layer.Weight is DenseWeight).Select(l => l.Path);
        if (config is { TiedEmbeddings: true, Labels: null }) dense = dense.Append(Head);
        return new(method, kinds, method == Own ? null : twice[0], [.. dense]);
    }

    /// <summary>The entry as JSON.</summary>
    /// <param name="type">What transformers shall compute in: the name of the type of the other weights.</param>
    public JsonObject Write(string type)
    {
        JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode)text)];
        var skipped = Skipped is null ? null : Texts(Skipped);
        if (Method == Own) return new() { ["formats"] = Texts(Kinds), ["quant_method"] = Own, ["skip_modules"] = skipped };
        var eight = Kinds[0] == BitsAndBytesLayout.Rows;
        return new()
        {
            ["bnb_4bit_compute_dtype"] = eight ? "float32" : type,
            ["bnb_4bit_quant_storage"] = "uint8",
            ["bnb_4bit_quant_type"] = eight ? "fp4" : Kinds[0][FourBit.Length..],       // fp4 is what transformers writes beside 8 bits
            ["bnb_4bit_use_double_quant"] = DoubleQuantization ?? false,
            ["llm_int8_enable_fp32_cpu_offload"] = false,
            ["llm_int8_has_fp16_weight"] = false,
            ["llm_int8_skip_modules"] = skipped,
            ["llm_int8_threshold"] = ConfigFile.Real(6),
            ["load_in_4bit"] = !eight,
            ["load_in_8bit"] = eight,
            ["quant_method"] = BitsAndBytes,
        };
    }

    /// <summary>The entry of a config.json; null if it has none.</summary>
    /// <exception cref="InvalidDataException">Another method's, or a field makes no sense; names the file and the field.</exception>
    public static QuantizationEntry? Read(string path)
    {
        if (ConfigFields.Open(path).Object(Name) is not { } entry) return null;
        InvalidDataException Bad(string what) => new($"{path}: {Name} has {what}");
        // The oldest of transformers' entries have no quant_method.
        var method = entry.Text("quant_method") ?? BitsAndBytes;
        if (method == Own)
            return new(Own, entry.Texts("formats") ?? throw Bad("no formats"), null, entry.Texts("skip_modules"));
        if (method != BitsAndBytes) throw Bad($"quant_method \"{method}\"; {BitsAndBytes} and {Own} are known");
        var (four, eight, skipped) = (entry.Flag("load_in_4bit"), entry.Flag("load_in_8bit"), entry.Texts("llm_int8_skip_modules"));
        if (four == eight) throw Bad("load_in_4bit and load_in_8bit both " + (four ? "true" : "false"));
        if (eight) return new(BitsAndBytes, [BitsAndBytesLayout.Rows], null, skipped);
        if (entry.Text("bnb_4bit_quant_storage") is { } storage and not "uint8")
            throw Bad($"bnb_4bit_quant_storage \"{storage}\": codes are read from uint8 alone; save the model with that");
        return new(BitsAndBytes, [FourBit + (entry.Text("bnb_4bit_quant_type") ?? "fp4")], entry.Flag("bnb_4bit_use_double_quant"), skipped);
    }

    /// <summary>Refuses a folder whose config.json and weights disagree about a layer.</summary>
    /// <param name="model">The model that is being loaded.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="weights">The file of the weights; config.json lies beside it.</param>
    /// <param name="formats">What the file holds as codes, by the layer's path.</param>
    /// <exception cref="InvalidDataException">Names the file and the tensor.</exception>
    public static void Check(nn.Module model, ModelConfig config, string weights, IReadOnlyDictionary<string, StorageFormat> formats)
    {
        var entry = Read(Path.Combine(Path.GetDirectoryName(weights)!, ConfigFile.Name));
        var said = $"{ConfigFile.Name}'s {Name}";
        foreach (var (path, layer) in model.LinearLayers())
        {
            if (layer.IsEmbedding) continue;
            var format = formats.GetValueOrDefault(path);
            var expected = entry is not null && !entry.Skips(path, config);
            var problem = (format, expected) switch
            {
                (null, true) => $"has no scales beside it; {said} has it as {string.Join(" or ", entry!.Kinds)}",
                ({ } some, false) => entry is null ? $"is stored as {some.Kind}; {ConfigFile.Name} has no {Name}" : $"is stored as {some.Kind}; {said} has it among the layers that are dense",
                ({ } some, true) when !entry!.Kinds.Contains(some.Kind) => $"is stored as {some.Kind}; {said} has it as {string.Join(" or ", entry.Kinds)}",
                ({ } some, true) when entry!.DoubleQuantization is { } twice && TwiceQuantized(some) is { } found && found != twice =>
                    $"is stored {(found ? "with" : "without")} double quantization; {said} says {(twice ? "with" : "without")}",
                _ => null,
            };
            if (problem is not null) throw new InvalidDataException($"{weights}: {path}.weight {problem}");
        }
    }

    private static bool? TwiceQuantized(StorageFormat format) => (format as FourBitFormat)?.DoubleQuantization;

    /// <summary>Is the layer left dense? A name stands for every module called so and what is inside it, as transformers has it.</summary>
    private bool Skips(string path, ModelConfig config)
    {
        var head = config.Labels is null ? Head : SequenceClassifier.HeadName;
        return (Skipped ?? [head]).Any(name => $".{path}.".Contains($".{name}.", StringComparison.Ordinal));
    }
}
