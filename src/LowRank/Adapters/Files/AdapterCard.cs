// README.md beside an adapter's files, in the layout that Hugging Face's hub reads: front matter, then what the adapter is and how the run
// went. Numbers are written invariantly and in full where a program may want them back.
using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What only the author knows about an adapter; the rest is read off the model and the run.</summary>
/// <param name="BaseModel">The base model's folder or its name on the hub.</param>
/// <param name="Run">The training run, or null for an adapter that was not trained here.</param>
public sealed record AdapterCard(string BaseModel, TrainingRun? Run = null)
{
    internal const string FileName = "README.md";

    /// <summary>The options of the run, for the table of its settings.</summary>
    public TrainingOptions? Options { get; init; }

    /// <summary>Heading; "An adapter for " and the base model if not given.</summary>
    public string? Title { get; init; }

    /// <summary>A paragraph for people: what it was trained on, what it is for.</summary>
    public string? Description { get; init; }

    /// <summary>Words to be found by, beside the method's.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>The card of one of the model's adapters, as text.</summary>
    internal string Text(nn.Module model, string name)
    {
        if (string.IsNullOrWhiteSpace(BaseModel)) throw new ArgumentException("the card's base model is empty; name its folder or its name on the hub");
        var layers = model.RequiredLayersOf(name);
        var config = PeftFiles.RequiredConfig(name, layers[0].Adapter);
        var card = new StringBuilder();
        void Line(FormattableString text) => card.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');

        var forPeft = PeftReads(config);
        Line($"---\nbase_model: {Quoted(BaseModel)}");
        if (forPeft) Line($"library_name: peft");
        Line($"tags:");
        foreach (var tag in (string[])["adapter", config.PeftType.ToLowerInvariant(), .. Tags]) Line($"- {Quoted(tag)}");
        Line($"---\n\n# {OneLine(Title ?? $"An adapter for {BaseModel}")}\n");
        if (!string.IsNullOrWhiteSpace(Description)) Line($"{Description.Trim()}\n");

        var trained = layers.Sum(l => l.Adapter.Tensors.Sum(t => t.Value.numel())) + WholeModules.Of(model).ValuesOf(name).Sum(v => v.Value.numel());
        var all = model.BaseParameters().Sum(p => p.Parameter.numel()) + model.QuantizedParameters();
        Line($"## The adapter\n\n| | |\n| --- | --- |");
        Line($"| method | {config.PeftType}{(config.Decomposed ? " with a magnitude" : "")} |");
        Line($"| parameters | {trained} |");
        Line($"| parameters of the base model | {all} |");
        Line($"| share | {(double)trained / all:P2} |");
        Line($"| target modules | {string.Join(", ", layers.Select(l => l.Path.Split('.')[^1]).Where(n => n.Length > 0).Distinct().Order(StringComparer.Ordinal).Select(Code))} |");
        Line($"| layers | {layers.Count} |");
        foreach (var (property, value) in Settings(config)) Line($"| {property} | {Cell(value)} |");
        if (Run is not null) WriteRun(Line);
        WriteUse(Line, config, forPeft);
        return card.ToString();
    }

    private void WriteRun(Action<FormattableString> line)
    {
        var steps = Run!.Steps;
        line($"\n## The run\n\n| | |\n| --- | ---: |");
        line($"| steps | {steps.Count} |");
        line($"| stopped early | {(Run.Cancelled ? "yes" : "no")} |");
        line($"| tokens | {Run.Tokens} |");
        line($"| seconds | {Run.Seconds:R} |");
        line($"| seconds a step (median) | {Run.SecondsPerStep:R} |");
        if (steps.Count > 0)
        {
            line($"| first loss (nats) | {steps[0].Loss:R} |");
            line($"| last loss (nats) | {steps[^1].Loss:R} |");
        }
        if (Options is { } options)
        {
            line($"| learning rate | {options.LearningRate:R} |");
            line($"| warm-up steps | {options.WarmupSteps} |");
            line($"| weight decay | {options.WeightDecay:R} |");
            line($"| batches a step | {options.Accumulation} |");
            line($"| seed | {options.Seed} |");
        }
        var evaluations = Run.Evaluations.ToList();
        if (evaluations.Count == 0) return;
        line($"\n| step | evaluation loss (nats) | perplexity |\n| ---: | ---: | ---: |");
        foreach (var (step, loss) in evaluations) line($"| {step} | {loss:R} | {Math.Exp(loss):F2} |");
    }

    private void WriteUse(Action<FormattableString> line, AdapterConfig config, bool forPeft)
    {
        line($"\n## How to load it\n\n```csharp");
        line($"var model = CausalLm.Load({Quoted(BaseModel)});\nmodel.LoadAdapter(\"this/folder\");\n```");
        if (forPeft)
        {
            line($"\n```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n");
            line($"model = AutoModelForCausalLM.from_pretrained({Quoted(BaseModel)})\nmodel = PeftModel.from_pretrained(model, \"this/folder\")\n```");
        }
        else line($"\nPEFT has no such adapter ({config.PeftType}{(config.Decomposed ? " with a magnitude" : "")}); `model.ConvertToLora` makes one of it that PEFT loads.");
    }

    /// <summary>Can PEFT load the files? It knows a magnitude on LoRA alone, and of seeds only those of torch's generator.</summary>
    private static bool PeftReads(AdapterConfig config) => config switch
    {
        LoraConfig => true,
        VeraConfig vera => !vera.Decomposed && (vera.SavesProjections || vera.Generator == VeraGenerator.Torch),
        AdaLoraConfig or Ia3Config or LohaConfig or LokrConfig => !config.Decomposed,
        _ => false,
    };

    /// <summary>The configuration's own properties, empty ones left out.</summary>
    private static IEnumerable<(string Name, string Value)> Settings(AdapterConfig config) =>
        from property in config.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
        where property.GetIndexParameters().Length == 0 && property.Name is not nameof(AdapterConfig.Decomposed)
        let value = Shown(property.GetValue(config))
        where value.Length > 0
        orderby property.DeclaringType == typeof(AdapterConfig)
        select (property.Name, value);

    private static string Shown(object? value) => value switch
    {
        null => "",
        string text => text,
        IDictionary table => string.Join(", ", table.Keys.Cast<object>().Select(key => $"{Shown(key)}: {Shown(table[key])}")),
        IEnumerable list => string.Join(", ", list.Cast<object?>().Select(Shown)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Code(string text) => $"`{text}`";

    /// <summary>Text that may hold what a table's row must not.</summary>
    private static string Cell(string text) => OneLine(text).Replace("|", "\\|");

    private static string OneLine(string text) => string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries));

    /// <summary>A string in double quotes as JSON has it, which YAML, C# and Python read alike.</summary>
    private static string Quoted(string text) => PlainJson.AppendString(new StringBuilder(), text).ToString();
}
