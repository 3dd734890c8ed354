// Several adapters into one: PEFT's numbers, then what must hold by the formulas, then refusals that change nothing.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class CombinationTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public CombinationTests() => manual_seed(11);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static readonly Dictionary<string, Combination> Methods = new()
    {
        ["linear"] = Combination.Linear,
        ["cat"] = Combination.Concatenation,
        ["svd"] = Combination.Svd(),
        ["ties"] = Combination.Ties(0.5),
        ["ties_svd"] = Combination.Ties(0.5).OfDeltas(),
        ["magnitude_prune"] = Combination.MagnitudePrune(0.5),
    };

    public static TheoryData<string> Fixtures => [.. Methods.Keys];

    /// <summary>On ΔW, which holds s already, PEFT multiplies each weight with s again: what it calls 0.7 is 0.7·s there.</summary>
    [Theory, MemberData(nameof(Fixtures))]
    public void PeftGivesTheSame(string method)
    {
        var fixture = Golden.Fixture("linear/lora_weighted_combination");
        var tensors = fixture.Load();
        var layer = new AdaptedLinear(48, 80);
        foreach (var name in new[] { "a", "b" })
        {
            layer.Adapt(Adapter.Lora(4, fixture.Hyper($"alpha_{name}", 0.0)), name: name);
            var update = (LowRankUpdate)layer.Find(name)!.Update;
            using var grad = no_grad();
            update.A.copy_(tensors[$"adapter.{name}.lora_A"]);
            update.B.copy_(tensors[$"adapter.{name}.lora_B"]);
            Golden.Close(tensors[$"delta.{name}"], layer.Delta(name), Golden.LayerTolerance, name);
        }
        double[] weights = [.. fixture.Entry["hyper"]!["weights"]!.AsArray().Select(w => w!.GetValue<double>())];
        if (Methods[method].OnDeltas)
            weights = [.. weights.Zip(["a", "b"], (weight, name) => weight * ((LowRankUpdate)layer.Find(name)!.Update).Scale)];
        layer.Combine(["a", "b"], weights, Methods[method], "ab");

        Golden.Close(tensors[$"combined.{method}.delta"], layer.Delta("ab"), Golden.LayerTolerance, $"{method}: ΔW");
        if (!tensors.TryGetValue($"combined.{method}.lora_A", out var a)) return;
        var combined = (LowRankUpdate)layer.Find("ab")!.Update;
        Golden.Close(tensors[$"combined.{method}.lora_B"].mm(a), combined.B.mm(combined.A), Golden.LayerTolerance, $"{method}: BA");
        Golden.Close(a, combined.A, Golden.LayerTolerance, $"{method}: A");
        Golden.Close(tensors[$"combined.{method}.lora_B"], combined.B, Golden.LayerTolerance, $"{method}: B");
    }

    /// <summary>Adapters of these methods on some layers of a small tree, moved from their starts.</summary>
    private static Skeleton Model(params (string Name, AdapterConfig Config)[] adapters)
    {
        var model = new Skeleton(1, 12, 6, 20);
        foreach (var (name, config) in adapters) model.Adapt(config, "q_proj|v_proj|down_proj", name);
        using var grad = no_grad();
        foreach (var (_, layer) in model.LinearLayers())
            foreach (var adapter in layer.Adapters)
                foreach (var (_, tensor) in adapter.Tensors) tensor.add_(randn_like(tensor).mul_(0.3));
        return model;
    }

    private static Tensor Sum(AdaptedLinear layer, params (string Name, double Weight)[] parts) =>
        parts.Select(p => layer.Delta(p.Name) * p.Weight).Aggregate((a, b) => a + b);

    [Fact]
    public void TheSumIsExactByConcatenationAndAtFullRankByAnSvdWithUnequalRanksAndNegativeWeights()
    {
        var model = Model(("a", Adapter.Lora(2, 3)), ("b", Adapter.Lora(3, 5, rsLora: true)), ("c", Adapter.Lora(1)));
        string[] names = ["a", "b", "c"];
        double[] weights = [0.7, -0.4, 1.3];
        model.Combine(names, weights, Combination.Concatenation, "cat");
        model.Combine(names, weights, Combination.Svd(rank: 6), "svd");
        model.Combine(names, weights, Combination.Svd(), "cut", trainable: true);
        foreach (var (path, layer, adapter) in model.LayersOf("cat"))
        {
            var sum = Sum(layer, ("a", 0.7), ("b", -0.4), ("c", 1.3));
            Assert.Equal(6, ((LowRankUpdate)adapter.Update).Rank);
            Golden.Close(sum, layer.Delta("cat"), 1e-6, path);
            Golden.Close(sum, layer.Delta("svd"), 1e-6, path);
            Assert.Equal(3, ((LowRankUpdate)layer.Find("cut")!.Update).Rank);
            var tail = Math.Sqrt(Ranks.SingularValues(sum).Skip(3).Sum(v => v * v));
            Assert.Equal(tail, (sum - layer.Delta("cut")).norm().item<float>(), 1e-5);
            Assert.True(layer.Find("cut")!.IsActive && layer.Find("cut")!.Tensors.All(t => t.Value.requires_grad));
            Assert.False(adapter.IsActive || layer.Find("a")!.IsActive);
        }
    }

    [Fact]
    public void OfOneAdapterEveryMethodGivesItsMultiple()
    {
        var model = Model(("a", Adapter.Lora(2, 3)));
        Combination[] methods = [Combination.Linear, Combination.Concatenation, Combination.Svd(), Combination.Ties(1), Combination.DareTies(1),
            Combination.DareLinear(1), Combination.MagnitudePrune(1), Combination.Ties(1, SignElection.Frequency).OfDeltas(2), Combination.DareLinear(1).OfDeltas()];
        foreach (var (index, method) in methods.Index())
        {
            model.Combine(["a"], [-0.6], method, $"new{index}");
            foreach (var (path, layer, _) in model.LayersOf("a")) Golden.Close(layer.Delta("a") * -0.6, layer.Delta($"new{index}"), 1e-5, $"{path} {method}");
        }
    }

    [Fact]
    public void TrimmingAndElectingByHand()
    {
        Tensor Of(Combination how, params (float[] Values, double Weight)[] parts) =>
            new WeightedSum(how).Of([.. parts.Select(p => tensor(p.Values))], [.. parts.Select(p => p.Weight)]);
        (float[], double) a = ([5, -1, 3, 0.5f], 1), b = ([-2, -4, 1, 0.25f], 2), c = ([-2, 0.1f, 0, 7], 3);

        // Half stays: a 5 . 3 . | b -2 -4 . . | c -2 . . 7
        Golden.Close(tensor([5f - 4 - 6, -8, 3, 21]), Of(Combination.MagnitudePrune(0.5), a, b, c), 1e-6, "magnitude_prune");
        // Sums 1, -4, 3, 7: the first place keeps 5 alone, the others what they have.
        Golden.Close(tensor([5f, -8, 3, 21]), Of(Combination.Ties(0.5), a, b, c), 1e-6, "ties");
        // By number the first place is negative: (−2·2 − 2·3)/2.
        Golden.Close(tensor([-5f, -8, 3, 21]), Of(Combination.Ties(0.5, SignElection.Frequency), a, b, c), 1e-6, "frequency");
        Golden.Close(tensor([5f, -1, 3, 0.5f]), Of(Combination.Ties(1), a), 1e-6, "all");
        Golden.Close(tensor([0f, 0, 0, 21]), Of(Combination.MagnitudePrune(0.01), c), 1e-6, "at least one");
        Golden.Close(tensor([0f, 3]), Of(Combination.Ties(1), ([2, 3], 1), ([-2, 3], 1)).sub(tensor([2f, 0])), 1e-6, "of a tie + wins");
    }

    [Fact]
    public void DareKeepsTheMeanAndRepeatsBySeed()
    {
        var ones = torch.ones(200, 300);
        Tensor Of(ulong seed, double density = 0.3) => new WeightedSum(Combination.DareLinear(density, seed)).Of([ones, ones], [1, 1]);
        var first = Of(1);
        Assert.True(first.eq(Of(1)).all().item<bool>());
        Assert.False(first.eq(Of(2)).all().item<bool>());
        Assert.Equal(2, first.mean().item<float>(), 0.05);
        var kinds = first.unique().output.data<float>().ToArray();              // none, one or both stay: two masks, not one
        Golden.Close(tensor([0, 1 / 0.3f, 2 / 0.3f]), tensor(kinds), 1e-6, "kinds");
        Assert.Equal(0.7 * 0.7, first.eq(0).to(ScalarType.Float32).mean().item<float>(), 0.01);
        // TIES after it: the mean of those that stay.
        var elected = new WeightedSum(Combination.DareTies(0.3, 1)).Of([ones, ones], [1, 1]);
        Assert.Equal(1 / 0.3, elected.max().item<float>(), 1e-4);
    }

    [Fact]
    public void OnDeltasAnyAdditiveMethodCanBeCombined()
    {
        var model = Model(("mora", Adapter.Mora(2)), ("vera", Adapter.Vera(16)), ("ia3", Adapter.Ia3()), ("lora", Adapter.Lora(2)));
        string[] names = ["mora", "vera", "ia3", "lora"];
        double[] weights = [1, 0.5, -1, 0.25];
        model.Combine(names, weights, Combination.Svd(rank: 100), "sum");
        model.Combine(names, weights, Combination.Ties(0.4).OfDeltas(100), "ties");
        model.Combine(names, weights, Combination.DareTies(0.4, seed: 3).OfDeltas(100), "dare");
        model.Combine(names, weights, Combination.MagnitudePrune(0.4).OfDeltas(2), "cut");
        foreach (var (path, layer, adapter) in model.LayersOf("sum"))
        {
            Assert.Equal(Math.Min(layer.InFeatures, layer.OutFeatures), ((LowRankUpdate)adapter.Update).Rank);
            Golden.Close(Sum(layer, ("mora", 1), ("vera", 0.5), ("ia3", -1), ("lora", 0.25)), layer.Delta("sum"), 1e-5, path);
            Golden.Close(new WeightedSum(Combination.Ties(0.4)).Of([.. names.Select(layer.Delta)], weights), layer.Delta("ties"), 1e-5, path);
            Assert.Equal(2, Ranks.Numerical(layer.Delta("cut"), 1e-6));
        }
    }

    [Fact]
    public void TheCombinationIsSavedAndLoaded()
    {
        var model = Model(("a", Adapter.Lora(2)), ("b", Adapter.Lora(3)));
        model.Combine(["a", "b"], [1, 1], Combination.Svd(rank: 9), "ab");      // rank 6 where v_proj has 6 outputs
        Assert.Equal([9, 6, 9], model.LayersOf("ab").Select(l => ((LowRankUpdate)l.Adapter.Update).Rank));
        model.SaveAdapter(folder.File("ab"), "ab");
        var other = new Skeleton(1, 12, 6, 20);
        other.LoadAdapter(folder.File("ab"));
        foreach (var (mine, theirs) in model.LayersOf("ab").Zip(other.LayersOf("default")))
        {
            Assert.Equal(mine.Path, theirs.Path);
            Golden.Close(mine.Layer.Delta("ab"), theirs.Layer.Delta("default"), 1e-7, mine.Path);
        }
    }

    [Fact]
    public void Refusals()
    {
        var model = Model(("a", Adapter.Lora(2)), ("b", Adapter.Lora(3)), ("dora", Adapter.Dora(2)), ("mora", Adapter.Mora(2)), ("biased", Adapter.Lora(2, bias: true)),
            ("pissa", Adapter.Lora(2, init: LoraInit.Pissa)));
        model.Adapt(Adapter.Lora(2), "q_proj", "few");
        model.SetAdapter("a");
        var before = model.AdapterNames();
        void No(string message, string[] names, double[] weights, Combination how, string newName = "new")
        {
            Assert.Contains(message, Assert.ThrowsAny<Exception>(() => model.Combine(names, weights, how, newName)).Message);
            Assert.Equal(before, model.AdapterNames());
            Assert.True(model.LayersOf("a").All(l => l.Adapter.IsActive));
        }

        No("no adapter was named", [], [], Combination.Linear);
        No("2 adapters and 1 weights", ["a", "b"], [1], Combination.Svd());
        No("the weight of \"b\" must be a finite number", ["a", "b"], [1, double.NaN], Combination.Svd());
        No("no adapter \"bb\"; nearest: b", ["a", "bb"], [1, 1], Combination.Svd());
        No("already has an adapter \"b\"", ["a", "b"], [1, 1], Combination.Svd(), "b");
        No("can't be an adapter's name", ["a", "b"], [1, 1], Combination.Svd(), "n.e.w");
        No("has rank 2 and \"b\" rank 3", ["a", "b"], [1, 1], Combination.Linear);
        No("has rank 2 and \"b\" rank 3", ["a", "b"], [1, 1], Combination.Ties());
        No("\"dora\" splits the weight into magnitude and direction", ["a", "dora"], [1, 1], Combination.Svd());
        No("\"mora\" is no LoRA (MoraUpdate), so it has no A and B for \"dare_linear\"", ["a", "mora"], [1, 1], Combination.DareLinear());
        No("\"pissa\" began as a part of the weight (Pissa)", ["a", "pissa"], [1, 1], Combination.Concatenation);
        No("has no rank to go by", ["a", "mora"], [1, 1], Combination.Svd());
        No("\"biased\" also adds to the bias", ["a", "biased"], [1, 1], Combination.Linear);
        No("on different layers: model.layers.0.self_attn.v_proj has \"a\" and no \"few\"", ["a", "few"], [1, 1], Combination.Svd());
        No("model.layers.0.self_attn.v_proj has \"a\" and no \"few\"", ["few", "a"], [1, 1], Combination.Svd());
        foreach (var density in new[] { 0, -1, 1.5, double.NaN })
        {
            No("the density must be above 0 and at most 1", ["a"], [1], Combination.Ties(density));
            No("the density must be above 0 and at most 1", ["a"], [1], Combination.DareLinear(density).OfDeltas());
        }
        No("the rank must be at least 1; it is 0", ["a"], [1], Combination.Svd(0));
        Assert.Contains("exact sum", Assert.Throws<InvalidOperationException>(() => Combination.Concatenation.OfDeltas(3)).Message);

        model.Merge();
        No("is merged into the weight", ["a"], [1], Combination.Svd());
        model.Unmerge();
        using (no_grad()) ((LowRankUpdate)model.LayersOf("b")[1].Adapter.Update).B[0, 0] = float.NaN;
        foreach (var how in new[] { Combination.Linear, Combination.Concatenation, Combination.Ties().OfDeltas(2) })
            No("holds NaN or infinity; nothing was changed", ["b"], [1], how);
    }

    [Theory]
    [InlineData("linear svd cat ties ties_svd dare_linear dare_linear_svd dare_ties dare_ties_svd magnitude_prune magnitude_prune_svd")]
    public void TheirNamesArePefts(string names) =>
        Assert.Equal(names.Split(' '), new[] { Combination.Linear, Combination.Svd(), Combination.Concatenation, Combination.Ties(), Combination.Ties().OfDeltas(),
            Combination.DareLinear(), Combination.DareLinear().OfDeltas(), Combination.DareTies(), Combination.DareTies().OfDeltas(),
            Combination.MagnitudePrune(), Combination.MagnitudePrune().OfDeltas() }.Select(c => c.ToString()));
}
