// A model of 15 million parameters over codes: what a step has alive, what the ledger said of it before, and what its file takes.
// tests/Benchmarks (large) does the same with 98 million parameters, beside what the system says of the process.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizedModelMemory
{
    private static readonly LlamaConfig Shape = new()
    {
        VocabularySize = 1024, HiddenSize = 384, IntermediateSize = 1024, Layers = 8, Heads = 6, KeyValueHeads = 6, TiedEmbeddings = true,
    };

    /// <summary>0.5159 bytes a parameter in codes and scales; beside each weight the tables of values and the state; then the header.</summary>
    [Fact]
    public void Nf4WithDoubleQuantizationTakesAsMuchInItsFileAsInMemory()
    {
        using var folder = new TemporaryFolder();
        using var model = new CausalLm(Shape, seed: 2);
        var summary = model.Quantize(Nf4.WithDoubleQuantization);
        Assert.Equal(14_155_776, summary.Parameters);
        Assert.Equal(0.5159, summary.BytesPerParameter, 1e-4);
        model.Save(folder.Path);
        using var file = SafeTensorsFile.Open(folder.File("model.safetensors"));
        long Bytes(Func<string, bool> which) => file.Names.Where(which).Sum(name => file.Info(name).ByteCount);
        var weights = file.Names.Where(name => name.EndsWith(".quant_map", StringComparison.Ordinal)).Select(name => name[..^".quant_map".Length]).ToList();
        Assert.Equal(summary.Layers, weights.Count);
        var codes = Bytes(name => weights.Exists(w => name == w || name == w + ".absmax" || name == w + ".nested_absmax"));
        Assert.Equal(0.5159, codes / (double)summary.Parameters, 1e-4);
        Assert.Equal(summary.BytesAfter - 4 * summary.Layers, codes);           // each mean of scales is in the JSON of its state
        var beside = Bytes(name => weights.Exists(w => name.StartsWith(w + ".", StringComparison.Ordinal))) - (codes - Bytes(weights.Contains));
        Assert.InRange(beside, summary.Layers * 1088L, summary.Layers * 1400L); // 16 and 256 values, and the JSON
        var all = Bytes(_ => true);
        Assert.Equal(all - codes - beside, (Shape.ParameterCount - summary.Parameters) * 4);
        Assert.InRange(new FileInfo(file.Path).Length - all, 0, 150 * file.Names.Count);                        // the header
        Assert.Equal(summary.BytesAfter, Shape.LinearLayers().Sum(l => Nf4.WithDoubleQuantization.BytesOf(l) ?? 0));
    }

#if LIBTORCH
    public static TheoryData<string> Names => [.. OverCodes.All.Select(method => method.Name)];

    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return LibTorch.Memory.LiveBytes;
    }

    [Theory, MemberData(nameof(Names))]
    public void NoDenseWeightOutlivesItsProduct(string name)
    {
        var method = OverCodes.All.Single(m => m.Name == name);
        var start = Live();
        using var model = new CausalLm(Shape, seed: 2);
        model.Quantize(method.Format!);
        model.Adapt(method.Config, "all-linear");
        var kept = 0L;
        Tensor Loss(Batch batch)
        {
            var before = LibTorch.Memory.LiveBytes;
            var loss = model.Loss(batch.Ids);
            kept = LibTorch.Memory.LiveBytes - before;
            return loss;
        }
        void Train(int tokens) => Trainer.Fit(model, Loss, _ => new(randint(0, Shape.VocabularySize, [1, tokens], ScalarType.Int64)), new()
        {
            Steps = 3, LearningRate = 1e-3, Log = null, Policies = method.Policies,
            OnStep = step => { if (step.Step == 1) LibTorch.Memory.ResetPeak(); },                              // tables and moments are there
        });
        foreach (var tokens in new[] { 2, 64 })                                 // few activations, so that a weight would show; some layers fold
        {
            Train(tokens);
            var ledger = MemoryLedger.OfTraining(Shape, method.Config, 1, tokens, "all-linear", storage: method.Format!.BytesOf);
            Assert.InRange(kept, ledger.Activations, ledger.Activations + 64 * ledger.ActivationTensors + 1024);
            // VeRA's layers that read the same x keep their A's side by side, [2 · 256, 384] for gate and up: the ledger has them.
            if (tokens == 2 && method.Config is not VeraConfig) Assert.InRange(kept, 1, 384 * 1024 * sizeof(float));
            var peak = LibTorch.Memory.PeakBytes - start;
            // The ledger leaves out what a method makes in passing: VeRA's B and A times its vectors, 256 wide here, are as large as a weight.
            var most = method.Config is VeraConfig ? 1.2 : 1.05;
            Assert.True(peak <= most * ledger.Peak && peak >= 0.9 * ledger.Peak, $"{peak:N0} bytes at the peak with {tokens} tokens; the ledger says {ledger.Peak:N0}");
            Assert.True(peak < Shape.ParameterCount * 4 * 0.75, $"{peak:N0} bytes; the dense weights alone are {Shape.ParameterCount * 4:N0}");
        }
    }
#endif
}
