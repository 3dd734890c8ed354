// The papers' parameter counts, from shapes alone, and the same count on a model that exists.
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class ParameterCounts
{
    private static readonly LlamaConfig Llama7B = new()
    {
        VocabularySize = 32000, HiddenSize = 4096, IntermediateSize = 11008, Layers = 32, Heads = 32, KeyValueHeads = 32,
    };

    private const string Five = "q_proj|k_proj|v_proj|up_proj|down_proj";

    /// <summary>GPT-3: 96 layers of width 12,288; the paper adapts query and value.</summary>
    private static readonly LayerShape[] Gpt3 = [.. Enumerable.Range(0, 96).SelectMany(i =>
        new[] { "q", "v" }.Select(name => new LayerShape($"layers.{i}.{name}_proj", 12288, 12288)))];

    public static TheoryData<AdapterConfig, string, long> OnLlama7B => new()
    {
        { Adapter.Lora(rank: 32), Five, 56_098_816 },
        { Adapter.Dora(rank: 32), Five, 56_975_360 },
        { Adapter.Lora(rank: 64), "all-linear", 159_907_840 },
        { Adapter.Dora(rank: 64), "all-linear", 161_267_712 },
        { Adapter.Vera(rank: 1024), "all-linear", 1_589_248 },
        { Adapter.Dvora(rank: 1024), "all-linear", 2_949_120 },
    };

    [Theory, MemberData(nameof(OnLlama7B), DisableDiscoveryEnumeration = true)]
    public void Llama7BIsCountedWithoutItsMemory(AdapterConfig config, string targets, long expected) =>
        Assert.Equal(expected, config.CountTrainable(Llama7B.LinearLayers(), targets));

    [Theory, InlineData(1, 4_718_592), InlineData(4, 18_874_368), InlineData(8, 37_748_736)]
    public void Gpt3AsTheLoraPaperCountsIt(long rank, long expected) => Assert.Equal(expected, Adapter.Lora(rank).CountTrainable(Gpt3));

    /// <summary>The VeRA paper's column for GPT-3 contradicts its formula r + out a layer; the formula counts.</summary>
    [Fact]
    public void VerasGpt3CountFollowsItsFormula() => Assert.Equal(96 * 2 * (1024 + 12288), Adapter.Vera(rank: 1024).CountTrainable(Gpt3));

    public static TheoryData<string> Methods => LowRank.Tests.Methods.MethodData.Names;

    [Theory, MemberData(nameof(Methods))]
    public void ShapesAndAModelGiveTheSameCount(string method)
    {
        using var scope = NewDisposeScope();
        var shape = new LlamaConfig { VocabularySize = 20, HiddenSize = 8, IntermediateSize = 12, Layers = 2, Heads = 2, KeyValueHeads = 1 };
        using var model = new CausalLm(shape);
        Assert.Equal(shape.LinearLayers().OrderBy(l => l.Path),
            model.LinearLayers().Select(l => new LayerShape(l.Path, l.Layer.InFeatures, l.Layer.OutFeatures)).OrderBy(l => l.Path));
        var config = LowRank.Tests.Methods.MethodList.All[method].Config with { Exclude = "k_proj", Layers = [1] };
        Assert.Equal(config.CountTrainable(shape.LinearLayers()), model.Adapt(config).Trainable);
    }

    [Fact]
    public void AWrongTargetIsAnErrorWithTheNearestName()
    {
        var error = Assert.Throws<ArgumentException>(() => Adapter.Lora().CountTrainable(Llama7B.LinearLayers(), "q_porj"));
        Assert.Contains("no module matches \"q_porj\"; nearest: q_proj", error.Message);
    }
}
