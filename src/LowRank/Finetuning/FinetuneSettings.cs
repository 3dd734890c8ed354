// Everything that a fine-tuning run is told, as a file of its own: what `workbook finetune` reads, overrides by its options, prints and keeps
// beside the result, so that a run can be made again.
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LowRank;

/// <summary>The settings of a fine-tuning run. In JSON the names begin with a small letter; a name that does not exist is refused.</summary>
public sealed record FinetuneSettings
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The base model's folder.</summary>
    public string Model { get; init; } = "";

    /// <summary>The examples: .jsonl, .json, .csv or .tsv (<see cref="Examples.Load"/>).</summary>
    public string Data { get; init; } = "";

    /// <summary>Where adapter, settings, card and checkpoints go.</summary>
    public string Output { get; init; } = "";

    /// <summary>Examples to evaluate on; a part of <see cref="Data"/> if not given.</summary>
    public string? TestData { get; init; }

    /// <summary>The share of the data to evaluate on, where there is no <see cref="TestData"/>; 0: no evaluation.</summary>
    public double TestShare { get; init; } = 0.05;

    /// <summary>A prompt with columns in braces, as "Q: {question}\nA:", for columns of no usual form; with <see cref="Answer"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>An answer with columns in braces, as " {answer}"; alone it is a text that is learned whole.</summary>
    public string? Answer { get; init; }

    /// <summary>Put prompts and answers into the model's chat template.</summary>
    public bool Chat { get; init; }

    /// <summary>What the system says at the beginning of each conversation that <see cref="Chat"/> makes.</summary>
    public string? System { get; init; }

    /// <summary>The method, as "lora", "qdora" (<see cref="FinetuneMethod.Named"/>).</summary>
    public string Method { get; init; } = "lora";

    /// <summary>Its rank; the method's own if not given.</summary>
    public long? Rank { get; init; }

    /// <summary>Its α; the method's own if not given.</summary>
    public double? Alpha { get; init; }

    /// <summary>Dropout on the adapter's input.</summary>
    public double Dropout { get; init; }

    /// <summary>Which layers: names, patterns or "all-linear".</summary>
    public string Targets { get; init; } = "all-linear";

    /// <summary>Modules that train whole beside the adapter and are saved with it, as "lm_head|embed_tokens" (<see cref="AdapterConfig.ModulesToSave"/>).</summary>
    public string? ModulesToSave { get; init; }

    /// <summary>How the frozen weights are stored: "nf4", "fp4", "nf3", "int8", "int4" or "none"; by the method if not given.</summary>
    public string? Quantize { get; init; }

    /// <summary>Times that all examples are seen.</summary>
    public double Epochs { get; init; } = 1;

    /// <summary>Optimizer steps in place of <see cref="Epochs"/>.</summary>
    public long? Steps { get; init; }

    /// <summary>Rows in a batch.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Batches whose gradients make one step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>The most tokens in a row; a longer example is cut. 512, or the model's positions where it has fewer, if not given.</summary>
    public int? Length { get; init; }

    /// <summary>How examples lie in rows: "single", "byLength" or "packed".</summary>
    public Rows Rows { get; init; } = Rows.ByLength;

    /// <summary>Learn the prompts too.</summary>
    public bool LearnPrompts { get; init; }

    /// <summary>The highest learning rate; the method's own if not given.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The share of the steps in which the learning rate rises.</summary>
    public double Warmup { get; init; } = 0.03;

    /// <summary>How it falls then: "cosine" or "linear".</summary>
    public LearningRateSchedule Schedule { get; init; }

    /// <summary>AdamW's decay of matrices.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Gradients are scaled down to this norm.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>Keep AdamW's moments as 8-bit codes.</summary>
    public bool Adam8Bit { get; init; }

    /// <summary>Move moments beyond so many MiB off the device; null: none.</summary>
    public long? PagedAboveMiB { get; init; }

    /// <summary>Compute layers again in backward: less memory, about a third more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>The type of the weights in memory: "float32" or "bfloat16". What trains is stepped in float32 either way: an adapter is, and of other
    /// weights AdamW keeps a float32 master (<see cref="TrainingOptimizer.MasterWeights"/>).</summary>
    public string Type { get; init; } = "float32";

    /// <summary>"cpu", "cuda", or "auto": a GPU where there is one.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Steps between evaluations.</summary>
    public long EvaluateEvery { get; init; } = 100;

    /// <summary>Steps between checkpoints.</summary>
    public long CheckpointEvery { get; init; } = 100;

    /// <summary>Checkpoints that stay.</summary>
    public int Keep { get; init; } = 2;

    /// <summary>Of adapter, order and dropout.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Reads settings.</summary>
    /// <exception cref="InvalidDataException">Not JSON, or a setting that does not exist or has no such value; names file and place.</exception>
    public static FinetuneSettings Load(string path) => FromJson(File.ReadAllText(path), path);

    /// <summary>The settings as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Options()) + "\n";

    /// <summary>Reads settings from JSON; <paramref name="path"/> is what errors name.</summary>
    /// <inheritdoc cref="Load"/>
    public static FinetuneSettings FromJson(string json, string path)
    {
        try
        {
            return JsonSerializer.Deserialize<FinetuneSettings>(json, Options()) ?? throw new InvalidDataException($"{path} holds no settings");
        }
        catch (JsonException error)
        {
            var names = typeof(FinetuneSettings).GetProperties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).ToList();
            var unknown = error.Message.Split('\'') is [_, var name, ..] && error.Message.Contains("could not be mapped") ? name : null;
            throw new InvalidDataException(unknown is null ? $"{path}: {error.Message}" : $"{path}: no setting \"{unknown}\"{NearestNames.Suggest(unknown, names)}", error);
        }
    }

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions(Format);
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        return options;
    }
}
