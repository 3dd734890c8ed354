// Trains the zoo (ZooEntry) and writes it as folders that LoadAdapter reads, with a table of what each has learned.
using System.Globalization;
using System.Text;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How <see cref="Zoo.Run"/> makes the zoo.</summary>
public sealed record ZooOptions
{
    /// <summary>The folder of the model that is adapted.</summary>
    public required string Model { get; init; }

    /// <summary>The folder that the adapters' folders go into.</summary>
    public required string Output { get; init; }

    /// <summary>Only these; all if empty. The table then names only these too.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Steps of 16 texts; SQL takes three times as many, the memories twice.</summary>
    public long Steps { get; init; } = 150;

    /// <summary>Of the starts and of the batches' order.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Where progress is written.</summary>
    public TextWriter? Log { get; init; } = Console.Out;

    /// <summary>Stops between two adapters and within a run; what was finished stays, the table is not written.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>What an adapter of the zoo has learned, on texts that it has not seen (memories excepted).</summary>
/// <param name="Name">Its folder.</param>
/// <param name="What">What it is.</param>
/// <param name="Parameters">Numbers that were trained.</param>
/// <param name="Bytes">Of its folder's files but the card.</param>
/// <param name="Before">Perplexity of the base model, of the tokens that are asked for.</param>
/// <param name="After">With the adapter.</param>
/// <param name="Exact">Answers that are exactly right, 0 to 1; null where there is no one answer.</param>
public sealed record ZooResult(string Name, string What, long Parameters, long Bytes, double Before, double After, double? Exact);

/// <summary>Small trained adapters.</summary>
public static class Zoo
{
    /// <summary>The names of all adapters of the zoo.</summary>
    public static IReadOnlyList<string> Names => [.. ZooEntry.All.Select(entry => entry.Name)];

    /// <summary>Trains adapters and writes a folder for each and README.md with the table.</summary>
    /// <exception cref="ArgumentException">A name is unknown; names the nearest.</exception>
    /// <exception cref="FileNotFoundException">WordNet or the model is missing; says how to get it.</exception>
    public static IReadOnlyList<ZooResult> Run(ZooOptions options)
    {
        foreach (var name in options.Names)
            if (!Names.Contains(name)) throw new ArgumentException($"the zoo has no \"{name}\"{NearestNames.Suggest(name, Names)}");
        var glosses = WordNet.Load();
        var results = new List<ZooResult>();
        foreach (var entry in ZooEntry.All.Where(entry => options.Names.Count == 0 || options.Names.Contains(entry.Name)))
        {
            options.Cancellation.ThrowIfCancellationRequested();
            results.Add(Make(entry, glosses, options));
            options.Log?.WriteLine(results[^1]);
        }
        AtomicFile.Write(Path.Combine(options.Output, "README.md"), Table(results, options));
        return results;
    }

    private static ZooResult Make(ZooEntry entry, IReadOnlyList<Gloss> glosses, ZooOptions options)
    {
        using var scope = NewDisposeScope();
        manual_seed(options.Seed);
        using var model = CausalLm.Load(options.Model);
        var (training, test) = entry.Batches(model, glosses, options.Seed);
        var before = Evaluation.Perplexity(model, test());
        entry.Put(model);
        var settings = new TrainingOptions
        {
            Steps = options.Steps * entry.Longer, LearningRate = entry.LearningRate, WarmupSteps = options.Steps / 10, Seed = options.Seed, Log = null,
            Policies = entry.Policies(), Cancellation = options.Cancellation,
        };
        var run = Trainer.Fit(model, training, settings);
        options.Cancellation.ThrowIfCancellationRequested();

        var folder = Path.Combine(options.Output, entry.Name);
        var card = new AdapterCard("data/base", run) { Options = settings, Title = entry.What, Description = $"Made by `./workbook zoo {entry.Name}`.", Tags = ["zoo"] };
        if (entry.Baseline is null) model.SaveAdapter(folder, card);
        else model.SaveBaseline(folder);
        return new(entry.Name, entry.What, TrainableParameters.Of(model).Trainable,
            Directory.GetFiles(folder).Where(file => !file.EndsWith(".md", StringComparison.Ordinal)).Sum(file => new FileInfo(file).Length),
            before, Evaluation.Perplexity(model, test()), entry.Questions is null ? null : AnswerScore.Of(model, test()).ExactMatch);
    }

    private static string Table(IReadOnlyList<ZooResult> results, ZooOptions options)
    {
        var page = new StringBuilder("# A zoo of small adapters\n\n");
        page.Append(CultureInfo.InvariantCulture, $"Adapters of `data/base`, trained by `./workbook zoo --steps {options.Steps} --seed {options.Seed}` (SQL three times as long, memories twice), to play with:\n\n");
        page.Append("""
            ```csharp
            var model = CausalLm.Load("data/base");
            model.LoadAdapter("data/zoo/food", "food");            // food-prompt: LoadBaseline
            model.LoadAdapter("data/zoo/animal", "animal");
            model.SetAdapter("food");
            Console.WriteLine(model.Generate("goulash (noun):"));
            ```

            Perplexity is of tokens that were not trained on, memories excepted; of answers only, where there are questions.

            | folder | what | parameters | KB | perplexity before | after | exact answers |
            | --- | --- | ---: | ---: | ---: | ---: | ---: |

            """.ReplaceLineEndings("\n"));
        foreach (var result in results)
            page.Append(CultureInfo.InvariantCulture, $"| {result.Name} | {result.What} | {result.Parameters:N0} | {result.Bytes / 1000.0:0.0} | {result.Before:0.0} | {result.After:0.0} | {(result.Exact is { } exact ? $"{exact:P0}" : "")} |\n");
        return page.ToString();
    }
}
