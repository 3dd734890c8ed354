// DyQDyLoRA beside fixed storage: data/base learns definitions of food over int8, NF4 and NF3, over levels that change by StorageLevelPolicy's
// defaults, and over a fixed mix of levels whose bytes are that run's average. All draw a rank a step (QDyLoRA); per seed all see the same
// batches, ranks and start. It judges by loss, not by time, so the machine may be busy. Every finished run is written at once, and a run that
// the file has is not done again.
using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Text.Json;
using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>The verb <c>levels</c>.</summary>
internal static class StorageLevels
{
    private const string Changing = "DyQDyLoRA", Mixed = "a fixed mix of the same bytes", Domain = "noun.food";
    private const int MaximumRank = 8, BatchSize = 16, Tokens = 48;

    private static readonly (string Name, StorageFormat Format)[] Levels =
        [("int8 rows", new Int8Rows()), ("NF4", Nf4.WithDoubleQuantization), ("NF3", Nf3.WithDoubleQuantization)];

    private static readonly long[] Ranks = [1, 2, 4, 8];

    /// <summary>The file: how it was made, and a point a run.</summary>
    private sealed record Comparison(string Command, string Model, string Domain, string Rule, int Steps, double LearningRate, string LibTorch, string Net, List<Point> Points)
    {
        public List<Point> Points { get; } = Points;
    }

    /// <param name="Method">A level's name, the changing levels, or the mix.</param>
    /// <param name="Seed">Of start, batches and ranks.</param>
    /// <param name="AverageBytes">Of the layers' weights over the steps.</param>
    /// <param name="FinalBytes">The same at the end, as tested.</param>
    /// <param name="Storage">At each evaluation: a level; for the mix, how many layers have which.</param>
    /// <param name="Validation">The loss at the largest rank, in nats, at each evaluation.</param>
    /// <param name="TestPerplexity">At the end, by rank.</param>
    /// <param name="AtLevels">The same adapter's test perplexity at the largest rank over all weights of each level.</param>
    private sealed record Point(string Method, int Seed, double AverageBytes, long FinalBytes, string[] Storage, double[] Validation,
        Dictionary<string, double> TestPerplexity, Dictionary<string, double> AtLevels);

    public static Command Create()
    {
        var steps = new Option<int>("--steps") { Description = "steps a run", DefaultValueFactory = _ => 120 };
        var rate = new Option<double>("--rate") { Description = "the highest learning rate", DefaultValueFactory = _ => 1e-2 };
        var seeds = new Option<int>("--seeds") { Description = "runs of each kind", DefaultValueFactory = _ => 3 };
        var threads = new Option<int>("--threads") { Description = "libtorch's threads", DefaultValueFactory = _ => get_num_threads() };
        var file = new Option<string>("--file") { Description = "the results", DefaultValueFactory = _ => Path.Combine(Root(), "data/results/dyqdylora.json") };
        var command = new Command("levels", "Compares storage levels that change while training with fixed ones, by loss.") { steps, rate, seeds, threads, file };
        command.SetAction(parsed =>
        {
            set_num_threads(parsed.GetValue(threads));
            Run(parsed.GetValue(file)!, parsed.GetValue(steps), parsed.GetValue(rate), parsed.GetValue(seeds));
        });
        return command;
    }

    private static void Run(string file, int steps, double rate, int seeds)
    {
        var made = new Comparison("dotnet run -c Release --project tests/Benchmarks -- levels", "data/base", Domain,
            "the defaults of StorageLevelPolicy (gain 0.01, tolerance 0.02, patience 1, rest 3) on all validation texts at the largest rank, every tenth of the run", steps, rate, __version__, Environment.Version.ToString(), []);
        if (File.Exists(file))
        {
            var before = JsonSerializer.Deserialize<Comparison>(File.ReadAllText(file))!;
            if ((before.Steps, before.LearningRate) != (steps, rate))
                throw new InvalidOperationException($"{file} has runs of {before.Steps} steps at {before.LearningRate}; name another file or the same numbers");
            made.Points.AddRange(before.Points);
        }
        foreach (var method in (string[])[Changing, Mixed, .. Levels.Select(l => l.Name)])
            foreach (var seed in Enumerable.Range(1, seeds))
            {
                if (made.Points.Exists(p => p.Seed == seed && p.Method == method)) continue;
                var bytes = method == Mixed ? made.Points.Find(p => p.Seed == seed && p.Method == Changing)!.AverageBytes : 0;
                made.Points.Add(Train(method, seed, steps, rate, bytes));
                Save();
            }
        Save();
        Report(made);

        void Save() => AtomicFile.Write(file,
            JsonSerializer.Serialize(made, new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
    }

    private static Point Train(string method, int seed, int steps, double rate, double bytes)
    {
        var root = Root();
        using var model = CausalLm.Load(Path.Combine(root, "data/base"));
        var food = WordNet.Load().InDomain(Domain).ToList();
        TokenBatches Of(Split split, int size) => TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, food.Of(split)), size, Tokens, seed);
        var (train, validation, test) = (Of(Split.Train, BatchSize), Of(Split.Validation, 32), Of(Split.Test, 32));
        var policy = method == Changing ? new StorageLevelPolicy() : null;
        if (method == Mixed) Mix(model, bytes, seed);
        else if (policy is null) model.Quantize(Levels.Single(l => l.Name == method).Format);
        manual_seed(seed);
        model.Adapt(Adapter.DyLora(MaximumRank));
        long Bytes() => Quantized(model).Sum(w => w.Bytes);
        List<string> storage = [];
        var run = Trainer.Fit(model, train.At, new()
        {
            Steps = steps, LearningRate = rate, Seed = seed, EvaluateEvery = steps / 10, Log = null,
            Policies = policy is null ? [new DyLoraPolicy()] : [new DyLoraPolicy(), policy],
            Evaluate = () =>
            {
                storage.Add(Describe(model));
                return Evaluation.Loss(model, validation.InOrder());
            },
        });
        var perplexities = Ranks.ToDictionary(rank => $"{rank}", rank =>
        {
            model.SetRank(rank);
            return Evaluation.Perplexity(model, test.InOrder());
        });
        model.SetRank(MaximumRank);
        var atLevels = Levels.ToDictionary(level => level.Name, level =>
        {
            using var other = CausalLm.Load(Path.Combine(root, "data/base"));
            other.Quantize(level.Format);
            other.Adapt(Adapter.DyLora(MaximumRank));
            using var grad = no_grad();
            foreach (var (to, from) in other.LayersOf(Adapter.DefaultName).Zip(model.LayersOf(Adapter.DefaultName)))
                foreach (var (a, b) in to.Adapter.Tensors.Zip(from.Adapter.Tensors)) a.Value.copy_(b.Value);
            return Evaluation.Perplexity(other, test.InOrder());
        });
        var point = new Point(method, seed, policy?.AverageBytes ?? Bytes(), Bytes(), [.. storage], [.. run.Evaluations.Select(e => e.Loss)], perplexities, atLevels);
        Console.WriteLine(JsonSerializer.Serialize(point));
        return point;
    }

    private static IEnumerable<QuantizedWeight> Quantized(CausalLm model) => model.LinearLayers().Select(l => l.Layer.Weight).OfType<QuantizedWeight>();

    private static string Describe(CausalLm model) => string.Join(", ", Quantized(model).GroupBy(w => Levels.Single(l => l.Format == w.Stored.Format).Name)
        .Select(g => g.Count() == Quantized(model).Count() ? g.Key : $"{g.Count()} {g.Key}"));

    /// <summary>Stores layers in the two levels that have the bytes between them: as many of the finer one as fit, in the order of a shuffle.</summary>
    private static void Mix(CausalLm model, double bytes, int seed)
    {
        var paths = model.LinearLayers().Where(l => TargetPattern.AllLinear.Matches(l.Path)).ToList();
        long[] Sizes(StorageFormat format) => [.. paths.Select(l =>
        {
            using var dense = l.Layer.Weight.Dequantize();
            using var stored = format.Encode(dense);
            return stored.Bytes;
        })];
        using var grad = no_grad();
        var sizes = Levels.Select(l => Sizes(l.Format)).ToArray();
        var fine = Math.Max(0, Array.FindLastIndex(sizes[..^1], s => s.Sum() >= bytes));
        var total = sizes[fine + 1].Sum();
        var order = Enumerable.Range(0, paths.Count).ToArray();
        new Random(seed).Shuffle(order);
        var finer = new HashSet<int>();
        foreach (var i in order)
        {
            var more = sizes[fine][i] - sizes[fine + 1][i];
            if (total + more > bytes) continue;
            total += more;
            finer.Add(i);
        }
        foreach (var ((_, layer), i) in paths.Select((l, i) => (l, i))) layer.Quantize(Levels[finer.Contains(i) ? fine : fine + 1].Format);
    }

    private static void Report(Comparison made)
    {
        Console.WriteLine($"| storage | average KiB | at the end | {string.Join(" | ", Ranks.Select(r => $"rank {r}"))} |");
        foreach (var group in made.Points.GroupBy(p => p.Method))
            Console.WriteLine($"| {group.Key} | {group.Average(p => p.AverageBytes) / 1024:F1} | {group.Average(p => p.FinalBytes) / 1024:F1} | "
                + string.Join(" | ", Ranks.Select(r => group.Select(p => p.TestPerplexity[$"{r}"]).ToList() is var all ? $"{all.Average():F2} ({all.Min():F2} to {all.Max():F2})" : "")) + " |");
    }

    internal static string Root([CallerFilePath] string file = "") => Path.GetFullPath("../..", Path.GetDirectoryName(file)!);
}
