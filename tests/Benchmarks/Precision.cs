// 16 bits beside 32: AdamW's step with and without float32 masters, a training step of the model of TrainingStep, and what full fine-tuning
// at a learning rate of 2·10⁻⁵ comes to.
using LowRank;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Benchmarks;

internal static class Precision
{
    private const int Batch = 8, Tokens = 128;

    private static readonly (string Name, ScalarType Type, TrainingOptimizer How)[] Ways =
    [
        ("float32", ScalarType.Float32, new FullAdamW()), ("bfloat16, masters", ScalarType.BFloat16, new FullAdamW()),
        ("bfloat16", ScalarType.BFloat16, new FullAdamW { MasterWeights = false }),
        ("float32, 8-bit moments", ScalarType.Float32, new AdamW8Bit()), ("bfloat16, 8-bit moments, masters", ScalarType.BFloat16, new AdamW8Bit()),
        ("bfloat16, 8-bit moments", ScalarType.BFloat16, new AdamW8Bit { MasterWeights = false }),
        ("bfloat16, masters, all paged", ScalarType.BFloat16, new FullAdamW { PagedAbove = 0 }),
    ];

    /// <summary>All of it, or what has one of the given parts in its name: optimizer, step, losses.</summary>
    public static void Run(Results results, int rounds, string[] parts)
    {
        bool Chosen(string name) => parts.Length == 0 || parts.Contains(name);
        if (Chosen("optimizer")) Optimizers(results, rounds);
        if (Chosen("step")) Steps(results, rounds);
        if (Chosen("losses")) Losses(results);
    }

    private static void Optimizers(Results results, int rounds)
    {
        const int Many = 12, Side = 1024;
        var subjects = Ways.Select(way =>
        {
            manual_seed(1);
            (string Name, Parameter Parameter)[] parameters = [.. Enumerable.Range(0, Many).Select(i => ($"p{i}", new Parameter(randn(Side, Side).to(way.Type))))];
            foreach (var (_, p) in parameters) p.grad = randn(Side, Side).mul_(1e-3).to(way.Type);
            return (way.Name, Optimizer: way.How.Over([new([.. parameters.Select(p => p.Parameter)], lr: 2e-5)], parameters), Parameters: parameters, Times: new List<double>());
        }).ToList();
        for (var round = -2; round < rounds; round++)
            foreach (var (_, optimizer, _, times) in subjects)
                if (Machine.Once(optimizer.Step) is var time && round >= 0) times.Add(time);
        var table = results.Table("precision optimizer", $"A step of AdamW over {Many * Side * Side:N0} parameters", "parameters", "ms", "× float32", "bytes of moments and masters a parameter", "of them on pages");
        foreach (var (name, optimizer, _, times) in subjects)
        {
            double All(long bytes) => (double)bytes / (Many * Side * Side);
            table.Add(name, Machine.Median(times), Machine.Median(times) / Machine.Median(subjects[0].Times), All(optimizer.DeviceBytes + optimizer.PagedBytes), All(optimizer.PagedBytes));
            optimizer.Dispose();
        }
    }

    private static void Steps(Results results, int rounds)
    {
        var shape = new LlamaConfig { HiddenSize = 256, Layers = 4, Heads = 4, KeyValueHeads = 4, IntermediateSize = 688, VocabularySize = 2048, TiedEmbeddings = true };
        using var ids = randint(0, shape.VocabularySize, [Batch, Tokens], dtype: ScalarType.Int64);
        (string Name, ScalarType Type, TrainingOptimizer How, bool Full)[] ways =
        [
            ("LoRA r 8, float32", ScalarType.Float32, new FullAdamW(), false), ("LoRA r 8 (float32), bfloat16 weights", ScalarType.BFloat16, new FullAdamW(), false),
            .. Ways.Take(3).Select(way => ($"full fine-tuning, {way.Name}", way.Type, way.How, true)),
        ];
        var subjects = ways.Select(way =>
        {
            var model = new CausalLm(shape, seed: 1, way.Type);
            if (!way.Full) model.Adapt(Adapter.Lora(rank: 8, alpha: 16), "all-linear");
            (string Name, Parameter Parameter)[] trained = [.. model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => (p.name, p.parameter))];
            return (way.Name, Model: model, Optimizer: way.How.Over([new([.. trained.Select(p => p.Parameter)], lr: 2e-5)], trained), Times: new List<double>(), Steps: new List<double>());
        }).ToList();
        for (var round = -1; round < rounds; round++)
            foreach (var (_, model, optimizer, times, steps) in subjects)
            {
                using var scope = NewDisposeScope();
                optimizer.ZeroGradients();
                var pass = Machine.Once(() => model.Loss(ids).backward());
                var step = Machine.Once(optimizer.Step);
                if (round < 0) continue;
                times.Add(pass + step);
                steps.Add(step);
            }
        var table = results.Table("precision step", $"A training step, batch {Batch} × {Tokens}, {shape.ParameterCount:N0} parameters", "", "ms", "tokens a second", "AdamW's part, ms", "moments and masters, MB");
        foreach (var (name, model, optimizer, times, steps) in subjects)
        {
            table.Add(name, Machine.Median(times), Batch * Tokens * 1000 / Machine.Median(times), Machine.Median(steps), optimizer.DeviceBytes / 1e6);
            optimizer.Dispose();
            model.Dispose();
        }
    }

    private static void Losses(Results results)
    {
        const int Steps = 150;
        var table = results.Table("precision losses", $"data/base, all of it, learns definitions of food at a learning rate of 2e-5: mean loss of the last 20 of {Steps} steps, and then on 200 test definitions; of float32's change of the weights, the part along it",
            "weights", "train 0", "train 1", "test 0", "test 1", "float32's way 0", "float32's way 1");
        Dictionary<(string, int), (double Train, double Test, Tensor Weights)> ended = [];
        var starts = new Dictionary<int, Tensor>();
        for (var seed = 0; seed < 2; seed++)
            foreach (var (name, type, how) in Ways.Take(5))
            {
                manual_seed(seed);
                var model = CausalLm.Load(Base(), ScalarType.BFloat16);         // the same start for all
                if (type == ScalarType.Float32) model.to(type);
                starts.TryAdd(seed, Weights(model));
                var food = WordNet.Load().InDomain("noun.food");
                var batches = TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, food.Of(Split.Train)), 8, maximumTokens: 32, seed);
                var unseen = TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, food.Of(Split.Test).Take(200)), 25, maximumTokens: 32);
                var run = Trainer.Fit(model, batches.At, new() { Steps = Steps, LearningRate = 2e-5, Seed = seed, Log = null, Optimizer = how });
                ended[(name, seed)] = (run.Steps.TakeLast(20).Average(s => s.Loss), Evaluation.Loss(model, unseen.InOrder()), Weights(model));
                model.Dispose();
            }
        foreach (var name in ended.Keys.Select(key => key.Item1).Distinct())
        {
            double Way(int seed)
            {
                var (whole, own) = (ended[("float32", seed)].Weights - starts[seed], ended[(name, seed)].Weights - starts[seed]);
                return (own * whole).sum().item<double>() / (whole * whole).sum().item<double>();
            }
            table.Add(name, ended[(name, 0)].Train, ended[(name, 1)].Train, ended[(name, 0)].Test, ended[(name, 1)].Test, Way(0), Way(1));
        }

        static Tensor Weights(CausalLm model) => cat([.. model.parameters().Select(p => p.detach().to(ScalarType.Float64).flatten())]);
    }

    private static string Base([System.Runtime.CompilerServices.CallerFilePath] string file = "") => Path.GetFullPath("../../data/base", Path.GetDirectoryName(file)!);
}
