// Adapters on a model's embedding: as a target, in training, merged, in files as PEFT has them; and the model without them as it was.
using System.Text.Json.Nodes;
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class TiedEmbeddings : IDisposable
{
    private const string Embedding = "embed_tokens";
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public TiedEmbeddings() => manual_seed(5);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static readonly LlamaConfig Tiny = new()
    {
        VocabularySize = 11, HiddenSize = 6, IntermediateSize = 7, Layers = 1, Heads = 3, KeyValueHeads = 1, HeadSize = 2,
        MaxPositions = 32, TiedEmbeddings = true, InitializerRange = 0.4,
    };

    private static readonly Tensor Ids = tensor(new long[] { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 0, 10 }).view(2, 6).DetachFromDisposeScope();

    private static CausalLm Adapted(AdapterConfig config, string targets = Embedding, ScalarType dtype = ScalarType.Float64, bool tied = true)
    {
        var model = new CausalLm(Tiny with { TiedEmbeddings = tied }, seed: 2, dtype);
        model.Adapt(config, targets);
        Move(model);
        return model;
    }

    private static void Move(CausalLm model)
    {
        using var grad = no_grad();
        foreach (var parameter in model.parameters())
            if (parameter.requires_grad) parameter.add_(randn_like(parameter).mul_(0.2));
    }

    private static bool Same(Tensor left, Tensor right) => left.eq(right).all().item<bool>();

    public static TheoryData<string> Names =>
        [.. MethodList.All.Where(m => m.Value.Config is not LoraConfig { Bias: true }).Select(m => new TheoryDataRow<string>(m.Key))];

    public static TheoryData<string> PlainNames => [.. Names.Where(n => !MethodList.All[n.Data].Config.Decomposed)];

    [Fact]
    public void ASeededModelIsDrawnMatrixByMatrixTheEmbeddingFirst()
    {
        using var model = new CausalLm(Tiny, seed: 9);
        using var generator = new Generator(9);
        var state = model.state_dict();
        Assert.Equal("model.embed_tokens.weight", state.Keys.First());
        foreach (var (name, weight) in state)
            if (weight.ndim >= 2) Assert.True(Same(empty(weight.shape).normal_(0, Tiny.InitializerRange, generator), weight), name);
    }

    [Fact]
    public void EveryElementsGradientThroughLookupAndHeadIsTheDifference()
    {
        using var model = Adapted(Adapter.Lora(rank: 1));
        LowRank.Tests.Adapters.Gradients.Check(() => model.Loss(Ids), [.. model.LayersOf("default")[0].Adapter.Tensors.Select(t => (t.Name, (Tensor)t.Value))]);
    }

    /// <summary>Along a random direction through all trained tensors: one difference a method instead of one an element.</summary>
    [Theory, MemberData(nameof(PlainNames))]
    public void GradientsThroughLookupAndHeadAreTheDifferences(string method)
    {
        const double Step = 1e-6;
        using var model = Adapted(MethodList.All[method].Config, Embedding + "|q_proj");
        model.Loss(Ids).backward();
        using var grad = no_grad();
        var trained = model.parameters().Where(p => p.requires_grad).Select(p => (Parameter: p, Direction: randn_like(p))).ToList();
        void Walk(double length)
        {
            foreach (var (parameter, direction) in trained) parameter.add_(direction * length);
        }
        Walk(Step);
        var up = (double)model.Loss(Ids);
        Walk(-2 * Step);
        var down = (double)model.Loss(Ids);
        var expected = (up - down) / (2 * Step);
        Assert.Equal(expected, trained.Sum(t => (t.Parameter.grad! * t.Direction).sum().item<double>()), 1e-7 * Math.Max(1, Math.Abs(expected)));
    }

    [Theory, MemberData(nameof(Names))]
    public void LossLogitsAndTheMergedModelAgree(string method)
    {
        using var model = Adapted(MethodList.All[method].Config, Embedding + "|o_proj");
        using var grad = no_grad();
        model.eval();
        var logits = model.forward(Ids);
        var plain = nn.functional.cross_entropy(logits.narrow(1, 0, 5).flatten(0, 1), Ids.narrow(1, 1, 5).flatten());
        Assert.Equal((double)plain, (double)model.Loss(Ids), 10);
        using (model.DisableAdapters()) Assert.False(logits.allclose(model.forward(Ids), 1e-3, 1e-3));
        model.Merge();
        Golden.Close(logits, model.forward(Ids), 1e-11, "merged");
        Assert.Equal((double)plain, (double)model.Loss(Ids), 10);
        model.Unmerge();
        Golden.Close(logits, model.forward(Ids), 1e-13, "unmerged");
    }

    [Fact]
    public void BothUsesAreAdapted()
    {
        using var model = Adapted(Adapter.Lora(rank: 2));
        var layer = model.LayersOf("default").Single();
        Assert.Equal("model.embed_tokens", layer.Path);
        var table = layer.Layer.Weight.Dequantize() + layer.Layer.Delta("default");
        var states = model.HiddenStates(Ids);
        Golden.Close(table.index_select(0, Ids.flatten()).view(2, 6, 6), states[0], 1e-12, "look-up");
        Golden.Close(states[^1].matmul(table.t()), model.forward(Ids), 1e-12, "head");
    }

    [Fact]
    public void AHeadOfItsOwnIsLeftAlone()
    {
        using var model = Adapted(Adapter.Lora(rank: 2), tied: false);
        var states = model.HiddenStates(Ids);
        Golden.Close(states[^1].matmul(model.state_dict()["lm_head.weight"].t()), model.forward(Ids), 1e-12, "head");
        Assert.False(Same(states[0], model.state_dict()["model.embed_tokens.weight"].index_select(0, Ids.flatten()).view(2, 6, 6)));
    }

    [Fact]
    public void ItIsATargetOnlyWhenNamed()
    {
        Assert.DoesNotContain("model.embed_tokens", Adapted(Adapter.Lora(), "all-linear").LayersOf("default").Select(l => l.Path));
        Assert.Equal(["model.embed_tokens", "model.layers.0.self_attn.v_proj"],
            Adapted(Adapter.Lora(), "v_proj|embed_tokens").LayersOf("default").Select(l => l.Path));
        using var model = new CausalLm(Tiny);
        Assert.Contains("no module matches \"embed_toknes\"; nearest: embed_tokens",
            Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(), "embed_toknes")).Message);
        foreach (var refused in new[]
        {
            Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(), "lm_head")),
            Assert.Throws<ArgumentException>(() => Adapter.Lora().CountTrainable(Tiny.LinearLayers(), "lm_head")),
        })
            Assert.Contains("this model's head is its embedding. Name embed_tokens", refused.Message);
        Assert.Contains("has a bias of its own", Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(bias: true), "embed_tokens|q_proj")).Message);
        Assert.Empty(model.AdapterNames());
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Theory, MemberData(nameof(Names))]
    public void ItsParametersAreCountedFromShapes(string method)
    {
        var config = MethodList.All[method].Config;
        using var model = new CausalLm(Tiny);
        Assert.Equal(config.CountTrainable(Tiny.LinearLayers(), "embed_tokens|up_proj"), model.Adapt(config, "embed_tokens|up_proj").Trainable);
        Assert.Equal(model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()), config.CountTrainable(Tiny.LinearLayers(), "embed_tokens|up_proj"));
    }

    [Fact]
    public void TrainingMovesTheAdapterAndNothingElse()
    {
        using var model = new CausalLm(Tiny, seed: 3);
        var before = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        model.Adapt(Adapter.Dora(rank: 2), Embedding);
        var run = Trainer.Fit(model, _ => new Batch(Ids), new() { Steps = 25, LearningRate = 0.05, WarmupSteps = 2, Log = null });
        Assert.True(run.Steps[^1].Loss < 0.8 * run.Steps[0].Loss, $"from {run.Steps[0].Loss} to {run.Steps[^1].Loss}");
        foreach (var (name, weight) in model.state_dict()) Assert.True(Same(before[name], weight), name);
    }

    [Theory, MemberData(nameof(Names))]
    public void SavedAndLoadedItIsTheSame(string method)
    {
        foreach (var tied in new[] { true, false })
        {
            using var model = Adapted(MethodList.All[method].Config, Embedding + "|down_proj", tied: tied);
            model.SaveAdapter(folder.File("saved"));
            using var other = new CausalLm(model.Config, seed: 2, ScalarType.Float64);
            other.LoadAdapter(folder.File("saved"));
            model.eval();
            other.eval();
            Assert.True(Same(model.forward(Ids), other.forward(Ids)));
        }
    }

    [Fact]
    public void TheFileHasPeftsNamesShapesAndFields()
    {
        using var model = Adapted(Adapter.Lora(rank: 3), Embedding + "|q_proj");
        model.SaveAdapter(folder.Path);
        var file = SafeTensors.Load(folder.File("adapter_model.safetensors"));
        var lora = (LowRankUpdate)model.LayersOf("default")[0].Adapter.Update;
        const string Prefix = "base_model.model.model.";
        Assert.Equal(new[] { "embed_tokens.lora_embedding_A", "embed_tokens.lora_embedding_B", "layers.0.self_attn.q_proj.lora_A.weight",
            "layers.0.self_attn.q_proj.lora_B.weight" }.Select(n => Prefix + n), file.Keys.Where(n => !n.Contains("lm_head")).Order());
        Assert.Equal(["base_model.model.lm_head.lora_A.weight", "base_model.model.lm_head.lora_B.weight"], file.Keys.Where(n => n.Contains("lm_head")).Order());
        Assert.True(Same(lora.A, file["base_model.model.lm_head.lora_A.weight"]) && Same(lora.B, file["base_model.model.lm_head.lora_B.weight"]));
        Assert.Equal([3L, 11L], file[Prefix + "embed_tokens.lora_embedding_A"].shape);
        Assert.True(Same(lora.B.t(), file[Prefix + "embed_tokens.lora_embedding_A"]));
        Assert.True(Same(lora.A.t(), file[Prefix + "embed_tokens.lora_embedding_B"]));
        var json = JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!;
        Assert.True(json["ensure_weight_tying"]!.GetValue<bool>());
        Assert.Equal("[\"embed_tokens\",\"q_proj\"]", json["target_modules"]!.ToJsonString());
        using var untied = Adapted(Adapter.Lora(rank: 3), tied: false);
        untied.SaveAdapter(folder.Path);
        Assert.Equal(2, SafeTensors.Load(folder.File("adapter_model.safetensors")).Count);
        Assert.False(JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!["ensure_weight_tying"]!.GetValue<bool>());
    }

    /// <summary>A folder as PEFT leaves one: the adapter, and copies of the embedding and, tied, of the head's pair.</summary>
    private CausalLm WrittenByPeft(bool tied, bool saysTied, Action<Dictionary<string, Tensor>>? change = null, bool decomposed = false)
    {
        var tensors = Golden.Fixture("linear/lora_embedding").Load();
        var (a, b, weight) = (tensors["adapter.lora_embedding_A"], tensors["adapter.lora_embedding_B"], tensors["base.weight"]);
        var model = new CausalLm(Tiny with { VocabularySize = 35, HiddenSize = 48, TiedEmbeddings = tied });
        using (no_grad()) model.state_dict()["model.embed_tokens.weight"].copy_(weight);
        const string Prefix = "base_model.model.", Layer = Prefix + "model.embed_tokens.";
        var file = new Dictionary<string, Tensor> { [Layer + "lora_embedding_A"] = a, [Layer + "lora_embedding_B"] = b, [Layer + "base_layer.weight"] = weight };
        if (decomposed) file[Layer + "lora_magnitude_vector"] = ones(48);
        if (saysTied)
        {
            file[Prefix + "lm_head.lora_A.weight"] = b.t().contiguous();
            file[Prefix + "lm_head.lora_B.weight"] = a.t().contiguous();
            file[Prefix + "lm_head.base_layer.weight"] = weight.clone();
        }
        change?.Invoke(file);
        SafeTensors.Save(folder.File("adapter_model.safetensors"), file);
        File.WriteAllText(folder.File("adapter_config.json"), new JsonObject
        {
            ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 16, ["target_modules"] = new JsonArray(Embedding), ["ensure_weight_tying"] = saysTied,
            ["use_dora"] = decomposed,
        }.ToJsonString());
        return model;
    }

    [Theory, InlineData(false), InlineData(true)]
    public void WhatPeftWroteIsRead(bool tied)
    {
        using var model = WrittenByPeft(tied, saysTied: tied);
        model.LoadAdapter(folder.Path);
        var fixture = Golden.Fixture("linear/lora_embedding").Load();
        Golden.Close(fixture["out"], model.HiddenStates(fixture["x"])[0], Golden.LayerTolerance, "look-up");
        model.Merge();
        Golden.Close(fixture["merged.weight"], model.state_dict()["model.embed_tokens.weight"], Golden.LayerTolerance, "merged");
    }

    [Fact]
    public void WhatWouldMeanSomethingElseHereIsRefused()
    {
        const string Copy = "base_model.model.model.embed_tokens.base_layer.weight", Pair = "base_model.model.lm_head.lora_A.weight";
        string Refusal(CausalLm model)
        {
            using (model)
            {
                var message = Assert.Throws<InvalidDataException>(() => model.LoadAdapter(folder.Path)).Message;
                Assert.Empty(model.AdapterNames());
                Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
                return message;
            }
        }
        Assert.Contains("look-up alone (\"ensure_weight_tying\" is false)", Refusal(WrittenByPeft(tied: true, saysTied: false)));
        Assert.Contains("a magnitude for each column", Refusal(WrittenByPeft(tied: false, saysTied: false, decomposed: true)));
        Assert.Contains($"\"{Copy}\" is not the embedding", Refusal(WrittenByPeft(false, false, file => file[Copy] = file[Copy] + 1)));
        Assert.Contains($"\"{Pair}\" is not", Refusal(WrittenByPeft(true, true, file => file[Pair] = file[Pair] * 2)));
        Assert.Contains($"unexpected: {Pair}", Refusal(WrittenByPeft(false, false, file => file[Pair] = zeros(4, 48))));
        Assert.Contains("lora_embedding_A ([35, 4] in the file, [4, 35] in the model)",
            Refusal(WrittenByPeft(false, false, file => file["base_model.model.model.embed_tokens.lora_embedding_A"] = zeros(35, 4))));
    }
}
