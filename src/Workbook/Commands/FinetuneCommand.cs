// `workbook finetune`: a model's folder and a file of examples in, an adapter out. Every setting of FinetuneSettings is an option; a file of
// settings comes first, options win over it.

using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LowRank;
using Spectre.Console;

namespace Workbook.Commands;

/// <summary>The verb <c>finetune</c>.</summary>
internal static partial class FinetuneCommand
{
    /// <summary>What each setting is, by its name in a file of settings.</summary>
    internal static IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>
    {
        ["model"] = "the base model's folder, in Hugging Face's layout",
        ["data"] = "the examples: .jsonl, .json, .csv or .tsv, of the usual forms (messages; conversations; instruction, output; prompt, completion; question, answer; text)",
        ["output"] = "the folder for adapter, settings, metrics and checkpoints",
        ["testData"] = "examples to evaluate on; a part of the data unless said",
        ["testShare"] = "the part of the data to evaluate on; 0: none",
        ["prompt"] = "a prompt with columns in braces, as \"Q: {question}\\nA:\"; with --answer",
        ["answer"] = "an answer with columns in braces; alone a text that is learned whole",
        ["chat"] = "put prompts and answers into the model's chat template",
        ["system"] = "what the system says first; with --chat",
        ["method"] = $"{string.Join(", ", FinetuneMethod.All.Select(method => method.Name))}; with a q in front over NF4",
        ["rank"] = "the method's own unless said",
        ["alpha"] = "the method's own unless said",
        ["dropout"] = "on the adapter's input",
        ["targets"] = "names or patterns of layers, as \"q_proj|v_proj\"",
        ["modulesToSave"] = "modules that train whole beside the adapter, as \"lm_head|norm\"",
        ["quantize"] = "store the frozen weights as nf4, fp4, nf3, int8, int4 or none; by the method unless said",
        ["epochs"] = "times that all examples are seen",
        ["steps"] = "optimizer steps in place of epochs",
        ["batch"] = "rows in a batch",
        ["accumulation"] = "batches whose gradients make one step",
        ["length"] = "the most tokens in a row; 512, or the model's positions, unless said",
        ["rows"] = "single, byLength or packed",
        ["learnPrompts"] = "learn the prompts too",
        ["learningRate"] = "the highest; the method's own unless said",
        ["warmup"] = "the share of the steps in which the rate rises",
        ["schedule"] = "cosine or linear",
        ["weightDecay"] = "AdamW's, of matrices",
        ["maxGradientNorm"] = "gradients are scaled down to it",
        ["adam8Bit"] = "AdamW's moments as 8-bit codes",
        ["pagedAboveMiB"] = "moments beyond so many MiB leave the device",
        ["gradientCheckpointing"] = "compute layers again in backward: less memory, more time",
        ["type"] = "of the weights in memory, float32 or bfloat16; what trains is stepped in float32 either way",
        ["device"] = "auto, cpu or cuda",
        ["evaluateEvery"] = "steps between evaluations",
        ["checkpointEvery"] = "steps between checkpoints",
        ["keep"] = "checkpoints that stay",
        ["seed"] = "of adapter, order and dropout",
    };

    public static Command Create()
    {
        var command = new Command("finetune", "Fine-tunes a model's folder on a file of examples; called again, it goes on where it stopped");
        var config = new Option<string?>("--config") { Description = "a file of settings; options win over it" };
        var print = new Option<bool>("--print-config") { Description = "print the settings as such a file, and do nothing" };
        var plan = new Option<bool>("--plan") { Description = "print what would be done and the memory it takes, and do nothing" };
        var anew = new Option<bool>("--anew") { Description = "begin at the first step whatever the output folder holds" };
        var force = new Option<bool>("--force") { Description = "begin although the memory will not do by the count" };
        foreach (var option in new Option[] { config, print, plan, anew, force }) command.Options.Add(option);
        var options = Settings.Select(setting => (Name: setting.Key, Option: OptionOf(setting.Key, setting.Value))).ToList();
        foreach (var (_, option) in options) command.Options.Add(option);
        command.SetAction((parsed, cancel) => Task.Run(() =>
        {
            var given = options.Where(one => parsed.GetResult(one.Option) is { Implicit: false })
                .Select(one => (one.Name, Value: one.Option is Option<bool> flag ? parsed.GetValue(flag).ToString() : parsed.GetValue((Option<string?>)one.Option)!)).ToList();
            return Run(parsed.GetValue(config), given, parsed.GetValue(print), parsed.GetValue(plan), parsed.GetValue(force), AnsiConsole.Console.Profile.Out.Writer, cancel, parsed.GetValue(anew));
        }, CancellationToken.None));
        return command;
    }

    /// <summary>0 when it was done, 1 when it was stopped or failed, 2 when the settings do not do; each with one sentence.</summary>
    internal static int Run(string? file, IReadOnlyList<(string Name, string Value)> given, bool print, bool plan, bool force, TextWriter log, CancellationToken cancel, bool anew = false)
    {
        Finetuning finetuning;
        try
        {
            var settings = Read(file, given);
            if (print)
            {
                log.Write(settings.ToJson());
                return 0;
            }
            finetuning = new(settings);
            log.WriteLine(finetuning);
            log.WriteLine();
            if (!force) finetuning.RequireMemory();
            if (plan) return 0;
        }
        catch (Exception error) when (IsOfInput(error))
        {
            log.WriteLine(Words(error));
            return 2;
        }
        try
        {
            var run = finetuning.Run(log, cancel, anew);
            log.WriteLine(run.Cancelled ? $"stopped after step {run.Steps.Count:N0} of {finetuning.Steps:N0}; the same command goes on from there" : $"saved in {finetuning.Settings.Output}");
            return run.Cancelled ? 1 : 0;
        }
        catch (Exception error) when (IsOfInput(error) || error is TrainingDivergedException)
        {
            log.WriteLine(Words(error));
            return 1;
        }
    }

    /// <summary>The message, with what a program would do in the words of this command.</summary>
    private static string Words(Exception error) => error.Message
        .Replace("Checkpoints { StartAnew = true }", "--anew", StringComparison.Ordinal)
        .Replace("give an ExampleForm", "say how with --prompt and --answer", StringComparison.Ordinal)
        .Replace("GradientCheckpointing = true", "--gradient-checkpointing", StringComparison.Ordinal)
        .Replace("Optimizer = new AdamW8Bit()", "--adam-8-bit", StringComparison.Ordinal)
        .Replace("model.Quantize(Nf4.WithDoubleQuantization)", "--quantize nf4", StringComparison.Ordinal)
        .Replace("weights in bfloat16", "--type bfloat16", StringComparison.Ordinal);

    private static bool IsOfInput(Exception error) =>
        error is IOException or InvalidDataException or UnauthorizedAccessException or ArgumentException or InvalidOperationException or NotSupportedException or InsufficientMemoryException;

    /// <summary>The file's settings with the options over them.</summary>
    internal static FinetuneSettings Read(string? file, IReadOnlyList<(string Name, string Value)> given)
    {
        var settings = file is null ? new() : FinetuneSettings.Load(file);
        if (given.Count == 0) return settings;
        var json = JsonNode.Parse(settings.ToJson())!.AsObject();
        foreach (var (name, value) in given) json[name] = ValueOf(name, value);
        return FinetuneSettings.FromJson(json.ToJsonString(), "the command line");
    }

    /// <summary>A text, number or truth, by what the setting is.</summary>
    private static JsonNode ValueOf(string name, string value)
    {
        var type = typeof(FinetuneSettings).GetProperties().Single(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name) == name).PropertyType;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string) || type.IsEnum) return value;
        try
        {
            if (JsonNode.Parse(value.ToLowerInvariant()) is JsonValue number) return number;
        }
        catch (JsonException) { }
        throw new ArgumentException($"--{Dashed(name)} is \"{value}\"; it must be {(type == typeof(bool) ? "true or false" : "a number")}");
    }

    private static Option OptionOf(string name, string what) =>
        typeof(FinetuneSettings).GetProperties().Single(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name) == name).PropertyType == typeof(bool)
            ? new Option<bool>("--" + Dashed(name)) { Description = what } : new Option<string?>("--" + Dashed(name)) { Description = what };

    /// <summary>learningRate as learning-rate.</summary>
    private static string Dashed(string name) => Capital().Replace(name, match => "-" + match.Value.ToLowerInvariant());

    [GeneratedRegex("[A-Z][a-z]*B$|[A-Z]|[0-9]+")]
    private static partial Regex Capital();
}
