// Packed rows: a batch of several texts a row gives the loss and the gradients of its texts in rows of their own, whatever the family and whatever
// is on the model.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class SegmentsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public SegmentsTests() => manual_seed(7);

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, Action<CausalLm>> Kinds = new()
    {
        ["everything"] = model => model.TrainOnly("*"),
        ["LoRA"] = model => model.Adapt(Adapter.Lora(2)),
        ["prefix"] = model => model.Adapt(Baseline.Prefix(3)),
        ["soft prompt"] = model => model.Adapt(Baseline.SoftPrompt(3)),
        ["bottleneck"] = model => model.Adapt(Baseline.Bottleneck(3)),
    };

    public static TheoryData<string, string> Cases =>
        [.. from family in SmallModels.All.Keys from kind in Kinds.Keys select new TheoryDataRow<string, string>(family, kind)];

    /// <summary>Two rows of texts, one of them a token long, and a row of filling.</summary>
    private static readonly int[][] Lengths = [[3, 1, 7, 2], [9, 4], []];

    private const int Width = 15;

    private static CausalLm Model(string family, string kind, ScalarType type = ScalarType.Float64)
    {
        var model = new CausalLm(SmallModels.All[family], seed: 5, type);
        Kinds[kind](model);
        // What begins with zeros (B, the bottleneck's way up) would hide half of the gradients.
        using var guard = no_grad();
        foreach (var p in model.parameters().Where(p => p.requires_grad && !p.ne(0).any().item<bool>())) p.normal_(0, 0.3);
        return model;
    }

    private static (Batch Packed, List<Batch> Alone) Batches()
    {
        using var generator = new Generator(11);
        var ids = randint(0, 23, [Lengths.Length, Width], dtype: ScalarType.Int64, generator: generator);
        var labels = where(rand([Lengths.Length, Width], generator: generator).lt(0.7), ids, full_like(ids, NextTokenLoss.Ignored));
        labels.narrow(1, 14, 1).fill_(NextTokenLoss.Ignored);                   // of filling nothing is asked
        labels.narrow(0, 2, 1).fill_(NextTokenLoss.Ignored);
        labels.narrow(1, 13, 1).narrow(0, 0, 1).fill_(NextTokenLoss.Ignored);
        var alone = new List<Batch>();
        foreach (var (r, row) in Lengths.Index())
            foreach (var (i, length) in row.Index())
                alone.Add(new(ids.narrow(0, r, 1).narrow(1, row.Take(i).Sum(), length), labels.narrow(0, r, 1).narrow(1, row.Take(i).Sum(), length)));
        return (new(ids, labels) { Segments = new(Lengths) }, alone);
    }

    private static long Asked(Batch batch) => CausalLm.Targets(batch.Labels!, batch.Segments).ne(NextTokenLoss.Ignored).sum().item<long>();

    private static Dictionary<string, Tensor> Gradients(CausalLm model) => model.named_parameters().Where(p => p.parameter.grad is not null).ToDictionary(p => p.name, p => p.parameter.grad!.clone());

    [Theory, MemberData(nameof(Cases))]
    public void LossAndGradientsAreThoseOfTheTextsInRowsOfTheirOwn(string family, string kind)
    {
        var (packed, alone) = Batches();
        using var model = Model(family, kind);
        var loss = model.Loss(packed);
        loss.backward();
        var gradients = Gradients(model);
        model.zero_grad();
        var asked = alone.Sum(Asked);
        Assert.Equal(asked, Asked(packed));
        Assert.True(asked > 8);
        double expected = 0;
        foreach (var text in alone.Where(text => Asked(text) > 0))
        {
            var part = model.Loss(text).mul((double)Asked(text) / asked);
            expected += (double)part;
            part.backward();
        }
        Assert.Equal(expected, (double)loss, 1e-12);
        var own = Gradients(model);
        Assert.Equal(own.Keys.Order(), gradients.Keys.Order());
        Assert.NotEmpty(own);
        foreach (var (name, gradient) in own) Golden.Close(gradient, gradients[name], 1e-10, name);
    }

    [Theory, MemberData(nameof(Cases))]
    public void LogitsAreThoseOfTheTextsInRowsOfTheirOwn(string family, string kind)
    {
        var (packed, alone) = Batches();
        using var model = Model(family, kind);
        using var guard = no_grad();
        var logits = model.forward(packed.Ids, packed.Segments);
        Assert.True(logits.isfinite().all().item<bool>());
        var texts = new Queue<Batch>(alone);
        foreach (var (r, row) in Lengths.Index())
            foreach (var (i, length) in row.Index())
                Golden.Close(model.forward(texts.Dequeue().Ids), logits.narrow(0, r, 1).narrow(1, row.Take(i).Sum(), length), 1e-10, $"row {r}, text {i}");
        Assert.False(model.forward(packed.Ids).narrow(1, 3, 1).allclose(logits.narrow(1, 3, 1)));       // without segments they do see each other
    }

    [Theory, InlineData("mistral", "everything"), InlineData("qwen3", "LoRA"), InlineData("gpt2", "soft prompt"), InlineData("llama", "prefix")]
    public void TheGradientIsTheLosssOwn(string family, string kind)
    {
        const double Step = 1e-5;
        var (packed, _) = Batches();
        using var model = Model(family, kind);
        model.Loss(packed).backward();
        var trained = model.parameters().Where(p => p.requires_grad).ToList();
        var ways = trained.Select(p => randn(p.shape, ScalarType.Float64)).ToList();
        using var guard = no_grad();
        var slope = trained.Zip(ways, (p, way) => p.grad!.mul(way).sum().item<double>()).Sum();
        double Beyond(double step)
        {
            foreach (var (p, way) in trained.Zip(ways)) p.add_(way, step);
            return (double)model.Loss(packed);
        }
        var difference = Beyond(Step) - Beyond(-2 * Step);
        Assert.Equal(slope, difference / (2 * Step), 1e-6 * Math.Max(1, Math.Abs(slope)));
    }

    [Theory, MemberData(nameof(Cases))]
    public void LayersComputedAgainSeeTheSameTexts(string family, string kind)
    {
        var (packed, _) = Batches();
        (double, Dictionary<string, Tensor>) Of(bool again)
        {
            manual_seed(3);
            using var model = Model(family, kind, ScalarType.Float32);
            model.UseGradientCheckpointing(again);
            using var inner = NewDisposeScope();
            var loss = model.Loss(packed);
            loss.backward();
            return ((double)loss, Gradients(model).ToDictionary(p => p.Key, p => p.Value.MoveToOuterDisposeScope()));
        }
        var ((loss, expected), (other, actual)) = (Of(false), Of(true));
        Assert.Equal(loss, other);
        foreach (var (name, gradient) in expected) Assert.True(gradient.contiguous().bytes.SequenceEqual(actual[name].contiguous().bytes), name);
    }

    [Theory, InlineData(ScalarType.Float32, 1e-5), InlineData(ScalarType.BFloat16, 0.05)]
    public void OtherTypesAgree(ScalarType type, double tolerance)
    {
        var (packed, _) = Batches();
        foreach (var family in SmallModels.All.Keys)
        {
            using var model = Model(family, "everything");
            var exact = (double)model.Loss(packed);
            Assert.Equal(exact, ((CausalLm)model.to(type)).Loss(packed).to(ScalarType.Float64).item<double>(), tolerance);
        }
    }

    [Fact]
    public void ManyTextsOfAnyLengthsAgree()
    {
        using var model = Model("qwen2", "everything");
        for (var round = 0; round < 6; round++)
        {
            int[][] lengths = [.. Enumerable.Range(0, 3).Select(_ => Random.Shared.GetItems([1, 2, 3, 5, 8, 13, 21, 30], Random.Shared.Next(1, 9)))];
            var ids = randint(0, 23, [3, lengths.Max(row => row.Sum())], dtype: ScalarType.Int64);
            using var guard = no_grad();
            var logits = model.forward(ids, new Segments(lengths));
            foreach (var (r, row) in lengths.Index())
                foreach (var (i, length) in row.Index())
                    Golden.Close(model.forward(ids.narrow(0, r, 1).narrow(1, row.Take(i).Sum(), length)), logits.narrow(0, r, 1).narrow(1, row.Take(i).Sum(), length), 1e-10,
                        $"{string.Join("; ", lengths.Select(l => string.Join(",", l)))}: row {r}, text {i}");
        }
    }

    [Fact]
    public void ARowMayBeLongerThanAModelsPositionsAndATextMayNot()
    {
        using var model = Model("gpt2", "LoRA");
        var ids = randint(0, 23, [1, 50], dtype: ScalarType.Int64);
        Assert.True(double.IsFinite((double)model.Loss(ids, null, new([[30, 20]]))));
        Assert.Contains("32 positions", Assert.Throws<ArgumentException>(() => model.Loss(ids, null, new([[33, 10]]))).Message);
        Assert.Contains("32 positions", Assert.Throws<ArgumentException>(() => model.Loss(ids)).Message);
    }

    [Fact]
    public void WithoutSegmentsNothingIsOtherwise()
    {
        var (packed, _) = Batches();
        using var model = Model("llama", "everything", ScalarType.Float32);
        Assert.Equal((double)model.Loss(packed.Ids, packed.Labels), (double)model.Loss(packed with { Segments = null }));
        var before = packed.Labels!.clone();
        model.Loss(packed);
        Assert.True(before.eq(packed.Labels!).all().item<bool>());              // the caller's labels stay
    }

    [Fact]
    public void AnEvaluationCountsWhatIsAsked()
    {
        var (packed, alone) = Batches();
        using var model = Model("llama", "everything");
        var (together, apart) = (Evaluation.Score(model, [packed]), Evaluation.Score(model, alone));
        Assert.Equal(apart.Tokens, together.Tokens);
        Assert.Equal(apart.TotalNats, together.TotalNats, 1e-10);
    }

    [Fact]
    public void WhatDoesNotFitIsRefused()
    {
        var (packed, _) = Batches();
        using var model = Model("llama", "LoRA");
        Assert.Contains("of 2 rows", Assert.Throws<ArgumentException>(() => model.Loss(packed.Ids, null, new([[3], [4]]))).Message);
        Assert.Contains("come to 16 tokens", Assert.Throws<ArgumentException>(() => model.Loss(packed.Ids, null, new([[3], [8, 8], [1]]))).Message);
        Assert.Contains("at least 1", Assert.Throws<ArgumentException>(() => new Segments([[3, 0]])).Message);
        Assert.Contains("no texts", Assert.Throws<ArgumentException>(() => new Segments([[], []])).Message);
        Assert.Contains("a question a row", Assert.Throws<ArgumentException>(() => AnswerScore.Of(model, [packed])).Message);
        using var classifier = new SequenceClassifier(new CausalLm(SmallModels.All["llama"], seed: 1), ["a", "b"], paddingToken: 0);
        Assert.Contains("a text a row", Assert.Throws<ArgumentException>(() => classifier.Loss(packed)).Message);
    }

    [Fact]
    public void ABatchIsToldByItsSegmentsToo()
    {
        var (packed, _) = Batches();
        Batch[] others = [packed with { Segments = null }, packed with { Segments = new([[3, 1, 2, 7], [9, 4], []]) }, packed with { Segments = new([[3, 1, 7], [2, 9, 4], []]) }];
        Assert.All(others, other => Assert.NotEqual(RunFacts.Of(packed), RunFacts.Of(other)));
        Assert.Equal(RunFacts.Of(packed), RunFacts.Of(packed with { Segments = new(Lengths) }));
    }

#if LIBTORCH
    /// <summary>Attention's copies of q, k and v, and P, at the groups' places in place of the rows'.</summary>
    [Fact]
    public void BackwardKeepsTheScoresOfTextsAlone()
    {
        const int Layers = 2, WidthOfHeads = 32, WidthOfKeys = 16, Heads = 4;
        using var model = new CausalLm(new LlamaConfig { VocabularySize = 23, HiddenSize = 32, IntermediateSize = 48, Layers = Layers, Heads = Heads, KeyValueHeads = 2 }, seed: 1);
        var (ids, segments) = (randint(0, 23, [2, 100], dtype: ScalarType.Int64), new Segments([[40, 30, 30], [35, 25, 20, 20]]));
        (long Texts, long Tokens)[] groups = [(4, 40), (3, 25)];                // each text at least 3/4 of its group's longest
        long Kept(Segments? apart)
        {
            model.Loss(ids, null, apart).Dispose();                             // tables and places are there
            GC.Collect();
            GC.WaitForPendingFinalizers();
            var before = LibTorch.Memory.LiveBytes;
            using var loss = model.Loss(ids, null, apart);
            return LibTorch.Memory.LiveBytes - before;
        }
        long Numbers((long Texts, long Tokens)[] of) => of.Sum(g => g.Texts * g.Tokens * (WidthOfHeads + 2 * WidthOfKeys) + Heads * g.Texts * g.Tokens * g.Tokens);
        var expected = 4 * Layers * (Numbers(groups) - Numbers([(2, 100)]));
        Assert.InRange(Kept(segments) - Kept(null) - expected, -64 * 20, 64 * 20 * Layers);              // what an allocator rounds up
        Assert.True(expected < -4 * Layers * Heads * 10_000);
    }
#endif
}
