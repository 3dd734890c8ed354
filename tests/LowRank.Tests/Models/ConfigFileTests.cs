using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class ConfigFileTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    private const string Sizes = """
        "model_type": "llama", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4
        """;

    private LlamaConfig Read(string json)
    {
        File.WriteAllText(path, json);
        return (LlamaConfig)ConfigFile.Read(path);
    }

    [Fact]
    public void The_layout_of_transformers_5_is_read()
    {
        var config = Read($$"""{ {{Sizes}}, "rope_parameters": { "rope_theta": 5000.0, "rope_type": "default" }, "dtype": "bfloat16" }""");
        Assert.Equal((5000.0, ScalarType.BFloat16), (config.RopeTheta, config.StoredType));
    }

    [Fact]
    public void The_layout_of_transformers_4_is_read()
    {
        var config = Read($$"""{ {{Sizes}}, "rope_theta": 500000, "rope_scaling": null, "torch_dtype": "float16", "num_key_value_heads": 2 }""");
        Assert.Equal((500_000.0, ScalarType.Float16, 2L, 8L), (config.RopeTheta, config.StoredType, config.KeyValueHeads, config.HeadSize));
    }

    private static string Of(string family) => family == "gpt2"
        ? """ "model_type": "gpt2", "vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 4 """
        : $$""" {{Sizes.Replace("llama", family)}} """;

    private ModelConfig Any(string json)
    {
        File.WriteAllText(path, json);
        return ConfigFile.Read(path);
    }

    public static TheoryData<string> Families => new(ConfigFile.Families.Keys);

    /// <summary>The defaults of transformers' configuration classes.</summary>
    [Theory]
    [InlineData("llama", 4, 8, 2048, 1e-6, false, 1, 2, null)]
    [InlineData("mistral", 8, 8, 131_072, 1e-6, false, 1, 2, null)]
    [InlineData("qwen2", 32, 8, 32_768, 1e-6, false, null, null, null)]
    [InlineData("qwen3", 32, 128, 32_768, 1e-6, false, null, null, null)]
    [InlineData("gemma", 16, 256, 8192, 1e-6, true, 2, 1, 0)]
    [InlineData("phi3", 4, 8, 4096, 1e-5, false, 1, 32_000, 32_000)]
    [InlineData("gpt2", 4, 8, 1024, 1e-5, true, 50_256, 50_256, null)]
    public void What_a_file_leaves_out_takes_the_familys_default(string family, long keyHeads, long headSize, long positions, double epsilon, bool tied, int? begin, int? end, int? padding)
    {
        // Four query heads can't share 8 or 32 key heads: where the family assumes so many, the file has as many of the others.
        var heads = Math.Max(4, keyHeads);
        var config = Any($$"""{ {{Of(family).Replace("\"num_attention_heads\": 4", $"\"num_attention_heads\": {heads}").Replace("\"hidden_size\": 32", $"\"hidden_size\": {heads * 8}")}} }""");
        Assert.Equal((keyHeads, headSize, positions, epsilon, tied), (config.KeyValueHeads, config.HeadSize, config.MaxPositions, config.NormEpsilon, config.TiedEmbeddings));
        Assert.Equal((begin, end, padding), (config.BeginToken, config.EndToken, config.PaddingToken));
        Assert.Equal((0.02, ScalarType.Float32), (config.InitializerRange, config.StoredType));
        if (config is LlamaStyleConfig llama) Assert.Equal((10_000.0, null), (llama.RopeTheta, llama.RopeScaling));
        Assert.Equal(family == "mistral" ? 4096 : null, config.WindowOf(0));
        if (family == "gpt2") Assert.Equal(128, config.IntermediateSize);
    }

    [Theory, MemberData(nameof(Families))]
    public void Null_is_not_the_default(string family)
    {
        var config = Any($$"""{ {{Of(family)}}, "num_key_value_heads": null, "head_dim": 8, "bos_token_id": null, "eos_token_id": null, "pad_token_id": null, "sliding_window": null }""");
        Assert.Equal((4L, null, null, null, null), (config.KeyValueHeads, config.BeginToken, config.EndToken, config.PaddingToken, config.WindowOf(0)));
    }

    [Fact]
    public void Several_end_tokens_are_kept()
    {
        var config = Read($$"""{ {{Sizes}}, "eos_token_id": [7, 8, 9] }""");
        Assert.Equal((7, "8 9"), (config.EndToken, string.Join(' ', config.FurtherEndTokens)));
        Assert.Equal([false, true, true, true], new long[] { 6, 7, 8, 9 }.Select(config.Ends));
        Assert.Equal(config, Read(ConfigFile.Write(config)));
    }

    [Theory]
    [InlineData("""{ "rope_theta": 500000.0, "rope_scaling": { "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192 }""")]
    [InlineData("""{ "rope_parameters": { "rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192 }""")]
    public void Scaled_rotary_positions_are_read_in_both_layouts(string fields)
    {
        var config = Read($"{fields}, {Sizes} }}");
        Assert.Equal((500_000.0, new Llama3Scaling(8, 1, 4, 8192)), (config.RopeTheta, config.RopeScaling));
        Assert.Equal(config, Read(ConfigFile.Write(config)));
    }

    [Theory]
    [InlineData("\"use_sliding_window\": false, \"sliding_window\": 5, \"max_window_layers\": 1", "")]
    [InlineData("\"use_sliding_window\": true, \"sliding_window\": 5, \"max_window_layers\": 1", "1:5")]
    [InlineData("\"use_sliding_window\": true, \"sliding_window\": 5", "")]
    [InlineData("\"use_sliding_window\": true, \"max_window_layers\": 0", "0:4096 1:4096")]
    [InlineData("\"use_sliding_window\": true, \"sliding_window\": 5, \"layer_types\": [\"sliding_attention\", \"full_attention\"]", "0:5")]
    public void Qwens_layers_have_windows_where_the_file_says(string fields, string windows)
    {
        foreach (var family in new[] { "qwen2", "qwen3" })
        {
            var config = Any($$"""{ {{Of(family)}}, "num_key_value_heads": 2, {{fields}} }""");
            Assert.Equal(windows, string.Join(' ', from layer in new[] { 0, 1 } where config.WindowOf(layer) is not null select $"{layer}:{config.WindowOf(layer)}"));
            Assert.Equal(config, Any(ConfigFile.Write(config)));
        }
    }

    [Theory, InlineData("gemma"), InlineData("gpt2"), InlineData("llama"), InlineData("mistral"), InlineData("phi3"), InlineData("qwen2")]
    public void What_transformers_wrote_is_written_with_the_same_values(string family)
    {
        var source = JsonNode.Parse(File.ReadAllText(Golden.PathOf($"model/{family}/config.json")))!.AsObject();
        var config = ConfigFile.Read(Golden.PathOf($"model/{family}/config.json"));
        var written = JsonNode.Parse(ConfigFile.Write(config))!.AsObject();
        foreach (var (field, value) in source.Where(f => written.ContainsKey(f.Key)))
        {
            if (field is "n_inner" or "layer_types" or "max_window_layers") continue;         // said otherwise; compared by what is read
            if (value is JsonValue number && number.TryGetValue(out double expected)) Assert.Equal(expected, written[field]!.GetValue<double>());
            else if (value is JsonObject rope) Assert.Equal(rope["rope_theta"]!.GetValue<double>(), written[field]!["rope_theta"]!.GetValue<double>());
            else Assert.Equal(value?.ToJsonString(), written[field]?.ToJsonString());
        }
        Assert.Equal(config, Any(ConfigFile.Write(config)));
    }

    /// <summary>A field of another kind, size or sign is an error about the file, or a value that makes a model; never anything else.</summary>
    [Theory, InlineData("gemma"), InlineData("gpt2"), InlineData("llama"), InlineData("mistral"), InlineData("phi3"), InlineData("qwen2")]
    public void No_wrong_value_ends_in_anything_but_an_error_about_the_file(string family)
    {
        var source = File.ReadAllText(Golden.PathOf($"model/{family}/config.json"));
        var refused = 0;
        foreach (var field in JsonNode.Parse(source)!.AsObject().Select(f => f.Key))
            foreach (var wrong in new[] { "null", "\"x\"", "-1", "0", "0.5", "1e300", "1e-300", "1e999", "9999999999999", "[]", "[null]", "[1, \"a\"]", "{}", "{\"a\": null}", "true", "{\"rope_type\": 3}" })
            {
                var json = JsonNode.Parse(source)!;
                json[field] = JsonNode.Parse(wrong);
                try { Assert.Equal(Any(json.ToJsonString()), Any(ConfigFile.Write(Any(json.ToJsonString())))); }
                catch (InvalidDataException e)
                {
                    Assert.Contains(path, e.Message);
                    refused++;
                }
            }
        Assert.True(refused > 50, $"{refused} refused");
    }

    [Fact]
    public void The_shape_alone_is_read_from_a_folder_or_its_file()
    {
        using var model = CausalLm.Load(Golden.PathOf("model/qwen2"));
        Assert.Equal(model.Config, ModelConfig.Load(Golden.PathOf("model/qwen2")));
        Assert.Equal(model.Config, ModelConfig.Load(Golden.PathOf("model/qwen2/config.json")));
    }

    [Fact]
    public void Every_family_comes_back_from_what_was_written()
    {
        foreach (var (name, config) in Models.SmallModels.All) Assert.True(config == Any(ConfigFile.Write(config)), name);
    }

    [Fact]
    public void What_was_written_reads_the_same()
    {
        var config = CausalLmTests.Small with { RopeTheta = 1234, BeginToken = 1, StoredType = ScalarType.BFloat16, AttentionBias = true };
        Assert.Equal(config, Read(ConfigFile.Write(config)));
    }

    [Fact]
    public void Real_numbers_are_written_with_a_point()
    {
        var json = ConfigFile.Write(CausalLmTests.Small with { RopeTheta = 500_000, NormEpsilon = 1e-6 });
        Assert.Contains("\"rope_theta\": 500000.0", json);
        Assert.Contains("\"rms_norm_eps\": 0.000001", json);
        Assert.Contains("\"attention_dropout\": 0.0", json);
    }

    [Theory]
    [InlineData("""{ "model_type": "bert" }""", "model_type \"bert\"", "supported are gemma, gpt2, llama, mistral, phi3, qwen2, qwen3")]
    [InlineData("""{ "vocab_size": 10 }""", "model_type is missing", "supported are gemma, gpt2")]
    [InlineData("""{ "model_type": "gpt2", "vocab_size": 10, "n_embd": 32, "n_layer": 2, "n_head": 4, "activation_function": "relu" }""", "activation_function", "relu")]
    [InlineData("""{ "model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true }""", "scale_attn_by_inverse_layer_idx", "true")]
    [InlineData("""{ "model_type": "gpt2", "scale_attn_weights": false }""", "scale_attn_weights", "false")]
    [InlineData("""{ "model_type": "gpt2", "add_cross_attention": true }""", "add_cross_attention", "true")]
    [InlineData("""{ "model_type": "gemma", "use_bidirectional_attention": true }""", "use_bidirectional_attention", "true")]
    [InlineData("""{ "model_type": "gemma", "hidden_act": "silu" }""", "hidden_act", "silu")]
    [InlineData("""{ "model_type": "phi3", "rope_scaling": { "type": "longrope", "short_factor": [1.0] } }""", "longrope", "supported are")]
    [InlineData("""{ "model_type": "phi3", "partial_rotary_factor": 0.75 }""", "partial_rotary_factor", "0.75")]
    [InlineData("""{ "model_type": "qwen2", "rope_parameters": { "rope_type": "yarn", "factor": 4.0 } }""", "yarn", "supported are")]
    [InlineData("""{ "model_type": "llama", "rope_scaling": { "type": "linear", "factor": 2.0 } }""", "linear", "supported are")]
    [InlineData("""{ "model_type": "llama", "rope_scaling": { "type": "dynamic", "factor": 2.0 } }""", "dynamic", "supported are")]
    [InlineData("""{ "model_type": "llama", "vocab_size": 10 }""", "hidden_size", "missing")]
    [InlineData("""{ "model_type": "llama", "hidden_size": "wide" }""", "hidden_size", "wide")]
    [InlineData("""{ "model_type": "llama", "hidden_act": "gelu" }""", "hidden_act", "gelu")]
    [InlineData("""{ "model_type": "llama", "rope_scaling": { "rope_type": "llama3" } }""", "factor", "missing")]
    [InlineData("""[1]""", "object", "JSON")]
    [InlineData("""{ "a" """, "not JSON", "")]
    [InlineData("""{ "model_type": "llama", "hidden_size": 8, "hidden_size": 16 }""", "not JSON", "hidden_size")]
    public void A_wrong_file_is_named_with_its_field(string json, string part, string other)
    {
        var message = Assert.Throws<InvalidDataException>(() => Any(json)).Message;
        Assert.Contains(path, message);
        Assert.Contains(part, message);
        Assert.Contains(other, message);
    }

    [Theory]
    [InlineData("\"num_key_value_heads\": 3", "multiple")]
    [InlineData("\"head_dim\": 7", "even")]
    [InlineData("\"dtype\": \"int4\"", "int4")]
    [InlineData("\"max_position_embeddings\": 0", "at least 1")]
    [InlineData("\"rope_scaling\": { \"rope_type\": \"llama3\", \"factor\": 0.5, \"low_freq_factor\": 1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 8 }", "factor is 0.5")]
    [InlineData("\"rope_scaling\": { \"rope_type\": \"llama3\", \"factor\": 2, \"low_freq_factor\": 4, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 8 }", "high_freq_factor 4")]
    [InlineData("\"bos_token_id\": 30000000000", "a smaller number")]
    [InlineData("\"eos_token_id\": [1, \"two\"]", "a number")]
    public void Sizes_that_contradict_each_other_are_refused(string field, string part) =>
        Assert.Contains(part, Assert.Throws<InvalidDataException>(() => Read($$"""{ {{Sizes}}, {{field}} }""")).Message);
}
