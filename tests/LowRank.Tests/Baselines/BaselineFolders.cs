// Baselines as PEFT saves them: its fields, byte for byte, and refusals that change nothing.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Baselines;

public sealed class BaselineFolders : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static CausalLm Model() => new(BaselineSuite.Config, 3);

    private string Saved(BaselineConfig config, string name = "saved")
    {
        using var model = Model();
        model.Adapt(config);
        model.SaveBaseline(folder.File(name));
        return folder.File(name);
    }

    [Fact]
    public void The_fields_are_PEFTs()
    {
        string Text(BaselineConfig config) => File.ReadAllText(Path.Combine(Saved(config), "adapter_config.json"));
        Assert.Equal("""
            {
              "auto_mapping": null,
              "base_model_name_or_path": null,
              "inference_mode": true,
              "modules_to_save": null,
              "num_attention_heads": 4,
              "num_layers": 2,
              "num_transformer_submodules": 1,
              "num_virtual_tokens": 3,
              "peft_type": "PROMPT_TUNING",
              "peft_version": "0.20.1.dev0",
              "prompt_tuning_init": "RANDOM",
              "prompt_tuning_init_text": null,
              "revision": null,
              "task_type": "CAUSAL_LM",
              "token_dim": 18,
              "tokenizer_kwargs": null,
              "tokenizer_name_or_path": null
            }
            """, Text(Baseline.SoftPrompt(3)));
        // With grouped queries PEFT writes the key heads and their width, 2 and 2 · 4.
        Assert.Equal("""
            {
              "auto_mapping": null,
              "base_model_name_or_path": null,
              "encoder_hidden_size": 8,
              "inference_mode": true,
              "init_weights": null,
              "modules_to_save": null,
              "num_attention_heads": 2,
              "num_layers": 2,
              "num_transformer_submodules": 1,
              "num_virtual_tokens": 3,
              "peft_type": "PREFIX_TUNING",
              "peft_version": "0.20.1.dev0",
              "prefix_projection": false,
              "revision": null,
              "task_type": "CAUSAL_LM",
              "token_dim": 8
            }
            """, Text(Baseline.Prefix(3)));
        Assert.Equal("""
            {
              "auto_mapping": null,
              "base_model_name_or_path": null,
              "bottleneck_size": 3,
              "inference_mode": true,
              "mh_adapter": false,
              "non_linearity": "relu",
              "output_adapter": true,
              "peft_type": "BOTTLENECK",
              "peft_version": "0.20.1.dev0",
              "revision": null,
              "task_type": "CAUSAL_LM"
            }
            """, Text(Baseline.Bottleneck(3, BottleneckPlacement.Pfeiffer, BottleneckActivation.Relu)));
    }

    [Fact]
    public void The_tensors_have_PEFTs_names_and_shapes()
    {
        Dictionary<string, long[]> Shapes(BaselineConfig config) =>
            SafeTensors.Load(Path.Combine(Saved(config), "adapter_model.safetensors")).ToDictionary(t => t.Key, t => t.Value.shape);
        Assert.Equal([3, 18], Assert.Single(Shapes(Baseline.SoftPrompt(3)), t => t.Key == "prompt_embeddings").Value);
        Assert.Equal([3, 2 * 2 * 8], Assert.Single(Shapes(Baseline.Prefix(3)), t => t.Key == "prompt_embeddings").Value);
        var bottleneck = Shapes(Baseline.Bottleneck(3));
        Assert.Equal(16, bottleneck.Count);
        Assert.Equal([3, 18], bottleneck["base_model.model.model.layers.1.self_attn.bottleneck.down.weight"]);
        Assert.Equal([18, 3], bottleneck["base_model.model.model.layers.0.mlp.bottleneck.up.weight"]);
    }

    [Fact]
    public void Fields_that_only_say_how_a_file_was_trained_are_no_obstacle()
    {
        var saved = Saved(Baseline.Prefix(2));
        Change(saved, json =>
        {
            json["prefix_projection"] = true;
            json["encoder_hidden_size"] = 64;
            foreach (var field in (string[])["num_layers", "num_attention_heads", "token_dim", "num_transformer_submodules"]) json[field] = null;
        });
        using var model = Model();
        model.LoadBaseline(saved);
        Assert.Equal(2, model.VirtualTokens);
    }

    private static void Change(string at, Action<JsonObject>? config, Action<Dictionary<string, Tensor>>? tensors = null)
    {
        var (fields, file) = (Path.Combine(at, "adapter_config.json"), Path.Combine(at, "adapter_model.safetensors"));
        var json = JsonNode.Parse(File.ReadAllText(fields))!.AsObject();
        config?.Invoke(json);
        File.WriteAllText(fields, json.ToJsonString());
        var all = SafeTensors.Load(file);
        tensors?.Invoke(all);
        SafeTensors.Save(file, all);
    }

    /// <summary>Loads a changed folder; the message, and that the model is untouched.</summary>
    private string Refusal(BaselineConfig baseline, Action<JsonObject>? config = null, Action<Dictionary<string, Tensor>>? tensors = null)
    {
        var saved = Saved(baseline);
        Change(saved, config, tensors);
        using var model = Model();
        var message = Assert.Throws<InvalidDataException>(() => model.LoadBaseline(saved)).Message;
        Assert.Empty(model.Baselines);
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
        return message;
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_name()
    {
        const string One = "prompt_embeddings", Up = "base_model.model.model.layers.1.mlp.bottleneck.up.weight";
        Assert.Contains("([3, 17] in the file, [3, 18] in the model)", Refusal(Baseline.SoftPrompt(3), tensors: t => t[One] = zeros(3, 17)));
        Assert.Contains("([3, 32] in the file, [4, 32] in the model)", Refusal(Baseline.Prefix(3), json => json["num_virtual_tokens"] = 4));
        Assert.Contains("([18, 3] in the file, [18, 2] in the model)", Refusal(Baseline.Bottleneck(3), json => json["bottleneck_size"] = 2));
        Assert.Contains($"missing: {Up}", Refusal(Baseline.Bottleneck(3), tensors: t => t.Remove(Up)));
        Assert.Contains("unexpected: base_model.model.model.layers.0.self_attn", Refusal(Baseline.Bottleneck(3), json => json["mh_adapter"] = false));
        Assert.Contains("unexpected: other", Refusal(Baseline.Prefix(3), tensors: t => t["other"] = zeros(2)));
        Assert.Contains("NaN or infinity", Refusal(Baseline.Prefix(3), tensors: t => t[One] = t[One] * double.NaN));
        Assert.Contains("not of a floating-point type", Refusal(Baseline.SoftPrompt(3), tensors: t => t[One] = zeros(3, 18, ScalarType.Int64)));
        Assert.Contains("\"token_dim\" is 16; for this model it must be 8", Refusal(Baseline.Prefix(3), json => json["token_dim"] = 16));
        Assert.Contains("\"num_layers\" is 3; for this model it must be 2", Refusal(Baseline.SoftPrompt(3), json => json["num_layers"] = 3));
        Assert.Contains("\"num_virtual_tokens\" is missing", Refusal(Baseline.SoftPrompt(3), json => json.Remove("num_virtual_tokens")));
        Assert.Contains("at least 1 token; it has 0", Refusal(Baseline.SoftPrompt(3), json => json["num_virtual_tokens"] = 0));
        Assert.Contains("\"modules_to_save\"", Refusal(Baseline.SoftPrompt(3), json => json["modules_to_save"] = new JsonArray("lm_head")));
        Assert.Contains("\"bottleneck_size\" is missing", Refusal(Baseline.Bottleneck(3), json => json.Remove("bottleneck_size")));
        Assert.Contains("\"non_linearity\" is \"swish\"; known are gelu, relu", Refusal(Baseline.Bottleneck(3), json => json["non_linearity"] = "swish"));
        Assert.Contains("\"output_adapter\" is false", Refusal(Baseline.Bottleneck(3), json => json["output_adapter"] = false));
        Assert.Contains("\"peft_type\" is \"P_TUNING\", which is no baseline; those are BOTTLENECK, PREFIX_TUNING, PROMPT_TUNING",
            Refusal(Baseline.Prefix(3), json => json["peft_type"] = "P_TUNING"));
    }

    [Fact]
    public void Adapters_and_baselines_point_to_each_others_verb()
    {
        using var model = Model();
        Assert.Contains("LoadBaseline reads it", Assert.Throws<InvalidDataException>(() => model.LoadAdapter(Saved(Baseline.Prefix(3)))).Message);
        model.Adapt(Adapter.Lora(2), "q_proj");
        model.SaveAdapter(folder.File("lora"));
        Assert.Contains("LoadAdapter reads adapters", Assert.Throws<InvalidDataException>(() => model.LoadBaseline(folder.File("lora"))).Message);
        Assert.Contains("no such file", Assert.Throws<FileNotFoundException>(() => model.LoadBaseline(folder.File("nowhere"))).Message);
    }
}
