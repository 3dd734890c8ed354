// What fine-tuning changes: matrices of which ΔM and ΔD are known, and the recorder on models that train.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

public sealed class MagnitudeDirectionTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public MagnitudeDirectionTests() => manual_seed(11);

    public void Dispose() => scope.Dispose();

    private static Tensor Turn(double angle) => tensor(new[,] { { Math.Cos(angle), Math.Sin(angle) }, { -Math.Sin(angle), Math.Cos(angle) } });

    [Fact]
    public void AScaledRowChangesInMagnitudeAlone()
    {
        var before = randn(5, 9, ScalarType.Float64);
        var scales = tensor(new[] { 2.0, 0.5, 1, 3, 1e-3 }).unsqueeze(1);
        var change = MagnitudeDirection.Compare("w", 1, before, before * scales);
        Assert.All(change.RowDirections, d => Assert.Equal(0, d, 14));
        var norms = linalg.vector_norm(before, 2, [1]).data<double>().ToArray();
        var expected = norms.Zip([1.0, 0.5, 0, 2, 0.999], (norm, part) => norm * part).ToArray();
        for (var i = 0; i < 5; i++) Assert.Equal(expected[i], change.RowMagnitudes[i], 12);
        Assert.Equal(expected.Average(), change.Magnitude, 12);
    }

    [Theory, InlineData(1e-6), InlineData(0.1), InlineData(Math.PI / 2), InlineData(3)]
    public void ATurnedRowChangesInDirectionAlone(double angle)
    {
        var before = randn(40, 2, ScalarType.Float64);
        var change = MagnitudeDirection.Compare("w", 1, before, before.mm(Turn(angle)));
        Assert.Equal(0, change.Magnitude, 14);
        var expected = 2 * Math.Pow(Math.Sin(angle / 2), 2);       // 1 − cos, without its cancellation: 5e-13 for the smallest
        Assert.InRange(change.Direction / expected, 1 - 1e-8, 1 + 1e-8);
    }

    [Fact]
    public void RowsWithoutADirectionAreLeftOut()
    {
        var before = tensor(new double[,] { { 3, 4 }, { 0, 0 }, { 0, 2 } });
        var after = tensor(new double[,] { { 3, 4 }, { 1, 0 }, { 2, 0 } });
        var change = MagnitudeDirection.Compare("w", 1, before, after);
        Assert.Equal([0.0, 1, 0], change.RowMagnitudes);
        Assert.True(double.IsNaN(change.RowDirections[1]));
        Assert.Equal(0.5, change.Direction, 14);                   // of the rows 0 and 2: 0 and 1
        Assert.Equal(2, change.RowCorrelation.Points);
        Assert.True(double.IsNaN(MagnitudeDirection.Compare("w", 1, zeros(2, 2), after[..2]).Direction));
        Assert.Contains("w: two matrices of one shape", Assert.Throws<ArgumentException>(() => MagnitudeDirection.Compare("w", 1, before, after.t())).Message);
    }

    [Fact]
    public void ManyRowsAreComparedAsFewAre()
    {
        var (before, after) = (randn(700, 2000), randn(700, 2000));                         // more than one chunk
        var whole = MagnitudeDirection.Compare("w", 1, before, after);
        var some = MagnitudeDirection.Compare("w", 1, before.narrow(0, 650, 50), after.narrow(0, 650, 50));
        Assert.Equal(some.RowDirections, whole.RowDirections.Skip(650));
        Assert.Equal(some.RowMagnitudes, whole.RowMagnitudes.Skip(650));
    }

    [Theory, InlineData(1), InlineData(-1)]
    public void RowsConstructedToCorrelateDo(int sign)
    {
        // Row n is a unit vector turned by an angle whose 1 − cos is d_n, and its length is 2 ± d_n.
        var turns = Enumerable.Range(1, 20).Select(n => n / 25.0).ToArray();
        var before = ones(20, 1, ScalarType.Float64) * tensor(new double[] { 1, 0 });
        var after = stack(turns.Select(d => tensor(new[] { 1 - d, Math.Sqrt(1 - (1 - d) * (1 - d)) }) * (2 + sign * d)).ToArray());
        var row = MagnitudeDirection.Compare("w", 1, before, after).RowCorrelation;
        Assert.Equal((sign, 20), (row.Coefficient, row.Points), (a, b) => Math.Abs(a.Item1 - b.Item1) < 1e-12 && a.Item2 == b.Item2);
    }

    [Fact]
    public void CorrelationOfKnownPoints()
    {
        Assert.Equal(1, Correlation.Of([(1, 2), (2, 4), (3, 6)]).Coefficient, 12);
        Assert.Equal(-1, Correlation.Of([(1, 6), (2, 4), (3, 2)]).Coefficient, 12);
        Assert.Equal(0, Correlation.Of([(-1, 1), (0, 0), (1, 1)]).Coefficient, 12);
        Assert.Equal(0.8, Correlation.Of([(1, 2), (2, 1), (3, 4), (4, 3), (5, 5)]).Coefficient, 12);
        Assert.Equal(new Correlation(double.NaN, 2), Correlation.Of([(0.1, 2), (0.1, 3), (double.NaN, 5), (1, double.PositiveInfinity)]));
        Assert.Equal(new Correlation(double.NaN, 3), Correlation.Of([(0.1, 2), (0.1, 3), (0.1, 7)]));
        Assert.Equal(new Correlation(double.NaN, 1), Correlation.Of([(1, 1)]));
        Assert.Equal("-1.00 (n = 2)", Correlation.Of([(1, 6), (2, 4)]).ToString());
    }

    private static CausalLm Model() => new(Models.CausalLmTests.Small with { InitializerRange = 0.1 }, seed: 1);

    private static MagnitudeDirection Trained(CausalLm model, long steps = 12)
    {
        var changes = new MagnitudeDirection(model, "q_proj|v_proj");
        var start = arange(0, 4, ScalarType.Int64).unsqueeze(1);
        Trainer.Fit(model, number => new((start + number + arange(0, 10, ScalarType.Int64)).remainder(20) + 1), new()
        {
            Log = null, LearningRate = 0.02, Steps = steps, WarmupSteps = 0,
            OnStep = step => { if (step.Step % 4 == 0) changes.Record(step.Step); },
        });
        return changes;
    }

    public static TheoryData<string> Methods => ["full", .. new[] { "LoRA", "DoRA", "VeRA", "DVoRA", "MoRA, rotation", "AdaLoRA", "DyLoRA", "IA³ on outputs" }];

    [Theory, MemberData(nameof(Methods))]
    public void ItRecordsFullFineTuningAndEveryAdapter(string method)
    {
        using var model = Model();
        if (method != "full") model.Adapt(LowRank.Tests.Methods.MethodList.All[method].Config);
        var before = model.LinearLayers().ToDictionary(l => l.Path, l => l.Layer.AdaptedWeight().clone());
        using var changes = Trained(model);
        Assert.Equal((4 * 3, 12), (changes.Changes.Count, changes.Correlation().Points));
        Assert.Equal(4, changes.CorrelationAt(8).Points);
        foreach (var change in changes.Changes) Assert.True(change.Magnitude > 0 && change.Direction > (method.StartsWith("IA³") ? -1 : 1e-9), $"{change}");
        // The last checkpoint by another way: merged weights against the start.
        model.Merge();
        foreach (var change in changes.Changes.Where(c => c.Step == 12))
        {
            var merged = model.LinearLayers().Single(l => l.Path == change.Layer).Layer.AdaptedWeight().to(ScalarType.Float64);
            var start = before[change.Layer].to(ScalarType.Float64);
            var cosine = (merged * start).sum(1) / (linalg.vector_norm(merged, 2, [1]) * linalg.vector_norm(start, 2, [1]));
            Assert.Equal((1 - cosine).mean().item<double>(), change.Direction, 1e-6);
            Assert.Equal((linalg.vector_norm(merged, 2, [1]) - linalg.vector_norm(start, 2, [1])).abs().mean().item<double>(), change.Magnitude, 1e-6);
        }
    }

    [Fact]
    public void ADecomposedAdaptersMagnitudeIsWhatIsMeasured()
    {
        using var model = Model();
        model.Adapt(Adapter.Dora(rank: 2), "q_proj|v_proj");
        var started = model.LayersOf("default").Select(l => l.Adapter.Magnitude!.detach().clone()).ToList();
        using var changes = Trained(model, 4);
        foreach (var ((_, _, adapter), (start, change)) in model.LayersOf("default").Zip(started.Zip(changes.Changes)))
            Assert.Equal((adapter.Magnitude! - start).abs().mean().item<float>(), change.Magnitude, 1e-6);
    }

    [Fact]
    public void AWrongTargetIsRefusedWithTheNearestName()
    {
        using var model = Model();
        Assert.Contains("no module matches \"q_porj\"; nearest: q_proj",
            Assert.Throws<ArgumentException>(() => new MagnitudeDirection(model, "q_porj")).Message);
    }

#if LIBTORCH
    [Fact]
    public void NothingButTheStartIsKept()
    {
        var layer = new AdaptedLinear(512, 512);
        layer.Adapt(Adapter.Dora(rank: 4));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LibTorch.Memory.LiveBytes;
        using var changes = new MagnitudeDirection(layer, ".*");
        for (var step = 0; step < 5; step++) changes.Record(step);
        Assert.InRange(LibTorch.Memory.LiveBytes - before, 512 * 512 * 4, 512 * 512 * 4 + 64);
    }
#endif
}
