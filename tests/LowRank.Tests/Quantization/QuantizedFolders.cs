// A quantized model's folder: config.json's quantization_config, folders as transformers writes them with bitsandbytes, and what is wrong
// with a folder. Nothing that is refused changes the model or the folder.
using System.Text;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizedFolders : IDisposable
{
    private const string Weights = "model.safetensors";

    /// <summary>One layer whose seven weights are all [64, 64], as the fixtures of quantization are.</summary>
    private static readonly LlamaConfig Square = new()
    {
        VocabularySize = 32, HiddenSize = 64, IntermediateSize = 64, Layers = 1, Heads = 4, KeyValueHeads = 4, TiedEmbeddings = true,
    };

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private string Saved(LlamaConfig config, string name, params (StorageFormat Format, TargetPattern? Targets)[] formats)
    {
        using var model = new CausalLm(config, seed: 5);
        foreach (var (format, targets) in formats) model.Quantize(format, targets);
        model.Save(folder.File(name));
        return folder.File(name);
    }

    private static JsonObject Json(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();

    private static JsonObject Entry(string saved) => Json(Path.Combine(saved, "config.json"))["quantization_config"]!.AsObject();

    private static void EditEntry(string saved, Action<JsonObject> edit)
    {
        var json = Json(Path.Combine(saved, "config.json"));
        if (json["quantization_config"] is JsonObject entry) edit(entry);
        else edit(json);
        File.WriteAllText(Path.Combine(saved, "config.json"), json.ToJsonString());
    }

    private static void EditWeights(string saved, Action<Dictionary<string, Tensor>> edit)
    {
        var tensors = SafeTensors.Load(Path.Combine(saved, Weights)).ToDictionary(pair => pair.Key, pair => pair.Value);
        edit(tensors);
        SafeTensors.Save(Path.Combine(saved, Weights), tensors);
    }

    private static Tensor Logits(CausalLm model)
    {
        using var guard = no_grad();
        return model.forward(arange(0, 12, 1, ScalarType.Int64).view(2, 6));
    }

    /// <summary>The fields of BitsAndBytesConfig.to_dict, with the values that describe this folder.</summary>
    [Fact]
    public void TheEntryIsTheOneOfTransformers()
    {
        var saved = Saved(Square with { StoredType = ScalarType.BFloat16 }, "nf4", (Nf4.WithDoubleQuantization, null));
        var expected = JsonNode.Parse("""
            {"bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true,
             "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false, "llm_int8_skip_modules": ["lm_head"], "llm_int8_threshold": 6.0,
             "load_in_4bit": true, "load_in_8bit": false, "quant_method": "bitsandbytes"}
            """)!;
        Assert.Equal(expected.ToJsonString(), Entry(saved).ToJsonString());
        var eight = Entry(Saved(Square, "int8", (new Int8Rows(), null)));
        Assert.True(eight["load_in_8bit"]!.GetValue<bool>() && !eight["load_in_4bit"]!.GetValue<bool>());
        using var dense = new CausalLm(Square);
        dense.Save(saved);                                                      // over the quantized folder
        Assert.Null(Json(Path.Combine(saved, "config.json"))["quantization_config"]);
        using var read = CausalLm.Load(saved);
        Assert.All(read.LinearLayers(), l => Assert.IsType<DenseWeight>(l.Layer.Weight));
    }

    public static TheoryData<string> FormatNames => new("nf4", "nf4 plain", "fp4", "int8 rows", "int8 blocks", "int4", "nf3", "mixed", "two layers only");

    [Theory, MemberData(nameof(FormatNames))]
    public void EveryFormatComesBack(string name)
    {
        TargetPattern attention = "self_attn.q_proj|self_attn.k_proj|self_attn.v_proj|self_attn.o_proj", mlp = "gate_proj|up_proj|down_proj";
        (StorageFormat, TargetPattern?)[] formats = name switch
        {
            "nf4" => [(Nf4.WithDoubleQuantization, null)], "nf4 plain" => [(new Nf4 { BlockSize = 128, DoubleQuantization = false }, null)],
            "fp4" => [(new Fp4(), null)], "int8 rows" => [(new Int8Rows(), null)], "int8 blocks" => [(new Int8Dynamic { BlockSize = 64 }, null)],
            "int4" => [(new GroupInt4(), null)], "nf3" => [(Nf3.WithDoubleQuantization, null)], "mixed" => [(Nf4.WithDoubleQuantization, attention), (new GroupInt4 { GroupSize = 16 }, mlp)],
            _ => [(new Nf4(), "q_proj|lm_head")],
        };
        var config = Square with { Layers = 2, IntermediateSize = 96, TiedEmbeddings = name != "two layers only", AttentionBias = name == "int8 rows" };
        using var model = new CausalLm(config, seed: 5);
        foreach (var (format, targets) in formats) model.Quantize(format, targets);
        model.Save(folder.File(name));
        var entry = Entry(folder.File(name));
        Assert.Equal(name is "int8 blocks" or "int4" or "nf3" or "mixed" ? "lowrank" : "bitsandbytes", entry["quant_method"]!.GetValue<string>());
        if (name == "mixed") Assert.Equal("""["bitsandbytes__nf4","lowrank__int4_groups"]""", entry["formats"]!.ToJsonString());
        if (name == "two layers only") Assert.Equal(12, entry["llm_int8_skip_modules"]!.AsArray().Count);       // six of seven in two layers

        using var read = CausalLm.Load(folder.File(name));
        Assert.True(Logits(model).eq(Logits(read)).all().item<bool>());
        foreach (var (a, b) in model.LinearLayers().Zip(read.LinearLayers()))
            Assert.Equal((a.Layer.Weight.GetType(), a.Layer.Weight.Bytes, (a.Layer.Weight as QuantizedWeight)?.Stored.Format),
                (b.Layer.Weight.GetType(), b.Layer.Weight.Bytes, (b.Layer.Weight as QuantizedWeight)?.Stored.Format));
    }

    /// <summary>A folder put together name by name as transformers saves a model in 4 bits, from bitsandbytes' numbers, without our writer.</summary>
    [Fact]
    public void AFolderOfTransformersAndBitsAndBytesLoads()
    {
        var (t, tables) = (Golden.Fixture("quant/normal").Load(), Golden.Fixture("quant/code_tables").Load());
        var offset = t["nf4.b64.nested.offset"].reshape(1)[0].item<float>();
        var state = Encoding.UTF8.GetBytes(
            $$"""{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [64, 64], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": {{(double)offset:R}}}""");
        Load(new()
        {
            [".weight"] = t["nf4.b64.packed"].view(-1, 1), [".weight.absmax"] = t["nf4.b64.nested.absmax8"], [".weight.nested_absmax"] = t["nf4.b64.nested.absmax2"],
            [".weight.nested_quant_map"] = tables["dynamic_signed"], [".weight.quant_map"] = tables["nf4"], [".weight.quant_state.bitsandbytes__nf4"] = tensor(state),
        }, """
            {"_load_in_4bit": true, "_load_in_8bit": false, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4",
             "bnb_4bit_use_double_quant": true, "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false, "llm_int8_skip_modules": null,
             "llm_int8_threshold": 6.0, "load_in_4bit": true, "load_in_8bit": false, "quant_method": "bitsandbytes"}
            """, t["nf4.b64.nested.dequant"]);
        Load(new() { [".weight"] = t["int8row.codes"], [".SCB"] = t["int8row.absmax"], [".weight_format"] = zeros(Array.Empty<long>(), ScalarType.Byte) },
            """{"llm_int8_skip_modules": null, "llm_int8_threshold": 6.0, "load_in_4bit": false, "load_in_8bit": true, "quant_method": "bitsandbytes"}""",
            t["int8row.codes"].to(ScalarType.Float32) * t["int8row.absmax"].unsqueeze(1) / 127);

        void Load(Dictionary<string, Tensor> ofLayer, string entry, Tensor dequantized)
        {
            using var dense = new CausalLm(Square, seed: 5);
            var tensors = dense.state_dict().ToDictionary(pair => pair.Key, pair => pair.Value.detach());
            foreach (var (path, layer) in dense.LinearLayers().Where(l => l.Path.Contains("layers.", StringComparison.Ordinal)))
            {
                tensors.Remove(path + ".weight");
                foreach (var (suffix, value) in ofLayer) tensors[path + suffix] = value;
                using (no_grad()) layer.get_parameter("weight")!.copy_(dequantized);
            }
            dense.Save(folder.File("theirs"));                                  // for config.json; the weights are put in its place
            SafeTensors.Save(Path.Combine(folder.File("theirs"), Weights), tensors, new Dictionary<string, string> { ["format"] = "pt" });
            EditEntry(folder.File("theirs"), json => json["quantization_config"] = JsonNode.Parse(entry));
            using var read = CausalLm.Load(folder.File("theirs"));
            Assert.All(read.LinearLayers().Where(l => l.Path.Contains("layers.", StringComparison.Ordinal)), l => Assert.IsType<QuantizedWeight>(l.Layer.Weight));
            Golden.Close(Logits(dense), Logits(read), 1e-6, "logits");
        }
    }

    [Fact]
    public void AFolderWhosePartsDisagreeIsRefused()
    {
        string Refused(string saved) => Assert.Throws<InvalidDataException>(() => CausalLm.Load(saved)).Message;
        string OfEntry(Action<JsonObject> edit)
        {
            var saved = Saved(Square, "edited", (Nf4.WithDoubleQuantization, "q_proj|down_proj"));
            CausalLm.Load(saved).Dispose();
            EditEntry(saved, edit);
            return Refused(saved);
        }
        const string Q = "model.safetensors: model.layers.0.self_attn.q_proj.weight ";
        Assert.Contains(Q + "is stored as bitsandbytes__nf4; config.json's quantization_config has it as bitsandbytes__fp4", OfEntry(e => e["bnb_4bit_quant_type"] = "fp4"));
        Assert.Contains(Q + "is stored with double quantization", OfEntry(e => e["bnb_4bit_use_double_quant"] = false));
        Assert.Contains(Q + "is stored as bitsandbytes__nf4; config.json's quantization_config has it as bitsandbytes__int8", OfEntry(e => (e["load_in_4bit"], e["load_in_8bit"]) = (false, true)));
        Assert.Contains(Q + "is stored as bitsandbytes__nf4; config.json's quantization_config has it among the layers that are dense", OfEntry(e => e["llm_int8_skip_modules"]!.AsArray().Add("self_attn")));
        Assert.Contains("model.layers.0.self_attn.k_proj.weight has no scales beside it", OfEntry(e => e["llm_int8_skip_modules"] = null));
        Assert.Contains("config.json: quantization_config has quant_method \"gptq\"; bitsandbytes and lowrank are known", OfEntry(e => e["quant_method"] = "gptq"));
        Assert.Contains("bnb_4bit_quant_storage \"bfloat16\"", OfEntry(e => e["bnb_4bit_quant_storage"] = "bfloat16"));
        Assert.Contains("load_in_4bit and load_in_8bit both true", OfEntry(e => e["load_in_8bit"] = true));
        Assert.Contains("has no formats", OfEntry(e => e["quant_method"] = "lowrank"));
        Assert.Contains("llm_int8_skip_modules is", OfEntry(e => e["llm_int8_skip_modules"] = 3));

        var bare = Saved(Square, "bare", (Nf4.WithDoubleQuantization, null));
        EditEntry(bare, e => e.Parent!.AsObject().Remove("quantization_config"));
        Assert.Contains(Q + "is stored as bitsandbytes__nf4; config.json has no quantization_config", Refused(bare));
        var dense = Saved(Square, "dense");
        File.Copy(Path.Combine(Saved(Square, "nf4", (Nf4.WithDoubleQuantization, null)), "config.json"), Path.Combine(dense, "config.json"), overwrite: true);
        Assert.Contains(Q + "has no scales beside it; config.json's quantization_config has it as bitsandbytes__nf4", Refused(dense));
    }

    /// <summary>Every single tensor missing, and the file's end: an error that names the file, and the tensor where there is one.</summary>
    [Theory, InlineData("nf4"), InlineData("rows"), InlineData("int4")]
    public void AFolderWhoseTensorsAreCutIsRefused(string format)
    {
        var saved = Saved(Square, "whole", (format switch { "nf4" => new Nf4(), "rows" => new Int8Rows(), _ => new GroupInt4() }, null));
        var whole = File.ReadAllBytes(Path.Combine(saved, Weights));
        const string Up = "model.layers.0.mlp.up_proj.";
        var parts = SafeTensors.Load(Path.Combine(saved, Weights)).Keys.Where(key => key.StartsWith(Up, StringComparison.Ordinal)).ToList();
        Assert.Equal(format switch { "nf4" => 6, "rows" => 3, _ => 4 }, parts.Count);
        foreach (var part in parts.Where(part => part != Up + "weight_format"))       // of which old files have none
        {
            EditWeights(saved, tensors => tensors.Remove(part));
            var message = Assert.Throws<InvalidDataException>(() => CausalLm.Load(saved)).Message;
            Assert.Contains(Weights, message);
            Assert.Contains(Up, message);
            File.WriteAllBytes(Path.Combine(saved, Weights), whole);
        }
        foreach (var length in new[] { 4, 100, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(Path.Combine(saved, Weights), whole[..length]);
            Assert.Contains(Weights, Assert.Throws<InvalidDataException>(() => CausalLm.Load(saved)).Message);
        }
        File.WriteAllBytes(Path.Combine(saved, Weights), whole);
        CausalLm.Load(saved).Dispose();
    }

    /// <summary>Integers without scales in a folder that does not announce them would be read as numbers.</summary>
    [Fact]
    public void CodesWithoutScalesAreNoWeights()
    {
        var saved = Saved(Square, "codes");
        EditWeights(saved, tensors => tensors["model.layers.0.mlp.up_proj.weight"] = zeros(64, 64, ScalarType.Int8));
        Assert.Contains("up_proj.weight is I8, which needs scales beside it", Assert.Throws<InvalidDataException>(() => CausalLm.Load(saved)).Message);
    }

    [Fact]
    public void WhatAQuantizedModelDoesNotTakeItRefusesInASentence()
    {
        using var dense = new CausalLm(Square, seed: 5);
        using var model = new CausalLm(Square, seed: 5);
        model.Quantize(Nf4.WithDoubleQuantization, "q_proj");
        var before = Logits(model);
        Assert.Contains("q_proj is stored as Nf4 already; quantize the dense model",
            Assert.Throws<InvalidOperationException>(() => model.Quantize(new Int8Rows())).Message);
        Assert.Single(model.LinearLayers(), l => l.Layer.Weight is QuantizedWeight);                            // none of the others was
        // Loading after quantizing: the dense numbers have no place to go.
        Assert.Contains("unexpected: model.layers.0.self_attn.q_proj.weight",
            Assert.Throws<InvalidOperationException>(() => model.load_state_dict(dense.state_dict())).Message);
        Assert.True(before.eq(Logits(model)).all().item<bool>());
        model.Adapt(Adapter.Lora(2));
        model.Merge();
        Assert.Contains("while \"default\" is merged", Assert.Throws<InvalidOperationException>(() => model.Quantize(new Int8Rows(), "k_proj")).Message);
        model.Unmerge();
        model.Quantize(new Int8Rows(), "k_proj");
        Assert.Equal(2, model.LinearLayers().Count(l => l.Layer.Weight is QuantizedWeight));
    }
}
