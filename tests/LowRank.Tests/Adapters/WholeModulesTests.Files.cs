// Modules that train whole, in an adapter's files as PEFT has them.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed partial class WholeModulesTests
{
    [Theory, MemberData(nameof(Families))]
    public void They_come_back_from_the_adapters_files(string name)
    {
        using var model = Family(name);
        // A product in the middle too: GPT-2's lie turned in files.
        var product = model.Config is Gpt2Config ? "h.1.mlp.c_fc" : model.Config is Phi3Config ? "layers.1.mlp.gate_up_proj" : "layers.1.mlp.up_proj";
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = $"{Names(model)}|{product}" }, model.Config is Gpt2Config ? "c_attn" : "o_proj");
        Move(model);
        var output = model.forward(Ids());
        model.SaveAdapter(folder.File("adapter"));
        using var other = Family(name);
        other.LoadAdapter(folder.File("adapter"));
        Assert.True(Same(output, other.forward(Ids())));
        Assert.Equal(0, TrainableParameters.Of(other).Trainable);
        using var further = Family(name);
        further.LoadAdapter(folder.File("adapter"), trainable: true);
        Assert.Equal(TrainableParameters.Of(model).Trainable, TrainableParameters.Of(further).Trainable);

        var file = SafeTensors.Load(Path.Combine(folder.File("adapter"), "adapter_model.safetensors"));
        var (state, tied) = (model.state_dict(), model.Config.TiedEmbeddings);
        var embedding = model.Config.Embedding.Path + ".weight";
        Assert.True(Same(state[embedding], file[$"base_model.model.{embedding}"]));
        Assert.True(Same(state[tied ? embedding : "lm_head.weight"], file["base_model.model.lm_head.weight"]));
        var key = state.Keys.Single(k => k.EndsWith($"{product}.weight", StringComparison.Ordinal));
        Assert.True(Same(model.Config is Gpt2Config ? state[key].t() : state[key], file[$"base_model.model.{key}"]));
        other.SaveAdapter(folder.File("again"));
        foreach (var part in new[] { "adapter_model.safetensors", "adapter_config.json" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder.File("adapter"), part)), File.ReadAllBytes(Path.Combine(folder.File("again"), part)));
    }

    /// <summary>PEFT compares ends of texts: its "norm" is input_layernorm too.</summary>
    [Fact]
    public void A_name_in_a_file_means_what_PEFT_means()
    {
        using var model = Family("llama");
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "norm" }, "q_proj");
        Move(model);
        model.SaveAdapter(folder.File("one"));
        var path = folder.File("one/adapter_config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.Equal("""["model.norm"]""", json["modules_to_save"]!.ToJsonString());
        json["modules_to_save"] = new JsonArray("norm");
        File.WriteAllText(path, json.ToJsonString());
        using var other = Family("llama");
        Assert.Contains("missing: base_model.model.model.layers.0.input_layernorm.weight", Assert.Throws<InvalidDataException>(() => other.LoadAdapter(folder.File("one"))).Message);
        Assert.Empty(other.AdapterNames());

        model.RemoveAdapter("default");
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "norm|input_layernorm|post_attention_layernorm" }, "q_proj");
        Move(model);
        model.SaveAdapter(folder.File("all"));
        File.WriteAllText(folder.File("all/adapter_config.json"), json.ToJsonString());
        other.LoadAdapter(folder.File("all"));
        Assert.True(Same(model.forward(Ids()), other.forward(Ids())));
    }

    [Fact]
    public void Files_that_do_not_fit_are_refused_by_name()
    {
        using var model = Family("gemma");
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "embed_tokens" }, "q_proj");
        Move(model);
        string Refusal(Action<JsonNode>? fields = null, Action<Dictionary<string, Tensor>>? tensors = null, string name = "gemma")
        {
            var path = folder.File("adapter");
            model.SaveAdapter(path);
            var (config, file) = (Path.Combine(path, "adapter_config.json"), Path.Combine(path, "adapter_model.safetensors"));
            var (json, values) = (JsonNode.Parse(File.ReadAllText(config))!, SafeTensors.Load(file));
            Assert.Equal("""["embed_tokens","lm_head"]""", json["modules_to_save"]!.ToJsonString());
            fields?.Invoke(json);
            tensors?.Invoke(values);
            File.WriteAllText(config, json.ToJsonString());
            SafeTensors.Save(file, values);
            using var other = Family(name);
            var message = Assert.Throws<InvalidDataException>(() => other.LoadAdapter(path)).Message;
            Assert.Empty(other.AdapterNames());
            return message;
        }
        const string Embedding = "base_model.model.model.embed_tokens.weight", Head = "base_model.model.lm_head.weight";
        Assert.Contains("no module matches \"lm_haed\"; nearest: lm_head", Refusal(json => json["modules_to_save"] = new JsonArray("lm_haed"), name: "llama"));
        Assert.Contains("has one of model.embed_tokens and lm_head", Refusal(json => json["modules_to_save"] = new JsonArray("embed_tokens")));
        Assert.Contains("lm_head is not the embedding that it holds", Refusal(tensors: t => t[Head] = t[Head] + 1));
        Assert.Contains($"missing: {Embedding}", Refusal(tensors: t => t.Remove(Embedding)));
        Assert.Contains($"unexpected: {Head}, {Embedding}", Refusal(json => json["modules_to_save"] = null));
        Assert.Contains("in the file, [23, 14] in the model)", Refusal(tensors: t => t[Embedding] = t[Embedding].narrow(0, 0, 22)));
        Assert.Contains("NaN or infinity", Refusal(tensors: t => t[Embedding] = t[Embedding] / 0));
    }
}
