// Any adapter as plain LoRA: the same forward at full rank, Eckart and Young's error below it, files, and refusals; and what a merge
// must refuse.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class ConversionTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public ConversionTests() => manual_seed(31);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string, long, long> NamesAndShapes => MethodData.NamesAndShapes;

    private static void Move(nn.Module model)
    {
        using var grad = no_grad();
        foreach (var (_, layer) in model.LinearLayers())
            foreach (var adapter in layer.Adapters)
                foreach (var (_, tensor) in adapter.Tensors) tensor.add_(randn_like(tensor).mul_(0.3));
    }

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void TheForwardIsTheSameAtFullRankAndTheErrorIsTheTailBelow(string method, long inFeatures, long outFeatures)
    {
        var layer = new AdaptedLinear(inFeatures, outFeatures, hasBias: true);
        layer.Adapt(MethodList.All[method].Config, name: "from");
        Move(layer);
        var x = randn(9, inFeatures);
        var expected = layer.forward(x);
        var values = Ranks.SingularValues(layer.Delta("from"));

        var full = layer.ConvertToLora("from", rank: 1000, newName: "full").Single();
        Assert.Equal(Math.Min(inFeatures, outFeatures), full.Rank);
        Assert.True(full.RelativeError < 1e-6, $"{full.RelativeError}");
        Golden.Close(expected, layer.forward(x), 1e-5, method);
        layer.Merge();
        Golden.Close(expected, layer.forward(x), 1e-5, $"{method}, merged");
        layer.Unmerge();

        var exact = layer.ConvertToLora("from", rank: null, newName: "exact").Single();
        Assert.Equal(Math.Max(1, values.Count(v => v > 1e-5 * values[0])), exact.Rank);
        Golden.Close(expected, layer.forward(x), 1e-5, method);

        foreach (var rank in new[] { 1, 3 })
        {
            var cut = layer.ConvertToLora("from", rank, $"cut{rank}").Single();
            var tail = Math.Sqrt(values.Skip(rank).Sum(v => v * v) / values.Sum(v => v * v));
            Assert.Equal(tail, cut.RelativeError, 1e-6);
            var measured = (layer.Delta("from") - layer.Delta($"cut{rank}")).norm().item<float>() / layer.Delta("from").norm().item<float>();
            Assert.Equal(tail, measured, 1e-5);
        }
    }

    [Fact]
    public void ToleranceChoosesTheRankOfEachLayerAndFilesKeepIt()
    {
        var model = new Skeleton(2, 12, 6, 20);
        model.Adapt(Adapter.Mora(2), "q_proj|v_proj|down_proj", "mora");
        Move(model);
        var report = model.ConvertToLora("mora", rank: null, newName: "lora", tolerance: 0.4);
        Assert.Equal(model.LayersOf("mora").Select(l => l.Path), report.Select(r => r.Path));
        Assert.True(report.Select(r => r.Rank).Distinct().Count() > 1);
        foreach (var ((path, layer, _), (_, rank, error)) in model.LayersOf("mora").Zip(report))
        {
            var values = Ranks.SingularValues(layer.Delta("mora"));
            double Tail(long r) => Math.Sqrt(values.Skip((int)r).Sum(v => v * v) / values.Sum(v => v * v));
            Assert.True(Tail(rank) <= 0.4 && Tail(rank - 1) > 0.4, path);
            Assert.Equal(Tail(rank), error, 1e-6);
        }

        model.SaveAdapter(folder.File("lora"), "lora");
        var other = new Skeleton(2, 12, 6, 20);
        other.LoadAdapter(folder.File("lora"));
        foreach (var (mine, theirs) in model.LayersOf("lora").Zip(other.LayersOf("default")))
            Golden.Close(mine.Layer.Delta("lora"), theirs.Layer.Delta("default"), 1e-7, mine.Path);
    }

    [Fact]
    public void AnUntrainedAdapterBecomesOneThatCanTrain()
    {
        var layer = new AdaptedLinear(6, 8);
        layer.Adapt(Adapter.Mora(1), name: "mora");
        Assert.Equal(new("", 1, 0), layer.ConvertToLora("mora", null, "one").Single());
        Assert.Equal(new("", 3, 0), layer.ConvertToLora("mora", 3, "three", trainable: true).Single());
        layer.forward(randn(4, 6)).square().sum().backward();
        Assert.True(((LowRankUpdate)layer.Find("three")!.Update).B.grad!.norm().item<float>() > 0);
    }

    /// <summary>IA³ scales a bias where there is one; layers without can still be merged.</summary>
    [Fact]
    public void AScaledBiasBecomesTheBiasOnB()
    {
        var model = new Two();
        model.Adapt(Adapter.Ia3(), name: "ia3");
        Move(model);
        var x = randn(5, 6);
        var expected = (model.With.forward(x), model.Without.forward(x));
        model.ConvertToLora("ia3", 100, "lora");
        Golden.Close(expected.Item1, model.With.forward(x), 1e-5, "with a bias");
        Golden.Close(expected.Item2, model.Without.forward(x), 1e-5, "without");
        Assert.NotNull(((LowRankUpdate)model.With.Find("lora")!.Update).Bias);
        model.SaveAdapter(folder.File("lora"), "lora");
        model.Merge();
        Golden.Close(expected.Item1, model.With.forward(x), 1e-5, "merged, with a bias");
        Golden.Close(expected.Item2, model.Without.forward(x), 1e-5, "merged, without");
        model.Unmerge();
        using (no_grad()) ((LowRankUpdate)model.Without.Find("lora")!.Update).Bias![0] = 1;
        Assert.Contains("Without: the adapter \"lora\" has a bias, and the layer has none", Assert.Throws<InvalidOperationException>(() => model.Merge()).Message);
        model.RemoveAdapter("lora");
        model.LoadAdapter(folder.File("lora"), "lora");
        Golden.Close(expected.Item1, model.With.forward(x), 1e-5, "loaded");
    }

    private sealed class Two : nn.Module
    {
        public readonly AdaptedLinear With = new(6, 4, hasBias: true), Without = new(6, 5);

        public Two() : base(nameof(Two)) => RegisterComponents();
    }

    [Fact]
    public void Refusals()
    {
        var model = new Skeleton(1, 12, 6, 20);
        model.Adapt(Adapter.Mora(2), "q_proj|v_proj", "mora");
        Move(model);
        void No(string message, string name, long? rank, string newName = "lora", double tolerance = 1e-6)
        {
            Assert.Contains(message, Assert.ThrowsAny<Exception>(() => model.ConvertToLora(name, rank, newName, tolerance)).Message);
            Assert.Equal(["mora"], model.AdapterNames());
            Assert.True(model.LayersOf("mora")[0].Adapter.IsActive);
        }
        No("no adapter \"moar\"; nearest: mora", "moar", 2);
        No("the rank must be at least 1; it is 0", "mora", 0);
        No("the tolerance must be at least 0 and below 1", "mora", null, tolerance: double.NaN);
        No("already has an adapter \"mora\"", "mora", 2, "mora");
        model.Merge();
        No("is merged into the weight", "mora", 2);
        model.Unmerge();
        using (no_grad()) ((MoraUpdate)model.LayersOf("mora")[1].Adapter.Update).Tensors[0].Value[0, 0] = float.PositiveInfinity;
        No("v_proj: ΔW of \"mora\" holds NaN or infinity", "mora", 2);
    }

    /// <summary>A merge that overflows only in the weight's own type is refused too, and every layer stays as it was.</summary>
    [Fact]
    public void AMergeThatOverflowsHalfPrecisionChangesNothing()
    {
        var model = new Pair();
        model.Adapt(Adapter.Lora(1, 1));
        Move(model);
        using (no_grad())
        {
            model.Second.get_parameter("weight")!.fill_(60000);
            ((LowRankUpdate)model.Second.Adapters[0].Update).A.fill_(100);
            ((LowRankUpdate)model.Second.Adapters[0].Update).B.fill_(100);
        }
        var before = model.First.get_parameter("weight")!.detach().clone();
        Assert.Contains("Second: merging \"default\" would put NaN or infinity", Assert.Throws<InvalidOperationException>(() => model.Merge()).Message);
        Assert.Empty(model.First.MergedAdapters);
        Assert.True(before.eq(model.First.get_parameter("weight")!).all().item<bool>());
    }

    private sealed class Pair : nn.Module
    {
        public readonly AdaptedLinear First = new(6, 4, dtype: ScalarType.Float16), Second = new(6, 4, dtype: ScalarType.Float16);

        public Pair() : base(nameof(Pair)) => RegisterComponents();
    }
}
