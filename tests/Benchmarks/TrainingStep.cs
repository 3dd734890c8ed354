// One training step (forward, backward, AdamW) of a Llama-like model: hidden 256, 4 layers, 4 heads, ffn 688, vocabulary 2048,
// batch 8 × 128, float32. Rounds go over all methods in turn, so that whatever drifts meets all of them; medians are compared.
// For scale, on two cores, idle: PEFT on PyTorch 2.14 takes 268 ms (full), 216 (LoRA), 269 (DoRA) and 690 to 810 MB; a LoRA
// written by hand on PyTorch 210 ms, with about 106 ms of matrix products.
using LowRank;
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>The step of every method beside its matrix products alone and beside the frozen model's forward and backward.</summary>
internal static class TrainingStep
{
    private const int Batch = 8, Tokens = 128;

    private static readonly LlamaConfig Shape = new()
    {
        HiddenSize = 256, Layers = 4, Heads = 4, KeyValueHeads = 4, IntermediateSize = 688, VocabularySize = 2048, TiedEmbeddings = true,
    };

    private const string Frozen = "frozen model", Full = "full fine-tuning", Lora = "LoRA r 8";

    /// <summary>The methods that the common suite's list has measured, on all linear layers, and what policies make of two of them.</summary>
    private static IEnumerable<(string Name, AdapterConfig Config, TrainingPolicy? Policy)> Methods =>
    [
        .. MethodList.All.Where(m => m.Value.Measured is not null).Select(m => (Name(m.Key, m.Value.Measured!), m.Value.Measured!, (TrainingPolicy?)null)),
        ("AsyLoRA r 8", Adapter.Lora(rank: 8, alpha: 16), new AsyLoraPolicy()),
        ("DyLoRA R 8, sampled ranks", Adapter.DyLora(maximumRank: 8), new DyLoraPolicy()),
    ];

    private static string Name(string method, AdapterConfig config) => config switch
    {
        RankedConfig ranked => $"{method} r {ranked.Rank}",
        VeraConfig vera => $"{method} r {vera.Rank}",
        DyLoraConfig dyLora => $"{method} R {dyLora.MaximumRank} at {dyLora.MaximumRank}",
        AdaLoraConfig adaLora => $"{method} r {adaLora.InitialRank}, no budget",
        _ => method,
    };

    /// <summary>All methods, or those whose names hold one of the given parts.</summary>
    public static void Run(Results results, int rounds, string[] parts)
    {
        var subjects = new List<Subject>
        {
            // The lowest norm alone trains: forward, and backward down to the embedding's output.
            new(Frozen, model => { foreach (var (name, p) in model.named_parameters()) p.requires_grad = name == "model.layers.0.input_layernorm.weight"; }),
            new(Full, _ => { }),
        };
        subjects.AddRange(Methods.Where(m => parts.Length == 0 || m.Name == Lora || Array.Exists(parts, m.Name.Contains)).Select(m => new Subject(m.Name, model => model.Adapt(m.Config, "all-linear"), m.Policy)));
        foreach (var (name, format) in new (string, StorageFormat)[] { ("NF4", Nf4.WithDoubleQuantization), ("int8", new Int8Rows()) })
            if (parts.Length == 0 || Array.Exists(parts, $"LoRA r 8 over {name}".Contains))
                subjects.Add(new($"LoRA r 8 over {name}", model =>
                {
                    model.Quantize(format);
                    model.Adapt(Adapter.Lora(rank: 8, alpha: 16), "all-linear");
                }));
        using var products = new MatrixProducts(Shape, Batch * Tokens, Tokens);
        List<double> productTimes = [], weightProductTimes = [];
        for (var round = -2; round < rounds; round++)       // the first two warm up
        {
            var forward = Machine.Once(products.ForwardAndInput);
            var weights = Machine.Once(products.Weights);
            foreach (var subject in subjects) subject.Step(counts: round >= 0);
            if (round < 0) continue;
            productTimes.Add(forward);
            weightProductTimes.Add(weights);
        }

        var (two, third) = (Machine.Median(productTimes), Machine.Median(weightProductTimes));
        double Time(string name) => subjects.Single(s => s.Name == name).Median;
        var table = results.Table("step", "Training step, batch 8 × 128, float32",
            "method", "ms", "× its matrix products", "× frozen model", "× LoRA", "trained parameters", "tensors' peak, MB");
        table.Add("matrix products of forward and the inputs' gradients", two);
        table.Add("matrix products of the weights' gradients", third);
        foreach (var subject in subjects)
            table.Add(subject.Name, subject.Median, subject.Median / (subject.Name == Full ? two + third : two),
                subject.Median / Time(Frozen), subject.Median / Time(Lora), subject.Trained, subject.PeakMegabytes);
        foreach (var subject in subjects) subject.Dispose();
    }

    /// <summary>A model that trains in one way, and what its steps took.</summary>
    private sealed class Subject : IDisposable
    {
        private readonly CausalLm model = new(Shape, seed: 1);
        private readonly optim.Optimizer optimizer;
        private readonly Tensor ids;
        private readonly List<double> times = [];
        private readonly TrainingPolicy? policy;
        private long step;

        public Subject(string name, Action<CausalLm> prepare, TrainingPolicy? policy = null)
        {
            (Name, this.policy) = (name, policy);
            prepare(model);
            policy?.Begin(model, new());
            model.train();
            Trained = TrainableParameters.Of(model).Trainable;
            optimizer = optim.AdamW(model.parameters().Where(p => p.requires_grad), lr: 1e-4);
            using var generator = new Generator(1);
            ids = randint(0, Shape.VocabularySize, [Batch, Tokens], dtype: ScalarType.Int64, generator: generator);
        }

        public string Name { get; }

        public long Trained { get; }

        public double Median => Machine.Median(times);

        /// <summary>Most bytes of tensors alive at once in a step above what other subjects hold, in MB: weights, moments,
        /// gradients and activations.</summary>
        public double PeakMegabytes { get; private set; }

        public void Step(bool counts)
        {
            var own = Own();
            LibTorch.Memory.ResetPeak();
            var others = LibTorch.Memory.LiveBytes - own;
            var time = Machine.Once(() =>
            {
                using var scope = NewDisposeScope();
                policy?.BeforeStep(step++);
                optimizer.zero_grad();
                model.Loss(ids).backward();
                optimizer.step();
            });
            PeakMegabytes = (LibTorch.Memory.PeakBytes - others) / 1048576.0;
            if (counts) times.Add(time);
        }

        /// <summary>Bytes that stay between steps: parameters, their gradients and AdamW's two moments.</summary>
        private long Own() => model.parameters().Sum(p => p.numel() * 4 * (p.requires_grad && times.Count > 0 ? 4 : 1));

        public void Dispose()
        {
            optimizer.Dispose();
            model.Dispose();
            ids.Dispose();
        }
    }
}
