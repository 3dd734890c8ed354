// Adapters on a whole model: which layers, what trains, what the state dict holds, switching, merging, and refusals that change
// nothing.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class ModelWide : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static string[] Adapted(AdapterConfig config, string? targets = null)
    {
        var model = new Skeleton();
        model.Adapt(config, targets is null ? null : TargetPattern.Parse(targets));
        return [.. model.LayersOf("default").Select(l => l.Path)];
    }

    [Fact]
    public void TargetsAreChosenAsPeftDoes()
    {
        Assert.Equal(14, Adapted(Adapter.Lora()).Length);                                       // all-linear: no head
        Assert.Equal(
            ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
                "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"],
            Adapted(Adapter.Lora(), "q_proj|v_proj"));
        Assert.Equal(["lm_head"], Adapted(Adapter.Lora(), "lm_head"));
        Assert.Equal(["model.layers.1.mlp.up_proj"], Adapted(Adapter.Lora(), @"model\.layers\.1\.mlp\.(up|gone)_proj"));
        Assert.Equal(["model.layers.0.mlp.up_proj"], Adapted(Adapter.Lora(), "0.mlp.up_proj"));
        Assert.Equal(6, Adapted(Adapter.Lora() with { Layers = [1], Exclude = "o_proj" }).Length);
        Assert.Equal(2, Adapted(Adapter.Lora() with { Targets = new[] { "q_proj" } }).Length);
    }

    [Theory]
    [InlineData("q_porj", "no module matches \"q_porj\"; nearest: q_proj, ")]
    [InlineData("q_proj|v_porj", "no module matches \"v_porj\"; nearest: v_proj, ")]
    [InlineData("attn.q_proj", "no module matches \"attn.q_proj\"; nearest: ")]
    [InlineData(".*nothing.*", "no module matches \".*nothing.*\"; the model has ")]
    [InlineData("(q_proj", "is not a regular expression")]
    public void TargetsThatNobodyIs(string targets, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Adapted(Adapter.Lora(), targets)).Message);

    public static TheoryData<string> Ranked => new("LoHa with patterns", "LoKr with patterns", "QA-LoRA with patterns", "MoRA with a pattern");

    [Theory, MemberData(nameof(Ranked))]
    public void PatternsGiveSingleLayersOtherRanksAndScales(string method)
    {
        var config = (RankedConfig)Methods.MethodList.All[method].Config;
        var usual = config with { RankPattern = new Dictionary<string, long>() };
        var (model, plain) = (new Skeleton(1, 12, 6, 20), new Skeleton(1, 12, 6, 20));
        model.Adapt(config);
        plain.Adapt(usual);
        foreach (var ((path, layer, one), (_, _, other)) in model.LayersOf("default").Zip(plain.LayersOf("default")))
        {
            var differs = path.EndsWith("v_proj", StringComparison.Ordinal) || path.EndsWith("down_proj", StringComparison.Ordinal);
            Assert.Equal(differs ? 3 : config.Rank, config.RankOf(path));
            Assert.Equal(differs, !one.Tensors.Select(t => string.Join('x', t.Value.shape)).SequenceEqual(other.Tensors.Select(t => string.Join('x', t.Value.shape))));
            if (config is ScaledConfig scaled)
                Assert.Equal((path.Split('.')[^1] switch { "q_proj" => 7, "v_proj" => -2.5, _ => scaled.Alpha }) / config.RankOf(path), scaled.ScaleOf(path));
        }
        Assert.Contains("not a regular expression",
            Assert.Throws<ArgumentException>(() => plain.Adapt(config with { RankPattern = new Dictionary<string, long> { ["("] = 1 } }, name: "x")).Message);
    }

    [Fact]
    public void TheBaseIsFrozenAndTheStateDictIsTheBaseModels()
    {
        var model = new Skeleton();
        var keys = model.state_dict().Keys.ToList();
        var summary = model.Adapt(Adapter.Dora(rank: 4), "q_proj|v_proj");

        const long Each = 2 * (4 * (64 + 64) + 64 + 4 * (64 + 32) + 32);
        Assert.Equal(Each, summary.Trainable);
        Assert.Equal(4 * Each, summary.TrainableBytes);
        Assert.Equal(model.BaseParameters().Sum(p => p.Parameter.numel()) + Each, summary.Total);
        Assert.All(model.BaseParameters(), p => Assert.False(p.Parameter.requires_grad));
        Assert.Equal(keys, model.state_dict().Keys);
        Assert.Equal(keys, model.BaseParameters().Select(p => p.Name));
        Assert.Contains("model.layers.0.self_attn.q_proj.default.update.lora_A",
            model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => p.name));
    }

    [Fact]
    public void SwitchingChoosesWhatForwardAdds()
    {
        var model = new Skeleton();
        var layer = model.LinearLayers().First(l => l.Path.EndsWith("q_proj")).Layer;
        var x = randn(3, 64);
        var plain = layer.forward(x);
        foreach (var name in new[] { "one", "two" })
        {
            model.Adapt(Adapter.Lora(rank: 2), "q_proj", name);
            using (no_grad()) ((LowRankUpdate)layer.Find(name)!.Update).B.copy_(randn(64, 2));
        }
        Assert.Equal(["one", "two"], model.AdapterNames());
        var two = layer.forward(x);
        Assert.False(((LowRankUpdate)layer.Find("one")!.Update).A.requires_grad);
        model.SetAdapter("one");
        var one = layer.forward(x);
        model.SetAdapter("one", "two");
        Golden.Close(one + two - plain, layer.forward(x), 1e-6, "both");
        using (model.DisableAdapters()) Golden.Close(plain, layer.forward(x), 1e-7, "switched off");
        Golden.Close(one + two - plain, layer.forward(x), 1e-6, "on again");
        model.SetAdapter();
        Golden.Close(plain, layer.forward(x), 1e-7, "none active");
        model.SetAdapter("two");
        model.RemoveAdapter("one");
        Golden.Close(two, layer.forward(x), 1e-7, "the other removed");
        Assert.Equal(["two"], model.AdapterNames());
        model.Merge();
        Golden.Close(two, layer.forward(x), 1e-5, "merged");
        model.Unmerge();
        Golden.Close(two, layer.forward(x), 1e-7, "unmerged");
        Assert.Contains("nearest: two", Assert.Throws<ArgumentException>(() => model.SetAdapter("tow")).Message);
    }

    [Fact]
    public void TwoDecomposedAdaptersAreRefusedByName()
    {
        var model = new Skeleton();
        model.Adapt(Adapter.Dora(rank: 2), "q_proj", "first");
        model.Adapt(Adapter.Dora(rank: 2), "q_proj", "second");
        var message = Assert.Throws<InvalidOperationException>(() => model.SetAdapter("first", "second")).Message;
        Assert.Contains("\"first\" and \"second\"", message);
        Assert.Contains("Merge one of them first", message);
        var active = model.LinearLayers().SelectMany(l => l.Layer.Adapters).Where(a => a.IsActive);
        Assert.Equal(["second"], active.Select(a => a.AdapterName).Distinct());
        model.SetAdapter("first");
        model.Merge(keepOriginal: false);
        model.SetAdapter("second");
        Assert.Equal(["second"], model.AdapterNames());
    }

    [Fact]
    public void AMergeThatWouldLeaveNaNChangesNothing()
    {
        var model = new Skeleton();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        var layers = model.LayersOf("default");
        using (no_grad())
        {
            ((LowRankUpdate)layers[0].Adapter.Update).B.fill_(1);
            ((LowRankUpdate)layers[1].Adapter.Update).B.fill_(double.NaN);
        }
        var before = layers[0].Layer.get_parameter("weight")!.detach().clone();
        var message = Assert.Throws<InvalidOperationException>(() => model.Merge()).Message;
        Assert.Contains("model.layers.1.self_attn.q_proj: merging \"default\" would put NaN or infinity into the weight",
            message);
        Assert.True(layers[0].Layer.get_parameter("weight")!.eq(before).all().item<bool>());
        Assert.Empty(layers[0].Layer.MergedAdapters);
    }

    [Fact]
    public void WhileMergedNothingIsSwitched()
    {
        var model = new Skeleton();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        model.Merge();
        Action[] refused = [() => model.SetAdapter("default"), () => model.DisableAdapters(),
            () => model.RemoveAdapter("default"), () => model.Adapt(Adapter.Lora(), name: "more")];
        foreach (var action in refused)
            Assert.Contains("\"default\" is merged into the weight; call Unmerge first",
                Assert.Throws<InvalidOperationException>(action).Message);
        model.Unmerge();
        model.SetAdapter("default");
    }

    [Fact]
    public void NumbersThatMakeNoSenseAreRefusedBeforeAnythingChanges()
    {
        void Refused(string message, AdapterConfig config, string name = "default")
        {
            var model = new Skeleton();
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => model.Adapt(config, "q_proj", name)).Message);
            Assert.Empty(model.AdapterNames());
            Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
        }
        Refused("rank must be at least 1; it is 0", Adapter.Lora(rank: 0));
        Refused("alpha must be a finite number", Adapter.Lora(alpha: double.NaN));
        Refused("dropout must be at least 0 and below 1; it is 1", Adapter.Lora(dropout: 1));
        Refused("no place in a decomposed weight", Adapter.Lora(bias: true).WithMagnitude());
        Refused("can't be an adapter's name", Adapter.Lora(), "a.b");
        Refused("can't be an adapter's name", Adapter.Lora(), "weight");
        Refused("no module is left", Adapter.Lora() with { Layers = [5] });

        var twice = new Skeleton();
        twice.Adapt(Adapter.Lora(), "q_proj");
        Assert.Contains("already has an adapter \"default\"",
            Assert.Throws<ArgumentException>(() => twice.Adapt(Adapter.Lora(), "v_proj")).Message);
        Assert.Contains("[..., 64]; x is [2, 63]",
            Assert.Throws<ArgumentException>(() => twice.LinearLayers()[0].Layer.forward(zeros(2, 63))).Message);
        Assert.Contains("no linear layers", Assert.Throws<ArgumentException>(() => nn.ReLU().Adapt(Adapter.Lora())).Message);
    }

    [Fact]
    public void MovingToAnotherTypeMovesWeightAndAdapter()
    {
        var model = new Skeleton();
        model.Adapt(Adapter.Dora(rank: 2), "q_proj");
        model.@double();
        var layer = model.LayersOf("default")[0].Layer;
        Assert.Equal(ScalarType.Float64, layer.Weight.DataType);
        var x = randn(3, 64, ScalarType.Float64);
        var y = layer.forward(x);
        Assert.Equal(ScalarType.Float64, y.dtype);
        y.sum().backward();
        Assert.Equal(ScalarType.Float64, layer.Find("default")!.Magnitude!.grad!.dtype);
    }
}
