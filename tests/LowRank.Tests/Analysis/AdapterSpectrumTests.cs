// Spectra of adapters whose ΔW is known, and the comparison of two adapters.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

public sealed class AdapterSpectrumTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public AdapterSpectrumTests() => manual_seed(7);

    public void Dispose() => scope.Dispose();

    private static AdaptedLinear Adapted(AdapterConfig config, long inFeatures = 24, long outFeatures = 16)
    {
        var layer = new AdaptedLinear(inFeatures, outFeatures);
        layer.Adapt(config);
        return layer;
    }

    private static void Randomize(AdaptedLinear layer)
    {
        using var grad = no_grad();
        foreach (var (_, tensor) in layer.Adapters[^1].Tensors) tensor.normal_(0, 0.5);
    }

    [Fact]
    public void AKnownUpdateHasItsKnownSpectrum()
    {
        var layer = Adapted(Adapter.Lora(rank: 3, alpha: 3));
        using (no_grad())
        {
            var update = (LowRankUpdate)layer.Find("default")!.Update;
            update.A.copy_(eye(24).narrow(0, 0, 3));
            update.B.copy_(cat([diag(tensor(new float[] { 4, 2, 4 })), zeros(13, 3)]));
            layer.get_parameter("weight")!.zero_();
            layer.get_parameter("weight")!.narrow(0, 0, 3).narrow(1, 0, 3).copy_(eye(3) * 0.5);
        }
        var one = Assert.Single(layer.Describe());
        Assert.Equal(16, one.SingularValues.Count);
        Assert.Equal([4.0, 4, 2, 0], one.SingularValues.Take(4).Select(v => Math.Round(v, 12)));
        Assert.Equal((6.0, 4.0, 3), (one.Norm, one.SpectralNorm, one.NumericalRank), (a, b) => Math.Abs(a.Item1 - b.Item1) < 1e-12 && Math.Abs(a.Item2 - b.Item2) < 1e-12 && a.Item3 == b.Item3);
        Assert.Equal(6 / Math.Sqrt(0.75), one.RelativeNorm, 6);             // ‖W‖ in float32, as W is
        Assert.Equal(Math.Exp(-(0.8 * Math.Log(0.4) + 0.2 * Math.Log(0.2))), one.EffectiveRank, 12);
        Assert.Equal(32.0 / 36, one.EnergyOfFirst(2), 12);
        Assert.Equal((3, 1.0), (one.Directions, one.EnergyOfFirst(one.Directions)), (a, b) => a.Item1 == b.Item1 && Math.Abs(a.Item2 - b.Item2) < 1e-12);
        Assert.Equal(6 / Math.Sqrt(0.75), one.Amplification, 12);
        Assert.Equal(Math.Sqrt(36 / 0.5), Assert.Single(layer.Describe(directions: 2)).Amplification, 12);
    }

    [Fact]
    public void AnUpdateOfZeroIsDescribedWithoutNaN()
    {
        var one = Assert.Single(Adapted(Adapter.Lora(rank: 3)).Describe());
        Assert.Equal((0.0, 0.0, 0, 0.0, 1.0, 0.0), (one.Norm, one.RelativeNorm, one.NumericalRank, one.EffectiveRank, one.EnergyOfFirst(1), one.Amplification));
    }

    public static TheoryData<string> Methods => LowRank.Tests.Methods.MethodData.Names;

    /// <summary>Thin factors or the whole matrix: the same singular values, and the same directions.</summary>
    [Theory, MemberData(nameof(Methods))]
    public void TheNumbersAreThoseOfTheMatrix(string method)
    {
        var layer = Adapted(LowRank.Tests.Methods.MethodList.All[method].Config, 14, 11);
        Randomize(layer);
        if (layer.Adapters[0].Update is SampledRankUpdate sampled) sampled.Rank = 2;
        var (one, delta) = (Assert.Single(layer.Describe(directions: 2)), layer.Delta("default"));
        var expected = Ranks.SingularValues(delta);
        Assert.Equal(expected, one.SingularValues, (a, b) => Math.Abs(a - b) < 1e-6 * expected[0]);
        Assert.Equal(Ranks.Numerical(delta), one.NumericalRank);
        Assert.Equal(Ranks.Effective(delta), one.EffectiveRank, 4);
        Assert.Equal(1, one.Norm / delta.norm().item<float>(), 5);
        Assert.Equal(layer.get_parameter("weight")!.norm().item<float>(), one.WeightNorm, 1e-5);
        Assert.Equal(1, one.Amplification / Subspaces.Amplification(delta, layer.get_parameter("weight")!, Math.Min(2, one.NumericalRank)), 4);
    }

    /// <summary>4096 x 4096 would take minutes; its factors take a moment.</summary>
    [Fact]
    public void AWideLayerIsDescribedByItsFactors()
    {
        var layer = Adapted(Adapter.Lora(rank: 4), 4096, 4096);
        Randomize(layer);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var one = Assert.Single(layer.Describe());
        Assert.Equal((4, 4096), (one.NumericalRank, one.SingularValues.Count));
        Assert.Equal(1, one.Norm / layer.Delta("default").to(ScalarType.Float64).norm().item<double>(), 5);
        Assert.True(clock.Elapsed.TotalSeconds < 20, $"{clock.Elapsed}");
    }

    /// <summary>MoRA's point (arXiv 2405.12130): for the numbers of a LoRA of rank r its ΔW has a rank near √((in + out) r).</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(4)]
    public void MoRAsUpdateHasAHigherRankThanLoRAsOfAsManyNumbers(long rank)
    {
        var (lora, mora) = (Adapted(Adapter.Lora(rank), 64, 48), Adapted(Adapter.Mora(rank, MoraOperator.Contiguous), 64, 48));
        var (fewer, more) = (TrainableParameters.Of(lora).Trainable, TrainableParameters.Of(mora).Trainable);
        Assert.InRange((double)more / fewer, 0.9, 1.1);
        Randomize(lora);
        Randomize(mora);
        var (low, high) = (lora.Describe()[0], mora.Describe()[0]);
        Assert.Equal((int)rank, low.NumericalRank);
        Assert.Equal((int)Math.Min(48, MoraUpdate.SideOf(64, 48, rank, MoraOperator.Contiguous)), high.NumericalRank);
        Assert.True(high.EffectiveRank > 2 * low.EffectiveRank, $"{high.EffectiveRank} against {low.EffectiveRank}");
        Assert.True(high.EnergyOfFirst((int)rank) < 0.6 && low.EnergyOfFirst((int)rank) > 1 - 1e-9);
    }

    [Fact]
    public void AModelsLayersAreRowsOfATable()
    {
        using var model = new CausalLm(Models.CausalLmTests.Small, seed: 2);
        model.Adapt(Adapter.Lora(rank: 2), "q_proj|up_proj");
        var described = model.Describe();
        Assert.Equal(model.LayersOf("default").Select(l => l.Path), described.Select(l => l.Layer));
        var lines = described.ToString().Split('\n');
        Assert.Equal(5, lines.Length);
        Assert.StartsWith("layer", lines[0]);
        Assert.Single(lines.Select(l => l.Length).Distinct());
        Assert.Contains("self_attn.q_proj", lines[1]);
        Assert.Contains("no adapter \"defualt\"; nearest: default", Assert.Throws<ArgumentException>(() => model.Describe("defualt")).Message);
        Assert.Throws<ArgumentException>(() => model.Describe(directions: 0));
    }

    [Fact]
    public void TwoAdaptersAreComparedByTheirAs()
    {
        using var model = new CausalLm(Models.CausalLmTests.Small, seed: 2);
        model.Adapt(Adapter.Lora(rank: 4), "q_proj|v_proj", "one");
        model.Adapt(Adapter.Lora(rank: 2), "q_proj", "two");
        using (no_grad())
            foreach (var (_, layer, _) in model.LayersOf("two"))
            {
                var (one, two) = ((LowRankUpdate)layer.Find("one")!.Update, (LowRankUpdate)layer.Find("two")!.Update);
                two.A.copy_(one.A.narrow(0, 1, 2) * 2);                                     // two of the four rows
            }
        var layers = model.Similarity("one", "two");
        Assert.Equal(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"], layers.Select(l => l.Layer));
        foreach (var layer in layers)
        {
            Assert.Equal(((4, 2), 16L), (layer.Largest, layer.Dimensions));
            Assert.Equal(1, layer.Of(4, 2), 6);                                             // contained
            Assert.Equal(1, layer.Normalized(4, 2), 6);
            Assert.InRange(layer.Control[3, 1], 0.01, 0.7);
            Assert.Contains("normalized 1.000", layer.ToString());
        }
        Assert.NotEqual(layers[0].Control, layers[1].Control);
        Assert.Equal((1, 1), model.Similarity("one", "two", directions: 1)[0].Largest);
        Assert.All(model.Similarity("one", "one"), l => Assert.Equal(1, l.Of(3, 3), 10));
        model.Adapt(Adapter.Lora(rank: 2), "o_proj", "three");
        Assert.Contains("no layer has both adapters, \"one\" and \"three\"", Assert.Throws<ArgumentException>(() => model.Similarity("one", "three")).Message);
        Assert.Contains("no adapter \"toe\"", Assert.Throws<ArgumentException>(() => model.Similarity("one", "toe")).Message);
    }

    /// <summary>Methods without an A of their own are compared by ΔW: two seeds of MoRA are no closer than chance.</summary>
    [Fact]
    public void AdaptersWithoutAnAAreComparedByTheirUpdates()
    {
        var layer = new AdaptedLinear(60, 40);
        layer.Adapt(Adapter.Mora(rank: 1), name: "one");
        Randomize(layer);
        layer.Adapt(Adapter.Mora(rank: 1), name: "two");
        Randomize(layer);
        var compared = Assert.Single(layer.Similarity("one", "two", directions: 4));
        Assert.Equal((4, 4), compared.Largest);
        Assert.InRange(compared.Normalized(4, 4), -0.1, 0.4);
        Assert.Equal(1, layer.Similarity("one", "one", directions: 4)[0].Of(4, 4), 10);
    }
}
