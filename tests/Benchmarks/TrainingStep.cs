using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>
/// One training step (forward, backward, AdamW) of a Llama-like model: hidden 256, 4 layers, 4 heads, ffn 688, vocabulary 2048,
/// batch 8 × 128, float32; as milliseconds and as a multiple of the time that the step's matrix products take alone.
/// For scale, on such a machine, idle: PEFT on PyTorch 2.14 takes 268 ms (full), 216 (LoRA), 269 (DoRA) and 690 to 810 MB;
/// a LoRA written by hand on PyTorch 210 ms.
/// </summary>
internal static class TrainingStep
{
    const int Batch = 8, Tokens = 128, Rank = 8, Repeats = 15;

    static readonly LlamaConfig Shape = new()
    {
        HiddenSize = 256, Layers = 4, Heads = 4, KeyValueHeads = 4, IntermediateSize = 688, VocabularySize = 2048, TiedEmbeddings = true,
    };

    public static void Run()
    {
        Console.WriteLine("training step, 8 x 128 tokens");
        var (full, adapter) = (MatrixProducts(weightsTrain: true), MatrixProducts(weightsTrain: false));
        Measure("full fine-tuning", full, model => { });
        Measure("LoRA r 8", adapter, model => model.Adapt(Adapter.Lora(rank: Rank, alpha: 16), "all-linear"));
        Measure("DoRA r 8", adapter, model => model.Adapt(Adapter.Dora(rank: Rank, alpha: 16), "all-linear"));
    }

    static void Measure(string name, double products, Action<CausalLm> prepare)
    {
        using var model = new CausalLm(Shape, seed: 1);
        prepare(model);
        model.train();
        using var ids = randint(0, Shape.VocabularySize, [Batch, Tokens], dtype: ScalarType.Int64);
        using var optimizer = optim.AdamW(model.parameters().Where(p => p.requires_grad), lr: 1e-4);
        void Step()
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            model.Loss(ids).backward();
            optimizer.step();
        }
        Step();
#if LIBTORCH
        LibTorch.Memory.ResetPeak();
#endif
        var (best, median) = Machine.Time(Repeats, Step);
#if LIBTORCH
        var memory = $"tensors' peak {LibTorch.Memory.PeakBytes / 1048576.0:0} MB";
#else
        var memory = $"process peak {Machine.PeakResidentMegabytes:0} MB";
#endif
        Console.WriteLine($"  {name,-18} {best,6:0.0} ms (median {median:0.0})  {best / products,5:0.00} x its matrix products' {products:0.0} ms, {memory}");
    }

    /// <summary>The step's large products alone, each shape timed on its own: forward, input gradient, and weight gradient when weights train.</summary>
    static double MatrixProducts(bool weightsTrain)
    {
        using var guard = no_grad();
        const long N = Batch * Tokens;
        var (h, f, v, d) = (Shape.HiddenSize, Shape.IntermediateSize, Shape.VocabularySize, Shape.HiddenSize / Shape.Heads);
        double Linear(long from, long to)
        {
            using var x = randn(N, from);
            using var w = randn(to, from);
            using var y = randn(N, to);
            double Best(Func<Tensor> product) => Machine.Time(9, () => product().Dispose()).Best;
            return Best(() => x.mm(w.t())) + Best(() => y.mm(w)) + (weightsTrain ? Best(() => y.t().mm(x)) : 0);
        }
        double Attention()
        {
            using var a = randn(Batch * Shape.Heads, Tokens, d);
            using var p = randn(Batch * Shape.Heads, Tokens, Tokens);
            var outer = Machine.Time(9, () => a.bmm(a.transpose(1, 2)).Dispose()).Best;    // QKᵀ, dO Vᵀ
            var inner = Machine.Time(9, () => p.bmm(a).Dispose()).Best;                    // PV, Pᵀ dO, dS K, dSᵀ Q
            return 2 * outer + 4 * inner;
        }
        return Shape.Layers * (4 * Linear(h, h) + 2 * Linear(h, f) + Linear(f, h) + Attention()) + Linear(h, v);
    }
}
