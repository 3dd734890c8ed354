// What every baseline must do: gradients, training, causality, generation, files, switching, and company with adapters.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Baselines;

public sealed class BaselineSuite : IDisposable
{
    /// <summary>Two query heads for a key head; heads of 4 in a stream of 18, so widths cannot be taken for each other.</summary>
    internal static readonly LlamaConfig Config = new()
    {
        VocabularySize = 23, HiddenSize = 18, IntermediateSize = 20, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadSize = 4,
        MaxPositions = 32, TiedEmbeddings = true, InitializerRange = 0.3,
    };

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static readonly Dictionary<string, BaselineConfig> All = new()
    {
        ["Houlsby 1"] = Baseline.Bottleneck(1),
        ["Houlsby 3"] = Baseline.Bottleneck(3),
        ["Pfeiffer 5, ReLU"] = Baseline.Bottleneck(5, BottleneckPlacement.Pfeiffer, BottleneckActivation.Relu),
        ["soft prompt 1"] = Baseline.SoftPrompt(1),
        ["soft prompt 5"] = Baseline.SoftPrompt(5, SoftPromptInit.Normal),
        ["prefix 1"] = Baseline.Prefix(1),
        ["prefix 5"] = Baseline.Prefix(5, deviation: 0.5),
    };

    public static TheoryData<string> Names => new(All.Keys);

    private static CausalLm Model(ScalarType dtype = ScalarType.Float32, bool tied = true) => new(Config with { TiedEmbeddings = tied }, 3, dtype);

    private static Tensor Ids(long batch = 2, long tokens = 6, long seed = 1)
    {
        using var generator = new Generator((ulong)seed);
        return randint(1, Config.VocabularySize, [batch, tokens], ScalarType.Int64, generator: generator);
    }

    /// <summary>Moves every tensor of the model's baselines away from where it starts.</summary>
    internal static void Perturb(CausalLm model)
    {
        using var grad = no_grad();
        using var generator = new Generator(8);
        foreach (var parameter in model.Baselines.SelectMany(b => b.parameters()))
            parameter.add_(randn(parameter.shape, parameter.dtype, generator: generator).mul_(0.3));
    }

    private static bool Same(Tensor a, Tensor b) => a.shape.SequenceEqual(b.shape) && a.eq(b).all().item<bool>();

    [Theory, MemberData(nameof(Names))]
    public void Gradients_equal_differences(string kind)
    {
        manual_seed(1);                                     // of 400 seeds 7 draw a bottleneck of one with a gradient so small that rounding shows
        using var model = Model(ScalarType.Float64);
        model.Adapt(All[kind]);
        Perturb(model);
        if (kind.Contains("ReLU", StringComparison.Ordinal))
            using (no_grad())                           // away from where it bends: a difference across that is no slope
                foreach (var (_, bias) in model.Baselines[0].named_parameters().Where(p => p.name.EndsWith("down_bias", StringComparison.Ordinal)))
                    bias.copy_(arange(bias.numel()).remainder(2).mul(-20).add(10));
        Adapters.Gradients.Check(() => model.forward(Ids(2, 4)), [.. model.Baselines[0].named_parameters().Select(p => (p.name, (Tensor)p.parameter))]);
        Assert.All(model.BaseParameters(), p => Assert.Null(p.Parameter.grad));
    }

    [Theory, MemberData(nameof(Names))]
    public void The_loss_is_that_of_the_tokens_logits(string kind)
    {
        foreach (var tied in (bool[])[true, false])
        {
            using var model = Model(ScalarType.Float64, tied);
            model.Adapt(All[kind]);
            Perturb(model);
            var (ids, labels) = (Ids(), Ids().clone());
            labels[1, 3] = -100;
            var logits = model.forward(ids);
            Assert.Equal([2, 6, 23], logits.shape);
            var plain = nn.functional.cross_entropy(logits.narrow(1, 0, 5).flatten(0, 1), labels.narrow(1, 1, 5).flatten(), ignore_index: -100);
            var loss = model.Loss(ids, labels);
            Assert.Equal((double)plain, (double)loss, 10);
            Golden.Close(logits.select(1, 5), model.NextLogits(ids), 1e-13, "logits after the last");
            Assert.All(model.HiddenStates(ids), state => Assert.Equal([2, 6, 18], state.shape));

            plain.backward();
            var expected = model.Baselines[0].named_parameters().Select(p => (p.name, Gradient: p.parameter.grad!.clone())).ToList();
            model.zero_grad();
            loss.backward();
            foreach (var (name, gradient) in expected) Golden.Close(gradient, model.Baselines[0].get_parameter(name)!.grad!, 1e-10, name);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void A_later_token_changes_nothing_before_it(string kind)
    {
        using var model = Model();
        model.Adapt(All[kind]);
        Perturb(model);
        using var grad = no_grad();
        var ids = Ids(1, 9);
        var before = model.forward(ids);
        ids[0, 6] = (ids[0, 6] + 1) % Config.VocabularySize;
        var after = model.forward(ids);
        Assert.True(before.narrow(1, 0, 6).allclose(after.narrow(1, 0, 6), 1e-5, 1e-5));
        Assert.False(before.narrow(1, 6, 3).allclose(after.narrow(1, 6, 3), 1e-3, 1e-3));
    }

    [Theory, MemberData(nameof(Names))]
    public void Training_moves_it_alone_and_lowers_the_loss(string kind)
    {
        using var model = Model();
        var summary = model.Adapt(All[kind]);
        Assert.Equal(All[kind].CountTrainable(Config), summary.Trainable);
        Assert.Equal(Config.ParameterCount + summary.Trainable, summary.Total);
        var (before, own) = (State(model), model.Baselines[0].parameters().Select(p => p.detach().clone()).ToList());
        // A row says its first token again and again: what no frozen random model expects, and any baseline can ask for.
        var run = Trainer.Fit(model, i => new(Ids(8, 1, i % 5).expand(8, 6).contiguous()), new() { Log = null, LearningRate = 0.03, WarmupSteps = 5, Steps = 60 });
        var (first, last) = (run.Steps.Take(5).Average(s => s.Loss), run.Steps.TakeLast(5).Average(s => s.Loss));
        Assert.True(last < 0.95 * first, $"the loss went from {first:f3} to {last:f3}");
        foreach (var (name, tensor) in model.state_dict()) Assert.True(Same(before[name], tensor), name);
        Assert.All(own.Zip(model.Baselines[0].parameters()), pair => Assert.False(Same(pair.First, pair.Second)));
    }

    private static Dictionary<string, Tensor> State(CausalLm model) => model.state_dict().ToDictionary(p => p.Key, p => p.Value.detach().clone());

    [Theory, MemberData(nameof(Names))]
    public void Text_is_generated_from_its_logits_and_past_the_models_positions(string kind)
    {
        using var model = Model();
        model.Adapt(All[kind]);
        Perturb(model);
        var added = model.Generate([7, 3], GenerationOptions.Greedy with { MaxNewTokens = 40 });
        Assert.Equal(40, added.Count);
        using var grad = no_grad();
        List<long> all = [7, 3, .. added.Select(id => (long)id)];
        for (var end = 2; end < all.Count; end++)
        {
            // What is kept fits into the positions together with the places of soft prompts and prefixes.
            var window = all.Take(end).TakeLast((int)(32 - model.VirtualTokens)).ToArray();
            Assert.Equal(all[end], model.forward(tensor(window).unsqueeze(0))[0, window.Length - 1].argmax().item<long>());
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Saved_and_loaded_it_is_the_same_bit_for_bit(string kind)
    {
        using var model = Model();
        model.Adapt(All[kind], "mine");
        Perturb(model);
        model.SaveBaseline(folder.Path, "mine");
        using var other = Model();
        other.LoadBaseline(folder.Path);
        Assert.All(other.parameters(), p => Assert.False(p.requires_grad));
        Assert.True(Same(model.forward(Ids()), other.forward(Ids())));
        other.LoadBaseline(folder.Path, "trains", trainable: true);
        Assert.All(other.Baselines[1].parameters(), p => Assert.True(p.requires_grad));
        Assert.Equal(["default", "trains"], other.Baselines.Select(b => b.BaselineName));
        Assert.Equal([false, true], other.Baselines.Select(b => b.IsActive));
        other.SaveBaseline(folder.File("again"), "trains");
        foreach (var file in Directory.GetFiles(folder.Path))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder.File("again"), Path.GetFileName(file))));
    }

    [Theory, MemberData(nameof(Names))]
    public void It_is_switched_off_and_taken_off_without_a_trace(string kind)
    {
        using var model = Model();
        var (plain, keys) = (model.forward(Ids()), model.named_parameters().Select(p => p.name).ToList());
        model.Adapt(All[kind], "one");
        Perturb(model);
        var with = model.forward(Ids());
        Assert.False(with.allclose(plain, 1e-3, 1e-3));
        Assert.Equal(keys, model.BaseParameters().Select(p => p.Name));
        Assert.Equal(keys.Order(), model.state_dict().Keys.Order());
        using (model.DisableAdapters()) Assert.True(Same(plain, model.forward(Ids())));
        Assert.True(Same(with, model.forward(Ids())));
        model.SetBaseline();
        Assert.True(Same(plain, model.forward(Ids())));
        model.SetBaseline("one");
        Assert.True(Same(with, model.forward(Ids())));
        model.RemoveBaseline("one");
        Assert.True(Same(plain, model.forward(Ids())));
        Assert.Empty(model.Baselines);
        Assert.Equal(keys, model.named_parameters().Select(p => p.name));
    }

    [Theory, MemberData(nameof(Names))]
    public void It_cannot_be_merged_and_says_why(string kind)
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(2), "q_proj");
        model.Adapt(All[kind]);
        var message = Assert.Throws<InvalidOperationException>(() => model.Merge()).Message;
        Assert.Contains($"the {All[kind].Kind} \"default\" can't be merged into a weight: ", message);
        Assert.Contains("Call RemoveBaseline", message);
        Assert.All(model.LinearLayers(), l => Assert.Empty(l.Layer.MergedAdapters));
        model.SetBaseline();
        model.Merge();
        Assert.Contains(model.LinearLayers(), l => l.Layer.MergedAdapters.Count > 0);
    }

    [Theory, MemberData(nameof(Names))]
    public void Beside_an_adapter_both_train_in_either_order(string kind)
    {
        foreach (var adapterFirst in (bool[])[true, false])
        {
            using var model = Model();
            long own;
            if (adapterFirst)
            {
                model.Adapt(Adapter.Lora(2), "q_proj");
                own = model.Adapt(All[kind]).Trainable;
            }
            else
            {
                model.Adapt(All[kind]);
                own = model.Adapt(Adapter.Lora(2), "q_proj").Trainable;
            }
            Assert.Equal(All[kind].CountTrainable(Config) + Adapter.Lora(2).CountTrainable(Config.LinearLayers(), "q_proj"), own);
            Perturb(model);
            model.Loss(Ids()).backward();
            Assert.All(model.named_parameters().Where(p => p.parameter.requires_grad), p => Assert.NotNull(p.parameter.grad));
            Assert.All(model.BaseParameters(), p => Assert.Null(p.Parameter.grad));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Beside_weights_of_16_bits_it_trains_in_32(string kind)
    {
        using var model = Model(ScalarType.BFloat16);
        model.Adapt(All[kind]);
        Perturb(model);
        using var wide = Model();
        foreach (var (name, tensor) in wide.state_dict()) using (no_grad()) tensor.copy_(model.get_parameter(name)!);
        model.SaveBaseline(folder.Path);
        wide.LoadBaseline(folder.Path);
        Assert.Equal(ScalarType.BFloat16, model.forward(Ids()).dtype);
        Golden.Close(wide.forward(Ids()), model.forward(Ids()), 5e-2, "logits");
        model.Loss(Ids()).backward();
        Assert.All(model.Baselines[0].parameters(), p =>
        {
            Assert.Equal(ScalarType.Float32, p.dtype);
            Assert.Equal(ScalarType.Float32, p.grad!.dtype);
            Assert.True(p.grad!.isfinite().all().item<bool>());
        });
    }

    [Fact]
    public void One_of_a_kind_is_active()
    {
        using var model = Model();
        model.Adapt(Baseline.SoftPrompt(2), "a");
        model.Adapt(Baseline.Prefix(3), "b");
        Assert.Equal(5, model.VirtualTokens);
        model.Adapt(Baseline.SoftPrompt(4), "c");
        Assert.Equal([false, true, true], model.Baselines.Select(b => b.IsActive));
        Assert.Equal([false, true, true], model.Baselines.Select(b => b.parameters().All(p => p.requires_grad)));
        Assert.Contains("\"a\" and \"c\" are both a soft prompt", Assert.Throws<InvalidOperationException>(() => model.SetBaseline("a", "b", "c")).Message);
        Assert.Equal(7, model.VirtualTokens);
        model.SetBaseline("a", "a");
        Assert.Equal(2, model.VirtualTokens);
        model.RemoveBaseline("b");
        Assert.Equal(["a", "c"], model.Baselines.Select(b => b.BaselineName));
        Assert.Contains("no baseline \"x\"; nearest: a, c", Assert.Throws<ArgumentException>(() => model.SetBaseline("x")).Message);
        Assert.Throws<ArgumentException>(() => model.RemoveBaseline("b"));
        Assert.Throws<ArgumentException>(() => model.SaveBaseline(folder.Path, "b"));
    }

    [Fact]
    public void Numbers_that_make_no_sense_are_refused_before_anything_changes()
    {
        using var model = Model();
        model.Adapt(Baseline.SoftPrompt(2), "taken");
        model.RemoveBaseline("taken");
        foreach (var parameter in model.parameters()) parameter.requires_grad = true;
        void Refused<T>(string message, BaselineConfig config, string name = "default") where T : Exception
        {
            Assert.Contains(message, Assert.Throws<T>(() => model.Adapt(config, name)).Message);
            Assert.Empty(model.Baselines);
            Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
        }
        Refused<ArgumentException>("a bottleneck's size must be at least 1; it is 0", Baseline.Bottleneck(0));
        Refused<ArgumentException>("a soft prompt needs at least 1 token; it has 0", Baseline.SoftPrompt(0));
        Refused<ArgumentException>("a prefix of 32 tokens leaves no place for others: the model has 32 positions", Baseline.Prefix(32));
        Refused<ArgumentException>("deviation", Baseline.Prefix(2, double.NaN));
        Refused<ArgumentException>("can't be an adapter's name", Baseline.Prefix(2), "a.b");
        Refused<InvalidOperationException>("the model has no tokenizer", Baseline.SoftPrompt(2, "a text"));
        Assert.Throws<ArgumentException>(() => Baseline.Prefix(40).CountTrainable(Config));

        model.Adapt(Baseline.Prefix(2));
        Assert.Contains("already has a baseline \"default\"", Assert.Throws<ArgumentException>(() => model.Adapt(Baseline.SoftPrompt(2))).Message);
        Assert.Single(model.Baselines);
    }

    [Fact]
    public void It_moves_with_the_model_to_another_type()
    {
        using var model = Model();
        model.Adapt(Baseline.Bottleneck(2), "bottleneck");
        model.Adapt(Baseline.SoftPrompt(3), "prompt");
        model.Adapt(Baseline.Prefix(2), "prefix");
        Perturb(model);
        var before = model.forward(Ids());
        model.to(ScalarType.Float64);
        Assert.All(model.parameters(), p => Assert.Equal(ScalarType.Float64, p.dtype));
        Golden.Close(before, model.forward(Ids()), 1e-5, "logits");
    }
}
