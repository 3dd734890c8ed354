// Adapters as PEFT saves them: its folders load, come back out the same, and a folder that does not fit changes nothing.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class PeftFolders : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Saved => new("adapter_lora", "adapter_dora", "adapter_lora_rslora_all", "adapter_vera");

    private static string PathOf(string saved) => Golden.PathOf($"model/llama/{saved}");

    [Theory, MemberData(nameof(Saved))]
    public void WhatPeftSavedComesBackOutTheSame(string saved)
    {
        var model = new Skeleton();
        model.LoadAdapter(PathOf(saved));
        var output = folder.File("again");
        model.SaveAdapter(output);

        var (expected, actual) = (SafeTensors.Load(Path.Combine(PathOf(saved), "adapter_model.safetensors")),
            SafeTensors.Load(Path.Combine(output, "adapter_model.safetensors")));
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected)
        {
            Assert.Equal(tensor.dtype, actual[name].dtype);
            Assert.True(tensor.eq(actual[name]).all().item<bool>(), name);
        }
        Assert.Equal(File.ReadAllText(Path.Combine(PathOf(saved), "adapter_config.json")),
            File.ReadAllText(Path.Combine(output, "adapter_config.json")));
    }

    [Fact]
    public void TheLoadedTensorsAreInTheLayers()
    {
        var model = new Skeleton();
        model.LoadAdapter(PathOf("adapter_dora"), "peft");
        var tensors = SafeTensors.Load(Path.Combine(PathOf("adapter_dora"), "adapter_model.safetensors"));
        var (_, layer, adapter) = model.LayersOf("peft").Single(l => l.Path == "model.layers.1.mlp.down_proj");
        Assert.True(adapter.IsActive);
        Assert.All(adapter.Tensors, t => Assert.False(t.Value.requires_grad));
        var saved = tensors["base_model.model.model.layers.1.mlp.down_proj.lora_magnitude_vector"];
        Assert.True(adapter.Magnitude!.eq(saved).all().item<bool>());
        Assert.Equal(14, model.LayersOf("peft").Count);
        Assert.Equal((112L, 64L), (layer.InFeatures, layer.OutFeatures));
    }

    public static TheoryData<string> Configurations => new("lora", "everything");

    private static AdapterConfig Config(string kind) => kind == "lora"
        ? Adapter.Lora(rank: 4, alpha: 8) with { Targets = "q_proj|v_proj" }
        : new LoraConfig
        {
            Rank = 4, Alpha = 2.5, RsLora = true, Bias = true, Dropout = 0.05, Init = LoraInit.Gaussian,
            Targets = @".*\.(self_attn\..*|mlp\.down)_proj",
            Exclude = "o_proj", Layers = [1], RankPattern = new Dictionary<string, long> { ["mlp.down_proj"] = 7 },
            AlphaPattern = new Dictionary<string, double> { ["layers.1.self_attn.q_proj"] = 3 },
        };

    [Theory, MemberData(nameof(Configurations))]
    public void SavingAndLoadingKeepsTensorsAndScale(string kind)
    {
        var model = new Skeleton();
        model.Adapt(Config(kind), name: "mine");
        using (no_grad())
            foreach (var (_, _, adapter) in model.LayersOf("mine"))
                foreach (var (_, tensor) in adapter.Tensors) tensor.copy_(randn_like(tensor));
        model.SaveAdapter(folder.File("mine"), "mine");
        var other = new Skeleton();
        other.LoadAdapter(folder.File("mine"), "theirs", trainable: true);

        var (mine, theirs) = (model.LayersOf("mine"), other.LayersOf("theirs"));
        Assert.Equal(mine.Select(l => l.Path), theirs.Select(l => l.Path));
        foreach (var (a, b) in mine.Zip(theirs))
        {
            Assert.Equal(((LowRankUpdate)a.Adapter.Update).Scale, ((LowRankUpdate)b.Adapter.Update).Scale);
            Assert.Equal(a.Adapter.Dropout, b.Adapter.Dropout);
            Assert.All(a.Adapter.Tensors.Zip(b.Adapter.Tensors), pair =>
                Assert.True(pair.First.Value.eq(pair.Second.Value).all().item<bool>()));
            Assert.All(b.Adapter.Tensors, t => Assert.True(t.Value.requires_grad));
        }
        if (kind == "lora") return;
        Assert.Equal(["down_proj", "k_proj", "q_proj", "v_proj"], mine.Select(l => l.Path.Split('.')[^1]).Order());
        Assert.All(mine, l => Assert.Contains(".layers.1.", l.Path));
        Assert.Equal(7, ((LowRankUpdate)mine.Single(l => l.Path.EndsWith("down_proj")).Adapter.Update).Rank);
        Assert.Equal(3 / Math.Sqrt(4), ((LowRankUpdate)mine.Single(l => l.Path.EndsWith("q_proj")).Adapter.Update).Scale);
    }

    /// <summary>Loads a changed copy of a folder; the message, and that the model is untouched.</summary>
    private string Refusal<T>(Action<JsonObject>? config = null, Action<Dictionary<string, Tensor>>? tensors = null)
        where T : Exception
    {
        var changed = folder.File("changed");
        Directory.CreateDirectory(changed);
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("adapter_lora"), "adapter_config.json")))!.AsObject();
        config?.Invoke(json);
        File.WriteAllText(Path.Combine(changed, "adapter_config.json"), json.ToJsonString());
        var all = SafeTensors.Load(Path.Combine(PathOf("adapter_lora"), "adapter_model.safetensors"));
        tensors?.Invoke(all);
        SafeTensors.Save(Path.Combine(changed, "adapter_model.safetensors"), all);
        var model = new Skeleton();
        var error = Assert.Throws<T>(() => model.LoadAdapter(changed));
        Assert.Empty(model.AdapterNames());
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
        return error.Message;
    }

    private const string First = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

    [Fact]
    public void FilesThatDoNotFitAreRefusedByName()
    {
        Assert.Contains($"missing: {First}", Refusal<InvalidDataException>(tensors: t => t.Remove(First)));
        Assert.Contains("unexpected: other", Refusal<InvalidDataException>(tensors: t => t["other"] = zeros(2)));
        Assert.Contains("([4, 63] in the file, [4, 64] in the model)",
            Refusal<InvalidDataException>(tensors: t => t[First] = zeros(4, 63)));
        Assert.Contains("not of a floating-point type",
            Refusal<InvalidDataException>(tensors: t => t[First] = zeros(4, 64, ScalarType.Int64)));
        Assert.Contains("NaN or infinity", Refusal<InvalidDataException>(tensors: t => t[First] = t[First] / 0));
        Assert.Contains("of another shape", Refusal<InvalidDataException>(json => json["r"] = 5));
        Assert.Contains("missing", Refusal<InvalidDataException>(json => json["use_dora"] = true));
        Assert.Contains("nearest: q_proj", Refusal<ArgumentException>(json => json["target_modules"] = new JsonArray("q_porj")));
    }

    [Fact]
    public void ConfigurationsThatAreNotBuiltAreRefusedByName()
    {
        Assert.Contains("\"peft_type\" is \"BOFT\"; known here: LORA, ", Refusal<InvalidDataException>(json => json["peft_type"] = "BOFT"));
        Assert.Contains("\"use_qalora\" is true", Refusal<InvalidDataException>(json => json["use_qalora"] = true));
        Assert.Contains("\"modules_to_save\": no module matches \"lm_haed\"",
            Refusal<InvalidDataException>(json => json["modules_to_save"] = new JsonArray("lm_haed")));
        Assert.Contains("changes the base model too",
            Refusal<InvalidDataException>(json => json["init_lora_weights"] = "pissa_niter_4"));
        Assert.Contains("\"r\" is \"four\"; expected Int64", Refusal<InvalidDataException>(json => json["r"] = "four"));
        Assert.Contains("rank must be at least 1", Refusal<InvalidDataException>(json => json["r"] = 0));
        Assert.Contains("dropout", Refusal<InvalidDataException>(json => json["lora_dropout"] = 1.5));
        Assert.Contains("not a regular expression", Refusal<InvalidDataException>(json => json["target_modules"] = "(q_proj"));
        Assert.Contains("no such file",
            Assert.Throws<FileNotFoundException>(() => new Skeleton().LoadAdapter(folder.File("nowhere"))).Message);
        File.WriteAllText(folder.File("adapter_config.json"), "{ \"r\": ");
        Assert.Contains("is not JSON", Assert.Throws<InvalidDataException>(() => new Skeleton().LoadAdapter(folder.Path)).Message);
    }

    [Fact]
    public void AnAdapterPutOnByHandHasNoConfigurationToSave()
    {
        var model = new Skeleton();
        var layer = model.LinearLayers()[0].Layer;
        layer.AddAdapter("hand", new LowRankUpdate(layer.InFeatures, layer.OutFeatures, 2, 1));
        var output = folder.File("out");
        Assert.Contains("by hand", Assert.Throws<InvalidOperationException>(() => model.SaveAdapter(output, "hand")).Message);
        Assert.Contains("nearest: hand", Assert.Throws<ArgumentException>(() => model.SaveAdapter(output, "hnad")).Message);
    }
}
