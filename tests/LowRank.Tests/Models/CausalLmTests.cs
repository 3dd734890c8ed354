using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class CausalLmTests : IDisposable
{
    internal static readonly LlamaConfig Small = new()
    {
        VocabularySize = 23, HiddenSize = 16, IntermediateSize = 20, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadSize = 4,
        MaxPositions = 32, TiedEmbeddings = true, InitializerRange = 0.3, EndToken = 0,
    };

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly string folder = Directory.CreateTempSubdirectory("lowrank-").FullName;

    public void Dispose()
    {
        scope.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static Tensor Ids(long batch, long tokens, long seed = 1)
    {
        using var generator = new Generator((ulong)seed);
        return randint(1, Small.VocabularySize, [batch, tokens], ScalarType.Int64, generator: generator);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Parameters_are_as_many_as_the_configuration_says(bool tied)
    {
        var config = Small with { TiedEmbeddings = tied, AttentionBias = true, MlpBias = true };
        using var model = new CausalLm(config);
        Assert.Equal(config.ParameterCount, model.parameters().Sum(p => p.numel()));
    }

    [Fact]
    public void State_dict_keys_are_Hugging_Faces()
    {
        using var model = new CausalLm(Small with { Layers = 1, TiedEmbeddings = false });
        string[] expected =
        [
            "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
            .. new[] { "q", "k", "v", "o" }.Select(p => $"model.layers.0.self_attn.{p}_proj.weight"),
            .. new[] { "gate", "up", "down" }.Select(p => $"model.layers.0.mlp.{p}_proj.weight"),
            "model.layers.0.input_layernorm.weight", "model.layers.0.post_attention_layernorm.weight",
        ];
        Assert.Equal(expected.Order(), model.state_dict().Keys.Order());
    }

    [Fact]
    public void Who_watches_sees_each_boundary_twice_and_changes_nothing()
    {
        using var model = new CausalLm(Small, seed: 3);
        var ids = Ids(2, 7);
        Tensor[] Gradients()
        {
            model.zero_grad();
            model.Loss(ids).backward();
            return [.. model.parameters().Select(p => p.grad!.clone())];
        }
        var alone = Gradients();
        var moments = new List<LayerMoment>();
        model.Watch = moments.Add;
        var watched = Gradients();
        Assert.Equal([new(0, false), new(1, false), new(2, false), new(2, true), new(1, true), new(0, true)], moments);
        Assert.All(alone.Zip(watched), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));

        model.Adapt(Adapter.Lora(2), "q_proj");   // over a frozen embedding nothing below the first layer needs a gradient
        moments.Clear();
        model.Loss(ids).backward();
        Assert.Equal([2, 1], moments.Where(m => m.Backward).Select(m => m.Layer));
        model.Watch = null;
        moments.Clear();
        model.Loss(ids).backward();
        Assert.Empty(moments);
    }

    [Fact]
    public void What_a_watcher_throws_ends_the_step()
    {
        using var model = new CausalLm(Small);
        model.Watch = m => { if (m.Backward) throw new InvalidOperationException("enough"); };
        Assert.Equal("enough", Assert.ThrowsAny<Exception>(() => model.Loss(Ids(1, 4)).backward()).GetBaseException().Message);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void A_training_step_never_holds_tokens_times_vocabulary(bool tied)
    {
        using var model = new CausalLm(Small with { VocabularySize = 20_000, MaxPositions = 128, TiedEmbeddings = tied });
        model.Adapt(Adapter.Lora(2), "q_proj");
        using var ids = randint(0, 20_000, [4, 128], ScalarType.Int64);
        model.Loss(ids).backward();                                             // gradients are there
        var before = LibTorch.Memory.LiveBytes;
        LibTorch.Memory.ResetPeak();
        model.Loss(ids).backward();
        Assert.InRange(LibTorch.Memory.PeakBytes - before, 0, 512L * 20_000 * 4 / 3);   // a third of the logits in float32
    }

    [Fact]
    public void A_later_token_changes_nothing_before_it()
    {
        using var model = new CausalLm(Small, seed: 3);
        using var _ = no_grad();
        var ids = Ids(1, 9);
        var before = model.forward(ids);
        ids[0, 6] = (ids[0, 6] + 1) % Small.VocabularySize;
        var after = model.forward(ids);
        Assert.True(before.narrow(1, 0, 6).allclose(after.narrow(1, 0, 6), 1e-6, 1e-6));
        Assert.False(before.narrow(1, 6, 3).allclose(after.narrow(1, 6, 3), 1e-3, 1e-3));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Loss_is_torchs_cross_entropy_of_the_shifted_logits(bool tied)
    {
        using var model = new CausalLm(Small with { TiedEmbeddings = tied }, seed: 4, dtype: ScalarType.Float64);
        var ids = Ids(3, 8);
        var labels = ids.clone();
        labels[1, 3] = -100;
        labels.narrow(1, 6, 2)[2] = -100;
        var logits = model.forward(ids).narrow(1, 0, 7).flatten(0, 1);
        var plain = nn.functional.cross_entropy(logits, labels.narrow(1, 1, 7).flatten(), ignore_index: -100);
        var loss = model.Loss(ids, labels);
        Assert.Equal((double)plain, (double)loss, 10);

        plain.backward();
        var expected = model.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad!.clone());
        model.zero_grad();
        loss.backward();
        foreach (var (name, parameter) in model.named_parameters())
            Golden.Close(expected[name], parameter.grad!, 1e-10, name);
    }

    [Fact]
    public void The_same_seed_gives_the_same_model()
    {
        using var one = new CausalLm(Small, seed: 7);
        using var two = new CausalLm(Small, seed: 7);
        using var other = new CausalLm(Small, seed: 8);
        var ids = Ids(1, 5);
        Assert.True(one.forward(ids).allclose(two.forward(ids), 0, 0));
        Assert.False(one.forward(ids).allclose(other.forward(ids)));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Saved_and_loaded_it_is_the_same_model(bool tied)
    {
        using var model = new CausalLm(Small with { TiedEmbeddings = tied }, seed: 5);
        model.Save(folder);
        using var again = CausalLm.Load(folder);
        Assert.Equal(model.Config, again.Config);
        Assert.True(model.forward(Ids(2, 6)).allclose(again.forward(Ids(2, 6)), 0, 0));
    }

    [Fact]
    public void A_model_stored_in_bfloat16_loads_rounded()
    {
        using var model = new CausalLm(Small with { StoredType = ScalarType.BFloat16 }, seed: 5);
        model.Save(folder);
        using var again = CausalLm.Load(folder);
        Assert.Equal(ScalarType.Float32, again.parameters().First().dtype);
        Golden.Close(model.forward(Ids(2, 6)), again.forward(Ids(2, 6)), 0.05, "logits");
    }

    [Fact]
    public void Missing_unexpected_and_misshapen_tensors_are_named_together()
    {
        using var model = new CausalLm(Small, seed: 5);
        model.Save(folder);
        var path = Path.Combine(folder, "model.safetensors");
        var tensors = SafeTensors.Load(path);
        tensors.Remove("model.norm.weight");
        tensors["model.extra"] = zeros(3);
        tensors["model.layers.1.mlp.up_proj.weight"] = zeros(20, 15);
        SafeTensors.Save(path, tensors);
        var message = Assert.Throws<InvalidDataException>(() => CausalLm.Load(folder)).Message;
        Assert.Contains(path, message);
        Assert.Contains("missing model.norm.weight [16]", message);
        Assert.Contains("unexpected model.extra", message);
        Assert.Contains("model.layers.1.mlp.up_proj.weight is [20, 15], config.json asks for [20, 16]", message);
    }

    [Fact]
    public void A_folder_without_weights_says_which_file_is_missing() =>
        Assert.Contains("model.safetensors", Assert.Throws<FileNotFoundException>(() => CausalLm.Load(folder)).Message);

    [Fact]
    public void Ids_of_a_wrong_type_or_shape_are_refused()
    {
        using var model = new CausalLm(Small);
        Assert.Contains("Int64 [batch, tokens]", Assert.Throws<ArgumentException>(() => model.forward(zeros(2, 3))).Message);
        Assert.Contains("[4]", Assert.Throws<ArgumentException>(() => model.forward(zeros(4, dtype: ScalarType.Int64))).Message);
        Assert.Contains("labels", Assert.Throws<ArgumentException>(() => model.Loss(Ids(2, 4), Ids(2, 5))).Message);
    }
}
