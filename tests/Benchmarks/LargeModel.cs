// Steps of a Llama-like model of 98 million random parameters over NF4 with double quantization, batch 2 × 128, float32: what they take
// of time and memory beside what the ledger says before there is a model. Hidden 768, 12 layers, 12 heads, ffn 2304, vocabulary 8192, tied.
using LowRank;
using LowRank.Tests.Methods;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Time, the allocator's counts, the process's size and the ledger, method by method.</summary>
internal static class LargeModel
{
    private const int Batch = 2, Tokens = 128;
    private const double MiB = 1 << 20;

    internal static readonly LlamaConfig Shape = new()
    {
        HiddenSize = 768, Layers = 12, Heads = 12, KeyValueHeads = 12, IntermediateSize = 2304, VocabularySize = 8192, TiedEmbeddings = true,
    };

    public static void Run(Results results, int steps)
    {
        var table = results.Table("large", $"{Shape.ParameterCount / 1e6:0.0} million parameters, batch {Batch} × {Tokens}: AdamW's step, MiB of tensors and of the process",
            "method", "ms", "trained parameters", "weights", "kept for backward", "by the ledger", "peak", "peak by the ledger", "process grew by", "dense weights would be");
        Measure(OverCodes.All[0], Shape with { Layers = 1 }, 2);                // threads, scratch memory of products, compiled code: they stay
        foreach (var method in OverCodes.All.Prepend(OverCodes.All[0] with { Name = "LoRA, dense", Format = null }))
        {
            var numbers = Measure(method, Shape, steps);
            Console.WriteLine($"{method.Name}: {string.Join(", ", numbers.Select(number => number.ToString("N1")))}");
            table.Add(method.Name, numbers);
        }
    }

    private static double[] Measure(OverCodes method, LlamaConfig shape, int steps)
    {
        var (live, process) = (Live(), ProcessSize.Resident());
        using var model = new CausalLm(shape, seed: 1);
        if (method.Format is { } format) model.Quantize(format);
        var weights = Live() - live;
        var trained = model.Adapt(method.Config, "all-linear").Trainable;
        using var generator = new Generator(1);
        using var ids = randint(0, shape.VocabularySize, [Batch, Tokens], dtype: ScalarType.Int64, generator: generator);
        ProcessSize.ForgetPeak();

        var kept = 0L;
        Tensor Loss(Batch batch)
        {
            var before = LibTorch.Memory.LiveBytes;
            var loss = model.Loss(batch.Ids);
            kept = LibTorch.Memory.LiveBytes - before;
            return loss;
        }
        var run = Trainer.Fit(model, Loss, _ => new(ids.alias()), new()
        {
            Steps = steps, LearningRate = 1e-3, Log = null, Policies = method.Policies,
            OnStep = step => { if (step.Step == 1) LibTorch.Memory.ResetPeak(); },              // tables and moments are there
        });
        var (peak, grown) = (LibTorch.Memory.PeakBytes - live, ProcessSize.Peak() - process);
        var ledger = MemoryLedger.OfTraining(shape, method.Config, Batch, Tokens, "all-linear", storage: method.Format is null ? null : method.Format.BytesOf);
        return [run.SecondsPerStep * 1000, trained, weights / MiB, kept / MiB, ledger.Activations / MiB, peak / MiB, ledger.Peak / MiB, grown / MiB, shape.ParameterCount * 4 / MiB];
    }

    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        LibTorch.Memory.Trim();
        return LibTorch.Memory.LiveBytes;
    }
}

/// <summary>What the system says of this process, in bytes.</summary>
internal static class ProcessSize
{
    public static long Resident() => Field("VmRSS:");

    /// <summary>The largest since <see cref="ForgetPeak"/>.</summary>
    public static long Peak() => Field("VmHWM:");

    public static void ForgetPeak()
    {
        LibTorch.Memory.Trim();
        File.WriteAllText("/proc/self/clear_refs", "5");
    }

    private static long Field(string name) =>
        long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2]) * 1024;
}
