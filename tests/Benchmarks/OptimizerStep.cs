// A step of AdamW alone, for each way of keeping its moments, beside torch's own over float32 and beside a copy that moves as many bytes:
// a step reads the gradient and reads and writes parameters and moments. And what 60 steps on data/base come to in 8 bits.
using LowRank;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Benchmarks;

internal static class OptimizerStep
{
    private static readonly (string Name, TrainingOptimizer How)[] Ways =
    [
        ("float32", new FullAdamW()), ("8 bits", new AdamW8Bit()),
        ("float32, all paged", new FullAdamW { PagedAbove = 0 }), ("8 bits, all paged", new AdamW8Bit { PagedAbove = 0 }),
    ];

    /// <summary>All of it, or the sizes and methods whose names hold one of the given parts.</summary>
    public static void Run(Results results, int rounds, string[] parts)
    {
        bool Chosen(string name) => parts.Length == 0 || Array.Exists(parts, name.Contains);
        if (Chosen("3.5 M")) Steps(results, "3.5 M", tensors: 54, side: 256, rounds);
        if (Chosen("50 M")) Steps(results, "50 M", tensors: 48, side: 1024, Math.Min(rounds, 9));
        (string Name, AdapterConfig? Adapter, double Rate)[] methods = [("LoRA r 8", Adapter.Lora(rank: 8, alpha: 16), 3e-3), ("full fine-tuning", null, 5e-4)];
        if (methods.Where(m => Chosen(m.Name)).ToList() is { Count: > 0 } some) Losses(results, some);
    }

    private static void Steps(Results results, string name, int tensors, long side, int rounds)
    {
        manual_seed(1);
        (string Name, Parameter Parameter)[] parameters = [.. Enumerable.Range(0, tensors).Select(i => ($"p{i}", new Parameter(randn(side, side))))];
        foreach (var (_, p) in parameters)
        {
            using var gradient = randn(side, side).mul_(1e-3);
            p.grad = gradient;
        }
        var elements = tensors * side * side;
        var subjects = Ways.Select(way => (way.Name, Optimizer: way.How.Over([new([.. parameters.Select(p => p.Parameter)], lr: 1e-5)], parameters), Times: new List<double>())).ToList();
        using var source = ones(elements * 7 / 2);                              // 28 bytes an element at most are read or written, half of them each
        using var target = empty_like(source);
        var copies = new List<double>();
        for (var round = -2; round < rounds; round++)                           // the first two warm up
        {
            var copy = Machine.Once(() => { using var guard = no_grad(); target.copy_(source); });
            if (round >= 0) copies.Add(copy);
            foreach (var (_, optimizer, times) in subjects)
            {
                var time = Machine.Once(optimizer.Step);
                if (round >= 0) times.Add(time);
            }
        }
        var table = results.Table($"optimizer {name}", $"A step of AdamW over {elements:N0} float32 parameters in {tensors} tensors",
            "moments", "ms", "× float32", "× a copy of as many bytes", "moments in memory, MB", "on pages, MB");
        var full = Machine.Median(subjects[0].Times);
        foreach (var (way, optimizer, times) in subjects)
        {
            var moments = optimizer.DeviceBytes + optimizer.PagedBytes;
            var moved = 12 * elements + 2 * moments;
            table.Add(way, Machine.Median(times), Machine.Median(times) / full, Machine.Median(times) / (Machine.Median(copies) * moved / (28 * elements)),
                optimizer.DeviceBytes / 1e6, optimizer.PagedBytes / 1e6);
            optimizer.Dispose();
        }
        foreach (var (_, p) in parameters) p.Dispose();
    }

    private static void Losses(Results results, IEnumerable<(string Name, AdapterConfig? Adapter, double Rate)> methods)
    {
        var table = results.Table("optimizer losses", "data/base learns definitions of food, 8 × 32 tokens a step: mean loss of the last 20 of 60 steps, seeds 0 to 2, and after them on 200 test definitions",
            "moments", "train 0", "train 1", "train 2", "test 0", "test 1", "test 2");
        foreach (var (method, adapter, rate) in methods)
            foreach (var (way, how) in new (string, TrainingOptimizer)[] { ("float32", new FullAdamW()), ("8 bits, small tensors too", new AdamW8Bit { SmallestTensor = 0 }) })
            {
                var (train, test) = (new List<double>(), new List<double>());
                for (var seed = 0; seed < 3; seed++)
                {
                    manual_seed(seed);
                    using var model = CausalLm.Load(Base());
                    var food = WordNet.Load().InDomain("noun.food");
                    if (adapter is not null) model.Adapt(adapter);
                    var batches = TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, food.Of(Split.Train)), 8, maximumTokens: 32, seed);
                    var unseen = TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, food.Of(Split.Test).Take(200)), 25, maximumTokens: 32);
                    var run = Trainer.Fit(model, batches.At, new() { Steps = 60, LearningRate = rate, Seed = seed, Log = null, Optimizer = how });
                    train.Add(run.Steps.TakeLast(20).Average(s => s.Loss));
                    test.Add(Evaluation.Loss(model, unseen.InOrder()));
                }
                table.Add($"{method}, {way}", [.. train, .. test]);
            }
    }

    private static string Base([System.Runtime.CompilerServices.CallerFilePath] string file = "") => Path.GetFullPath("../../data/base", Path.GetDirectoryName(file)!);
}
