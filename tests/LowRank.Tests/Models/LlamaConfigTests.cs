using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class LlamaConfigTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    private const string Sizes = """
        "model_type": "llama", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4
        """;

    private LlamaConfig Read(string json)
    {
        File.WriteAllText(path, json);
        return LlamaConfigFile.Read(path);
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

    [Fact]
    public void Defaults_are_Llamas()
    {
        var config = Read($$"""{ {{Sizes}} }""");
        Assert.Equal((10_000.0, 1e-6, 4L, false, (int?)null), (config.RopeTheta, config.NormEpsilon, config.KeyValueHeads, config.TiedEmbeddings, config.EndToken));
    }

    [Fact]
    public void What_was_written_reads_the_same()
    {
        var config = CausalLmTests.Small with { RopeTheta = 1234, BeginToken = 1, StoredType = ScalarType.BFloat16, AttentionBias = true };
        Assert.Equal(config, Read(LlamaConfigFile.Write(config)));
    }

    [Fact]
    public void Real_numbers_are_written_with_a_point()
    {
        var json = LlamaConfigFile.Write(CausalLmTests.Small with { RopeTheta = 500_000, NormEpsilon = 1e-6 });
        Assert.Contains("\"rope_theta\": 500000.0", json);
        Assert.Contains("\"rms_norm_eps\": 0.000001", json);
        Assert.Contains("\"attention_dropout\": 0.0", json);
    }

    [Theory]
    [InlineData("""{ "model_type": "gpt2" }""", "model_type", "gpt2")]
    [InlineData("""{ "model_type": "llama", "vocab_size": 10 }""", "hidden_size", "missing")]
    [InlineData("""{ "model_type": "llama", "hidden_size": "wide" }""", "hidden_size", "wide")]
    [InlineData("""{ "model_type": "llama", "hidden_act": "gelu" }""", "hidden_act", "gelu")]
    [InlineData("""{ "rope_scaling": { "rope_type": "llama3" } }""", "llama3", "default")]
    [InlineData("""[1]""", "object", "JSON")]
    [InlineData("""{ "a" """, "not JSON", "")]
    public void A_wrong_file_is_named_with_its_field(string json, string part, string other)
    {
        var message = Assert.Throws<InvalidDataException>(() => Read(json)).Message;
        Assert.Contains(path, message);
        Assert.Contains(part, message);
        Assert.Contains(other, message);
    }

    [Theory]
    [InlineData("\"num_key_value_heads\": 3", "multiple")]
    [InlineData("\"head_dim\": 7", "even")]
    [InlineData("\"dtype\": \"int4\"", "int4")]
    [InlineData("\"max_position_embeddings\": 0", "at least 1")]
    public void Sizes_that_contradict_each_other_are_refused(string field, string part) =>
        Assert.Contains(part, Assert.Throws<InvalidDataException>(() => Read($$"""{ {{Sizes}}, {{field}} }""")).Message);
}
