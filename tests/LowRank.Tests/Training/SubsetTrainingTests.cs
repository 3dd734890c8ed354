// Fine-tuning of a part of the model: exactly what was named requires a gradient, exactly that moves, and a wrong name changes nothing.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class SubsetTrainingTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static readonly LlamaConfig Biased = Models.CausalLmTests.Small with { Layers = 4, AttentionBias = true, MlpBias = true };

    private static string[] Trained(nn.Module model) => [.. model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => p.name)];

    private static string[] Names(nn.Module model) => [.. model.named_parameters().Select(p => p.name)];

    public static TheoryData<string, string> Choices => new()
    {
        { "layers.3", @"model\.layers\.3\..*" }, { "model.layers.3.*", @"model\.layers\.3\..*" }, { "q_proj|v_proj", @".*\.[qv]_proj\.(weight|bias)" },
        { "q_proj.bias", @".*\.q_proj\.bias" }, { "*norm.weight", @".*norm\.weight" }, { "*", ".*" }, { "embed_tokens", @"model\.embed_tokens\.weight" },
        { "layers.*.mlp", @"model\.layers\.\d\.mlp\..*" }, { @"model\.layers\.[01]\..*bias", @"model\.layers\.[01]\..*bias" }, { ".*_proj.weight", @".*_proj\.weight" },
    };

    [Theory, MemberData(nameof(Choices))]
    public void TrainOnlyMovesExactlyThese(string parameters, string expression)
    {
        using var model = new CausalLm(Biased, seed: 2);
        var summary = model.TrainOnly(parameters);
        ExactlyTheseMove(model, summary, name => System.Text.RegularExpressions.Regex.IsMatch(name, $@"\A({expression})\z"));
    }

    [Theory, InlineData(1), InlineData(3), InlineData(4)]
    public void TheLastLayersMoveAlone(int count)
    {
        using var model = new CausalLm(Biased, seed: 2);
        ExactlyTheseMove(model, model.TrainLastLayers(count), name => Enumerable.Range(4 - count, count).Any(i => name.StartsWith($"model.layers.{i}.")));
    }

    [Fact]
    public void TheBiasesMoveAlone()
    {
        using var model = new CausalLm(Biased, seed: 2);
        var summary = model.TrainBiases();
        Assert.Equal(4 * (16 + 8 + 8 + 16 + 20 + 20 + 16), summary.Trainable);
        ExactlyTheseMove(model, summary, name => name.EndsWith(".bias"));
    }

    private static void ExactlyTheseMove(CausalLm model, TrainableParameters summary, Func<string, bool> chosen)
    {
        Assert.Contains(Names(model), name => chosen(name));
        Assert.Equal(Names(model).Where(chosen), Trained(model));
        Assert.Equal(model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()), summary.Trainable);
        var before = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        var ids = arange(1, 21, 1, ScalarType.Int64).view(2, 10);
        Trainer.Fit(model, _ => new Batch(ids), new() { Steps = 2, LearningRate = 0.01, WarmupSteps = 0, WeightDecay = 0.1, Log = null });
        // The softmax doesn't see what a key's bias adds: its gradient is rounding, its step may be nothing.
        foreach (var (name, after) in model.state_dict())
            if (!name.EndsWith("k_proj.bias")) Assert.True(chosen(name) != after.eq(before[name]).all().item<bool>(), name);
    }

    /// <summary>What is frozen below a layer must not change the gradients in it.</summary>
    [Theory, InlineData("layers.3"), InlineData("layers.*"), InlineData("*.bias"), InlineData("embed_tokens"), InlineData("*norm.weight")]
    public void TheirGradientsAreThoseOfFullFineTuning(string parameters)
    {
        using var model = new CausalLm(Biased, seed: 2, ScalarType.Float64);
        var ids = arange(1, 21, 1, ScalarType.Int64).view(2, 10);
        model.Loss(ids).backward();
        var full = model.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad!.clone());
        model.zero_grad();
        model.TrainOnly(parameters);
        model.Loss(ids).backward();
        foreach (var (name, parameter) in model.named_parameters().Where(p => p.parameter.requires_grad))
            Assert.True(full[name].allclose(parameter.grad!, 1e-9, 1e-12), name);
    }

    [Fact]
    public void LayerThreeIsNotLayerThirty()
    {
        using var model = new CausalLm(Models.CausalLmTests.Small with { Layers = 31, HiddenSize = 8, IntermediateSize = 4, Heads = 2, KeyValueHeads = 1 });
        model.TrainOnly("model.layers.3.*");
        Assert.All(Trained(model), name => Assert.StartsWith("model.layers.3.", name));
        Assert.Equal(9, Trained(model).Length);
        model.TrainLastLayers(2);
        Assert.Equal(["29", "30"], Trained(model).Select(name => name.Split('.')[2]).Distinct());
    }

    [Fact]
    public void AdaptersAreFrozenAndNeverChosen()
    {
        using var model = new CausalLm(Biased);
        model.Adapt(Adapter.Lora(rank: 2, bias: true), "q_proj");
        model.TrainOnly("q_proj");
        Assert.Equal(8, Trained(model).Length);
        Assert.DoesNotContain(Trained(model), name => name.Contains("lora"));
        model.TrainBiases();
        Assert.DoesNotContain(Trained(model), name => name.Contains("lora"));
    }

    [Fact]
    public void WrongNamesAndNumbersChangeNothing()
    {
        using var model = new CausalLm(Models.CausalLmTests.Small);
        var all = Trained(model);
        void Refused<T>(string message, Action action) where T : Exception
        {
            Assert.Contains(message, Assert.Throws<T>(action).Message);
            Assert.Equal(all, Trained(model));
        }
        Refused<ArgumentException>("no parameter matches \"q_porj\"; nearest: q_proj, ", () => model.TrainOnly("q_porj"));
        Refused<ArgumentException>("no parameter matches \"v_porj\"; nearest: v_proj, ", () => model.TrainOnly("q_proj|v_porj"));
        Refused<ArgumentException>("no parameter matches \"layers.2\"; nearest: layers.0, layers.1", () => model.TrainOnly("layers.2"));
        Refused<ArgumentException>("no parameter matches \"nothing[0-9]\"; the model has model.embed_tokens.weight, ", () => model.TrainOnly("nothing[0-9]"));
        Refused<ArgumentException>("is not a regular expression", () => model.TrainOnly("(q_proj"));
        Refused<ArgumentException>("no parameter matches \"\"", () => model.TrainOnly(""));
        Refused<ArgumentException>("the model has 2 numbered layers; the last 3 of them", () => model.TrainLastLayers(3));
        Refused<ArgumentException>("the last 0 of them", () => model.TrainLastLayers(0));
        Refused<InvalidOperationException>("BitFit has nothing to train", () => model.TrainBiases());
        Assert.Contains("has 0 numbered layers", Assert.Throws<ArgumentException>(() => nn.Linear(2, 2).TrainLastLayers(1)).Message);
    }
}
