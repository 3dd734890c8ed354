// A model's folder of several files, of other types, with leftovers of old checkpoints, and what is wrong with one.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Checkpoints;

public sealed class ModelTensorsTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static string Shard(int number) => $"model-{number + 1:00000}-of-00003.safetensors";

    /// <summary>The reference's folder of a family with its weights in three shards, as transformers cuts large models.</summary>
    private Dictionary<string, Tensor> Sharded(string family, Func<Tensor, Tensor>? change = null)
    {
        File.Copy(Golden.PathOf($"model/{family}/config.json"), folder.File("config.json"), overwrite: true);
        var tensors = SafeTensors.Load(Golden.PathOf($"model/{family}/model.safetensors")).ToDictionary(t => t.Key, t => change?.Invoke(t.Value) ?? t.Value);
        Write(tensors.OrderBy(t => t.Key, StringComparer.Ordinal).Index().GroupBy(t => t.Index % 3, t => t.Item).ToDictionary(g => Shard(g.Key), g => g.ToDictionary()));
        return tensors;
    }

    private void Write(Dictionary<string, Dictionary<string, Tensor>> shards)
    {
        foreach (var (file, tensors) in shards) SafeTensors.Save(folder.File(file), tensors);
        var map = new JsonObject(shards.SelectMany(s => s.Value.Keys.Select(name => KeyValuePair.Create(name, (JsonNode?)s.Key))));
        folder.File(Index, new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = 1 }, ["weight_map"] = map }.ToJsonString());
    }

    private void EditMap(Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllText(folder.File(Index)))!;
        edit(json["weight_map"]!.AsObject());
        File.WriteAllText(folder.File(Index), json.ToJsonString());
    }

    private string Refused() => Assert.Throws<InvalidDataException>(() => CausalLm.Load(folder.Path)).Message;

    [Theory, InlineData("llama"), InlineData("gpt2"), InlineData("phi3")]
    public void A_sharded_folder_is_the_model_of_one_file(string family)
    {
        Sharded(family);
        var ids = Golden.Fixture($"model/{family}/golden").Load()["input_ids"].cpu();
        using var sharded = CausalLm.Load(folder.Path);
        using var whole = CausalLm.Load(Golden.PathOf($"model/{family}"));
        Assert.True(sharded.forward(ids).eq(whole.forward(ids)).all().item<bool>());
        using var files = ModelTensors.Open(folder.Path);
        Assert.True(files.IsSharded);
        Assert.EndsWith("-of-00003.safetensors", files.FileOf(files.Names[0]));
        using var originals = OriginalWeights.InFile(folder.Path);
        foreach (var (path, layer) in TargetPattern.AllLinear.LayersIn(sharded)) originals.RequireOf(path, layer.Weight);
        sharded.Save(folder.Path);                                              // over the shards: the one file counts from then on
        using var again = CausalLm.Load(folder.Path);
        Assert.True(again.forward(ids).eq(whole.forward(ids)).all().item<bool>());
    }

    [Theory, InlineData(ScalarType.BFloat16, 2e-2), InlineData(ScalarType.Float16, 2e-3)]
    public void Files_of_16_bits_load_into_float32(ScalarType type, double tolerance)
    {
        var tensors = Sharded("gpt2", tensor => tensor.to(type));
        using var model = CausalLm.Load(folder.Path);
        var weight = model.LinearLayers().Single(l => l.Path == "transformer.h.1.mlp.c_fc").Layer.Weight.Dequantize();
        Assert.True(weight.eq(tensors["transformer.h.1.mlp.c_fc.weight"].to(ScalarType.Float32).t()).all().item<bool>());
        var golden = Golden.Fixture("model/gpt2/golden").Load();
        Golden.Close(golden["logits"].cpu(), model.forward(golden["input_ids"].cpu()), tolerance, "logits");
    }

    [Fact]
    public void Index_and_shards_that_disagree_are_refused_with_file_and_tensor()
    {
        Sharded("llama");
        const string Norm = "model.norm.weight", Q = "model.layers.0.self_attn.q_proj.weight";
        EditMap(map => map.Remove(Norm));
        Assert.Contains($"holds {Norm}, which the index does not list", Refused());
        Sharded("llama");
        EditMap(map => map["model.ghost"] = Shard(1));
        Assert.Contains($"{Shard(1)} lacks model.ghost", Refused());
        Sharded("llama");
        EditMap(map => map[Norm] = map[Q]!.GetValue<string>() == Shard(0) ? Shard(1) : Shard(0));
        Assert.Contains($"{Index} does not fit its shards", Refused());
        foreach (var strange in new[] { "../elsewhere.safetensors", "/etc/passwd", "model.bin", "" })
        {
            Sharded("llama");
            EditMap(map => map[Norm] = strange);
            Assert.Contains($"\"{Norm}\" is said to be in \"{strange}\"", Refused());
        }
        EditMap(map => map[Norm] = 3);
        Assert.Contains("is not the index of a sharded model", Refused());
        foreach (var broken in new[] { "", "[", "[]", "{}", """{"weight_map": {}}""", """{"weight_map": [1]}""", "3" })
        {
            File.WriteAllText(folder.File(Index), broken);
            Assert.Contains(Index, Refused());
        }
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        Sharded("llama");
        File.Delete(folder.File(Shard(2)));
        Assert.Contains($"lacks {Shard(2)}", Assert.Throws<FileNotFoundException>(() => CausalLm.Load(folder.Path)).Message);
    }

    [Fact]
    public void Tensors_that_do_not_fit_are_named_with_their_shard()
    {
        var tensors = Sharded("gpt2");
        tensors.Remove("transformer.ln_f.bias");
        tensors["transformer.h.0.mlp.c_fc.weight"] = zeros(256, 64);            // as Linear has it, not as Conv1D
        tensors["transformer.extra.weight"] = zeros(2);
        tensors["transformer.wpe.weight"] = zeros(64, 64, ScalarType.Int64);
        Write(new() { [Shard(0)] = tensors });
        File.Delete(folder.File(Shard(1)));
        File.Delete(folder.File(Shard(2)));
        var message = Refused();
        Assert.Contains(Index + " does not fit config.json", message);
        Assert.Contains("missing transformer.ln_f.bias [64]", message);
        Assert.Contains($"unexpected transformer.extra.weight in {Shard(0)}", message);
        Assert.Contains($"transformer.h.0.mlp.c_fc.weight is [64, 256] in {Shard(0)}, config.json asks for [256, 64]", message);
        Assert.Contains($"transformer.wpe.weight is I64 in {Shard(0)}, and weights are read from F64, F32, F16 and BF16", message);
    }

    /// <summary>Nothing is built, and nothing of the size asked for, before the file is seen not to have it.</summary>
    [Theory]
    [InlineData("num_hidden_layers", 2_000_000_000, "asks for 2000000000 layers: there are 21 tensors")]
    [InlineData("num_hidden_layers", 20, "142 more missing")]
    [InlineData("hidden_size", 900_000_000_000_000, "model.norm.weight is [64], config.json asks for [900000000000000]")]
    [InlineData("vocab_size", 255, "lm_head.weight is [256, 64], config.json asks for [255, 64]")]
    public void A_configuration_far_from_its_weights_is_refused(string field, long value, string message)
    {
        var json = JsonNode.Parse(File.ReadAllText(Golden.PathOf("model/llama/config.json")))!;
        json[field] = value;
        folder.File("config.json", json.ToJsonString());
        File.Copy(Golden.PathOf("model/llama/model.safetensors"), folder.File("model.safetensors"));
        Assert.Contains(message, Refused());
    }

    [Fact]
    public void A_weight_that_no_code_stands_for_is_named()
    {
        File.Copy(Golden.PathOf("model/phi3/config.json"), folder.File("config.json"));
        var tensors = SafeTensors.Load(Golden.PathOf("model/phi3/model.safetensors"));
        tensors["model.layers.1.self_attn.qkv_proj.weight"][3, 5] = tensor(float.NaN);
        SafeTensors.Save(folder.File("model.safetensors"), tensors);
        CausalLm.Load(folder.Path).Dispose();
        CausalLm.Load(folder.Path, quantize: new Nf4(), targets: "o_proj").Dispose();
        var message = Assert.Throws<ArgumentException>(() => CausalLm.Load(folder.Path, quantize: new Nf4())).Message;
        Assert.Contains(folder.File("model.safetensors"), message);
        Assert.Contains("model.layers.1.self_attn.qkv_proj.weight", message);
        Assert.Contains("qkv_proj", Assert.Throws<ArgumentException>(() => CausalLm.Load(folder.Path, quantize: new Nf4(), targets: "q_proj")).Message);
        Assert.Contains("embed_tokens is an embedding", Assert.Throws<InvalidOperationException>(() => CausalLm.Load(folder.Path, quantize: new Nf4(), targets: "o_proj|embed_tokens")).Message);
        Assert.Contains("say as what", Assert.Throws<ArgumentException>(() => CausalLm.Load(folder.Path, targets: "qkv_proj")).Message);
    }

    [Theory]
    [InlineData("pytorch_model.bin"), InlineData("model.pt"), InlineData("pytorch_model-00001-of-00002.bin"), InlineData("consolidated.00.pth")]
    public void Pickles_are_refused_with_the_reason_and_the_way_out(string name)
    {
        File.Copy(Golden.PathOf("model/llama/config.json"), folder.File("config.json"));
        folder.File(name, [128, 2, 46]);
        folder.File("training_args.bin", [128]);
        var message = Refused();
        Assert.Contains(folder.File(name), message);
        Assert.Contains("runs the code", message);
        Assert.Contains("safe_serialization=True", message);
        File.Copy(Golden.PathOf("model/llama/model.safetensors"), folder.File("model.safetensors"));
        CausalLm.Load(folder.Path).Dispose();                                   // beside a pickle
    }

    [Fact]
    public void Folders_without_a_model_say_what_they_are()
    {
        string Missing(string path) => Assert.Throws<FileNotFoundException>(() => CausalLm.Load(path)).Message;
        Assert.Contains("config.json does not exist", Missing(folder.File("nowhere")));
        Assert.Contains("LoadAdapter", Missing(Golden.PathOf("model/llama/adapter_lora")));
        File.Copy(Golden.PathOf("model/llama/config.json"), folder.File("config.json"));
        folder.File("training_args.bin", [128]);
        folder.File("other.safetensors", [1]);
        Assert.Contains("This one has other.safetensors", Missing(folder.Path));
    }

    /// <summary>OpenAI's GPT-2 on the hub: saved from the decoder alone, with attention's masks, and in some a copy of the head.</summary>
    [Fact]
    public void An_old_GPT2_without_prefix_and_with_masks_loads()
    {
        File.Copy(Golden.PathOf("model/gpt2/config.json"), folder.File("config.json"));
        var tensors = SafeTensors.Load(Golden.PathOf("model/gpt2/model.safetensors")).ToDictionary(t => t.Key["transformer.".Length..], t => t.Value);
        tensors["h.0.attn.bias"] = ones(1, 1, 64, 64);
        tensors["h.1.attn.masked_bias"] = tensor(-1e4f);
        tensors["lm_head.weight"] = tensors["wte.weight"].clone();
        SafeTensors.Save(folder.File("model.safetensors"), tensors);
        using var model = CausalLm.Load(folder.Path);
        var golden = Golden.Fixture("model/gpt2/golden").Load();
        Golden.Close(golden["logits"].cpu(), model.forward(golden["input_ids"].cpu()), Golden.ModelTolerance, "logits");
    }
}
