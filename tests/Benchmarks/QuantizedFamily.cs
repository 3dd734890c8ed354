// What the methods over quantized weights learn, and what merging costs them: data/base adapts to a domain that it has not read. Each method
// trains over dense weights and over codes, at the rate that was best for it over dense weights on the validation split (seed 0), with three
// seeds. Every run is written to data/results/qlora-family.json as soon as it ends, and one that is there is not done again.
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LowRank;
using LowRank.Tests.Methods;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>The runs and their table.</summary>
internal static class QuantizedFamily
{
    private const string Domain = "noun.food", Dense = "dense", Codes = "codes";
    private const int Steps = 60, Batch = 16, Longest = 48, Judged = 128;

    private static readonly long[] Seeds = [1, 2, 3];

    /// <summary>One run.</summary>
    /// <param name="Split">What the perplexities are of.</param>
    /// <param name="WeightBytes">Of the linear layers' weights as they are stored.</param>
    /// <param name="Before">Perplexity before training, after quantizing.</param>
    /// <param name="After">With the adapter.</param>
    /// <param name="Merged">With the adapter merged into the stored weights.</param>
    /// <param name="MergeError">The layers' largest.</param>
    /// <param name="CodesKept">Did the merge leave every code as it was?</param>
    private sealed record Point(string Method, string Storage, double Rate, long Seed, string Split, long Trained, long WeightBytes,
        double Before, double After, double Merged, double MergeError, bool CodesKept);

    private sealed record Report(string Command, string Model, string Domain, int Steps, IReadOnlyList<Point> Points);

    public static Command Create()
    {
        var threads = new Option<int>("--threads") { Description = "libtorch's threads", DefaultValueFactory = _ => get_num_threads() };
        var command = new Command("quality", "Compares methods over codes with the same over dense weights, by loss.") { threads };
        command.SetAction(parsed =>
        {
            set_num_threads(parsed.GetValue(threads));
            var root = StorageLevels.Root();
            Console.WriteLine($"saved {Run(root, Path.Combine(root, "data/results"))}");
        });
        return command;
    }

    /// <summary>Makes the runs that are missing and writes qlora-family.json and .md into a folder.</summary>
    private static string Run(string root, string folder)
    {
        var file = Path.Combine(folder, "qlora-family.json");
        var points = File.Exists(file) ? JsonSerializer.Deserialize<Report>(File.ReadAllText(file))!.Points.ToList() : [];
        var glosses = WordNet.Load().InDomain(Domain).ToList();

        Point Once(OverCodes method, string storage, double rate, long seed, Split split)
        {
            if (points.Find(p => (p.Method, p.Storage, p.Rate, p.Seed, p.Split) == (method.Name, storage, rate, seed, split.ToString())) is { } done) return done;
            var point = Train(root, glosses, method, storage, rate, seed, split);
            points.Add(point);
            var report = new Report("dotnet run -c Release --project tests/Benchmarks -- quality", "data/base", Domain, Steps, points);
            File.WriteAllText(file, JsonSerializer.Serialize(report, new JsonSerializerOptions { WriteIndented = true }) + "\n");
            Console.WriteLine(point);
            return point;
        }
        var rates = OverCodes.All.ToDictionary(method => method.Name, method => method.Rates.MinBy(rate => Once(method, Dense, rate, 0, Split.Validation).After));
        foreach (var seed in Seeds)
            foreach (var method in OverCodes.All)
                foreach (var storage in new[] { Dense, Codes }) Once(method, storage, rates[method.Name], seed, Split.Test);

        var table = new ResultTable("quality", $"data/base on {Domain}, {Steps} steps of {Batch} definitions: test perplexity, means of seeds {string.Join(", ", Seeds)}",
            ["method", "learning rate", "trained parameters", "linear weights, KiB", "before", "after", "spread of the seeds", "merged", "merged / after", "merges that kept every code"]);
        foreach (var method in OverCodes.All)
            foreach (var storage in new[] { Dense, Codes })
            {
                var runs = Seeds.Select(seed => Once(method, storage, rates[method.Name], seed, Split.Test)).ToList();
                double[] numbers = [rates[method.Name], runs[0].Trained, runs[0].WeightBytes / 1024.0, runs[0].Before, runs.Average(r => r.After),
                    runs.Max(r => r.After) - runs.Min(r => r.After), runs.Average(r => r.Merged), runs.Average(r => r.Merged / r.After)];
                table.Add(storage == Dense ? $"{method.Name}'s adapter on dense weights" : $"{method.Name}, {(method.Format is GroupInt4 ? "int4 in groups of 32" : "NF4, double")}",
                    storage == Dense ? numbers : [.. numbers, runs.Count(r => r.CodesKept)]);
            }
        var page = Path.ChangeExtension(file, ".md");
        File.WriteAllText(page, "# Methods over quantized weights\n\n" + table.Markdown());
        Console.WriteLine(table.Markdown());
        return page;
    }

    private static Point Train(string root, IReadOnlyList<Gloss> glosses, OverCodes method, string storage, double rate, long seed, Split split)
    {
        manual_seed(seed);
        using var model = CausalLm.Load(Path.Combine(root, "data/base"));
        if (storage == Codes) model.Quantize(method.Format!);
        TokenBatches Batches(Split of) => TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, glosses.Of(of)), Batch, Longest, seed);
        var judged = TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, glosses.Of(split).Take(Judged)), Batch, Longest);
        double Perplexity() => Evaluation.Perplexity(model, judged.InOrder());

        var before = Perplexity();
        var config = method.Config is VeraConfig vera ? vera with { Seed = seed } : method.Config;
        var trained = model.Adapt(config, "all-linear").Trainable;
        var data = Batches(Split.Train);
        Trainer.Fit(model, data.At, new() { Steps = Steps, LearningRate = rate, WarmupSteps = Steps / 10, Seed = seed, Log = null, Policies = method.Policies });
        var after = Perplexity();

        var layers = model.LinearLayers().Where(l => TargetPattern.AllLinear.Matches(l.Path)).Select(l => l.Layer).ToList();
        var codes = layers.Select(l => l.Weight).OfType<QuantizedWeight>().Select(w => w.Stored.Codes.clone()).ToList();
        model.Merge();
        var kept = codes.Count > 0 && layers.Zip(codes).All(pair => ((QuantizedWeight)pair.First.Weight).Stored.Codes.eq(pair.Second).all().item<bool>());
        foreach (var copy in codes) copy.Dispose();
        return new(method.Name, storage, rate, seed, split.ToString(), trained, layers.Sum(l => l.Weight.Bytes), before, after, Perplexity(), layers.Max(l => l.MergeError), kept);
    }
}
