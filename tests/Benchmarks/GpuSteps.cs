// One training step on a GPU at 4,096 tokens: a Llama-like model, hidden 2048, 4 layers, 16 heads, ffn 5504, vocabulary 8192, batch 4 × 1,024, bfloat16 or NF4,
// rank 16 on every linear layer. QLoRA is compared with LoRA over bfloat16, DoRA with LoRA. Wall time of synchronized steps, in turns.
using LowRank;
using TorchSharp;
using static TorchSharp.torch;

namespace Benchmarks;

internal static class GpuSteps
{
    private const int Batch = 4, Tokens = 1024;

    private static readonly LlamaConfig Shape = new()
    {
        HiddenSize = 2048, Layers = 4, Heads = 16, KeyValueHeads = 16, IntermediateSize = 5504, VocabularySize = 8192, TiedEmbeddings = true,
    };

    /// <summary>What could not be measured, with the reason; the rest is.</summary>
    public static List<string> Run(Results results, int rounds)
    {
        var failures = new List<string>();
        var subjects = new List<Subject>();
        foreach (var (name, config, format) in new (string, AdapterConfig, StorageFormat?)[]
                 {
                     ("LoRA r 16", Adapter.Lora(rank: 16, alpha: 32), null), ("DoRA r 16", Adapter.Dora(rank: 16, alpha: 32), null),
                     ("QLoRA r 16, NF4", Adapter.Lora(rank: 16, alpha: 32), Nf4.WithDoubleQuantization), ("QDoRA r 16, NF4", Adapter.Dora(rank: 16, alpha: 32), Nf4.WithDoubleQuantization),
                 })
        {
            try
            {
                var subject = new Subject(name, config, format);
                subject.Step();                                                                 // compiles kernels, warms up
                subjects.Add(subject);
            }
            catch (Exception e) { failures.Add($"{name}: {e.Message}"); }
        }
        for (var round = 0; round < rounds + 2; round++)
            foreach (var subject in subjects) subject.Times.Add(GpuDevice.Queued(1, _ => subject.Step()));
        var table = results.Table("gpu step", $"Training step, batch {Batch} × {Tokens}, bfloat16", "method", "ms", "× LoRA", "tokens a second");
        foreach (var subject in subjects)
            table.Add(subject.Name, subject.Median, subject.Median / subjects[0].Median, Batch * Tokens / subject.Median * 1e3);
        foreach (var subject in subjects) subject.Dispose();
        return failures;
    }

    private sealed class Subject : IDisposable
    {
        private readonly CausalLm model = new(Shape, seed: 1, ScalarType.BFloat16, GpuDevice.Device);
        private readonly optim.Optimizer optimizer;
        private readonly Tensor ids;

        public Subject(string name, AdapterConfig config, StorageFormat? format)
        {
            Name = name;
            if (format is not null) model.Quantize(format);
            model.Adapt(config, "all-linear");
            model.train();
            optimizer = optim.AdamW(model.parameters().Where(p => p.requires_grad), lr: 1e-4);
            using var generator = new Generator(1);
            ids = randint(0, Shape.VocabularySize, [Batch, Tokens], dtype: ScalarType.Int64, generator: generator).to(GpuDevice.Device);
        }

        public string Name { get; }

        public List<double> Times { get; } = [];

        /// <summary>Without the first two.</summary>
        public double Median => Machine.Median(Times.Skip(2));

        public void Step()
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            model.Loss(ids).backward();
            optimizer.step();
        }

        public void Dispose()
        {
            optimizer.Dispose();
            model.Dispose();
            ids.Dispose();
        }
    }
}
