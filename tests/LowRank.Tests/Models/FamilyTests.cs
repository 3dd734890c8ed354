// What every family must do, on a small model of each: its parameters, its files both ways, gradients, causality and windows.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class FamilyTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Names => SmallModels.Names;

    internal static Tensor Ids(long batch = 2, long tokens = 7, long seed = 1)
    {
        using var generator = new Generator((ulong)seed);
        return randint(1, 23, [batch, tokens], ScalarType.Int64, generator: generator);
    }

    /// <summary>A model whose norms and biases are not what they start as.</summary>
    internal static CausalLm Model(string name, ScalarType dtype = ScalarType.Float32)
    {
        var model = new CausalLm(SmallModels.All[name], seed: 3, dtype: dtype);
        using var grad = no_grad();
        using var generator = new Generator(8);
        foreach (var parameter in model.parameters().Where(p => p.ndim == 1))
            parameter.add_(randn(parameter.shape, dtype, generator: generator).mul_(0.2));
        return model;
    }

    [Theory, MemberData(nameof(Names))]
    public void Its_parameters_are_those_that_the_configuration_lists(string name)
    {
        using var model = Model(name);
        string[] Listed(IEnumerable<(string Name, long[] Shape)> some) => [.. some.Select(p => $"{p.Name} [{string.Join(", ", p.Shape)}]").Order(StringComparer.Ordinal)];
        var config = SmallModels.All[name];
        Assert.Equal(Listed(model.named_parameters().Select(p => (p.name, p.parameter.shape))), Listed(config.Parameters()));
        Assert.Equal(model.parameters().Sum(p => p.numel()), config.ParameterCount);
        var shapes = model.LinearLayers().Select(l => new LayerShape(l.Path, l.Layer.InFeatures, l.Layer.OutFeatures, l.Layer.Bias is not null));
        Assert.Equal(shapes.OrderBy(l => l.Path, StringComparer.Ordinal), config.LinearLayers().OrderBy(l => l.Path, StringComparer.Ordinal));
    }

    [Theory, MemberData(nameof(Names))]
    public void Saved_and_loaded_it_is_the_same_model(string name)
    {
        using var model = Model(name);
        model.Save(folder.Path);
        using var again = CausalLm.Load(folder.Path);
        Assert.Equal(model.Config, again.Config);
        Assert.Equal(model.Config.GetHashCode(), again.Config.GetHashCode());
        Assert.True(model.forward(Ids()).eq(again.forward(Ids())).all().item<bool>());
        Assert.NotEqual<ModelConfig>(model.Config, again.Config with { NormEpsilon = 0.1 });
    }

    /// <summary>What is seeded before loading goes on as after making a fresh model: adapters that are drawn then are the same.</summary>
    [Theory, MemberData(nameof(Names))]
    public void Loading_draws_as_many_random_numbers_as_making(string name)
    {
        using (var model = Model(name)) model.Save(folder.Path);
        double After(Func<CausalLm> load)
        {
            manual_seed(5);
            load().Dispose();
            return rand(1, ScalarType.Float64).item<double>();
        }
        var made = After(() => new(SmallModels.All[name]));
        Assert.Equal(made, After(() => CausalLm.Load(folder.Path)));
        Assert.Equal(made, After(() => CausalLm.Load(folder.Path, quantize: new Nf4())));
    }

    /// <summary>The reference's own folders: read and written again they hold the same names, shapes and numbers.</summary>
    [Theory, InlineData("gemma"), InlineData("gpt2"), InlineData("llama"), InlineData("mistral"), InlineData("phi3"), InlineData("qwen2")]
    public void What_transformers_saved_comes_back_out_the_same(string family)
    {
        using var model = CausalLm.Load(Golden.PathOf($"model/{family}"));
        model.Save(folder.Path);
        var (expected, actual) = (SafeTensors.Load(Golden.PathOf($"model/{family}/model.safetensors")), SafeTensors.Load(folder.File("model.safetensors")));
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (tensor, value) in expected)
        {
            Assert.Equal(value.shape, actual[tensor].shape);
            Assert.True(value.eq(actual[tensor]).all().item<bool>(), tensor);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Gradients_of_every_parameter_equal_differences(string name)
    {
        using var model = Model(name, ScalarType.Float64);
        var ids = Ids(2, 5);
        var probe = arange(2 * 5 * 23, ScalarType.Float64).mul(0.7).sin().view(2, 5, 23);
        double Value()
        {
            using var inner = NewDisposeScope();
            using var none = no_grad();
            return (model.forward(ids) * probe).sum().item<double>();
        }
        (model.forward(ids) * probe).sum().backward();
        const double Step = 1e-5;
        foreach (var (path, parameter) in model.named_parameters())
        {
            using var inner = NewDisposeScope();
            var (flat, gradient) = (parameter.detach().view(-1), parameter.grad!.view(-1));
            var largest = gradient.abs().max().item<double>();
            for (long i = 0; i < flat.shape[0]; i += Math.Max(1, flat.shape[0] / 5))
            {
                var before = flat[i].item<double>();
                flat[i] = tensor(before + Step);
                var up = Value();
                flat[i] = tensor(before - Step);
                var down = Value();
                flat[i] = tensor(before);
                Assert.Equal((up - down) / (2 * Step), gradient[i].item<double>(), 1e-6 * Math.Max(1, largest));
            }
            Assert.True(largest > 0, $"{path} has no influence");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void A_token_sees_its_window_and_nothing_after_it(string name)
    {
        using var model = Model(name);
        using var none = no_grad();
        var ids = Ids(1, 14);
        var before = model.forward(ids);
        ids[0, 3] = (ids[0, 3] + 1) % 23;
        var changed = (model.forward(ids) - before).abs().amax([0, 2]).gt(1e-6).data<bool>().ToArray();
        // A layer carries a change on to the last token that sees it.
        var reach = Enumerable.Range(0, model.Config.Layers).Sum(layer => (model.Config.WindowOf(layer) ?? 100) - 1);
        for (var t = 0; t < 14; t++) Assert.Equal(t >= 3 && t <= 3 + reach, changed[t]);
    }

    [Theory, MemberData(nameof(Names))]
    public void Half_precision_is_near_single(string name)
    {
        using var model = Model(name);
        using var none = no_grad();
        model.Save(folder.Path);
        using var half = CausalLm.Load(folder.Path, ScalarType.BFloat16);
        Assert.All(half.parameters(), p => Assert.Equal(ScalarType.BFloat16, p.dtype));
        Golden.Close(model.forward(Ids()), half.forward(Ids()), 0.1, "logits in bfloat16");
    }

    [Theory, MemberData(nameof(Names))]
    public void Generation_stops_at_any_of_the_end_tokens(string name)
    {
        using var model = Model(name);
        var all = model.Generate([7, 3], GenerationOptions.Greedy with { MaxNewTokens = 40 });
        if (model.Config.EndToken is null) Assert.Equal(40, all.Count);             // past the model's positions too
        else Assert.All(all.SkipLast(1), id => Assert.DoesNotContain(id, (int[])[3, 5, 9]));
    }

    [Fact]
    public void More_tokens_than_GPT2_has_positions_are_refused()
    {
        using var model = Model("gpt2");
        Assert.Contains("32 positions", Assert.Throws<ArgumentException>(() => model.forward(Ids(1, 33))).Message);
    }
}
