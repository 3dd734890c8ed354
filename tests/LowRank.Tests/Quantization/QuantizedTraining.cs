// QLoRA and its relatives learn a domain of WordNet as the same methods do over dense weights; the codes stay as they are; merging is exact
// for QA-LoRA and says what it lost for the others. tests/Benchmarks (quality) does the same at length on data/base.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizedTraining
{
    private static readonly Lazy<List<Gloss>> Glosses = new(() => [.. WordNet.Load().InDomain("noun.food")]);

    public static TheoryData<string, string, int> Cases =>
        [.. OverCodes.All.Select(method => (method.Name, "tiny", 40)).Append(("QLoRA", "base", 20)).Append(("QA-LoRA", "base", 20))];

    /// <summary>A model and its loss on texts that it does not learn from.</summary>
    private sealed class Subject : IDisposable
    {
        private readonly OverCodes method;
        private readonly TokenBatches test;

        public Subject(OverCodes method, string folder, bool quantized)
        {
            this.method = method;
            Model = CausalLm.Load(Path.GetFullPath($"../data/{folder}", Golden.TestsFolder));
            if (quantized) Model.Quantize(method.Format!);
            test = TokenBatches.Texts(TokenCorpus.From(Model.Tokenizer!, Glosses.Value.Of(Split.Test).Take(64)), 16, 40);
        }

        public CausalLm Model { get; }

        public double Loss => Evaluation.Loss(Model, test.InOrder());

        public IReadOnlyList<QuantizedTensor> Stored => [.. Model.LinearLayers().Select(l => l.Layer.Weight).OfType<QuantizedWeight>().Select(weight => weight.Stored)];

        public void Train(int steps)
        {
            manual_seed(7);
            Model.Adapt(method.Config, "all-linear");
            var data = TokenBatches.Texts(TokenCorpus.From(Model.Tokenizer!, Glosses.Value.Of(Split.Train)), 8, 40, seed: 7);
            Trainer.Fit(Model, data.At, new() { Steps = steps, LearningRate = method.Rates[1], WarmupSteps = 3, Log = null, Policies = method.Policies });
        }

        public void Dispose() => Model.Dispose();
    }

    [Theory, MemberData(nameof(Cases))]
    public void ItLearnsAsItsDenseTwinDoes(string name, string folder, int steps)
    {
        var method = OverCodes.All.Single(m => m.Name == name);
        using var scope = NewDisposeScope();
        using var dense = new Subject(method, folder, quantized: false);
        using var codes = new Subject(method, folder, quantized: true);
        var (denseBefore, before) = (dense.Loss, codes.Loss);
        Assert.InRange(before, denseBefore - 0.05, denseBefore + 0.15);
        var stored = codes.Stored.Select(weight => weight.Codes.clone()).ToList();
        dense.Train(steps);
        codes.Train(steps);
        var (denseAfter, after) = (dense.Loss, codes.Loss);
        Assert.True(before - after > Math.Max(0.1, 0.8 * (denseBefore - denseAfter)), $"{before} to {after} over codes, {denseBefore} to {denseAfter} over dense weights");
        Assert.InRange(after, denseAfter - 0.05, denseAfter + 0.05);
        bool CodesKept() => codes.Stored.Zip(stored).All(pair => pair.First.Codes.eq(pair.Second).all().item<bool>());
        Assert.True(CodesKept(), "training changed codes");

        codes.Model.Merge();
        var (merged, worst) = (codes.Loss, codes.Model.LinearLayers().Max(l => l.Layer.MergeError));
        if (method.Config is QaLoraConfig)
        {
            Assert.True(CodesKept(), "QA-LoRA's merge changed codes");
            Assert.Equal(after, merged, 1e-5);
            Assert.InRange(worst, 0, 1e-6);
        }
        else
        {
            Assert.False(CodesKept());
            Assert.InRange(worst, 0.02, 0.3);
        }
        codes.Model.Unmerge();
        Assert.True(CodesKept());
        Assert.Equal(after, codes.Loss, 1e-12);
    }
}
