// Layers computed again in backward: the same loss, gradients and weights bit for bit, with whatever is on the model, and less memory.
using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class GradientCheckpointingTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static readonly LlamaConfig Shape = new()
    {
        VocabularySize = 60, HiddenSize = 32, IntermediateSize = 48, Layers = 4, Heads = 4, KeyValueHeads = 2, TiedEmbeddings = true,
    };

    private static readonly Dictionary<string, Action<CausalLm>> Kinds = new()
    {
        ["LoRA with dropout"] = model => model.Adapt(Adapter.Lora(2, dropout: 0.3)),
        ["DoRA with dropout"] = model => model.Adapt(Adapter.Dora(2, dropout: 0.3)),
        ["VeRA"] = model => model.Adapt(Adapter.Vera(8)),
        ["MoRA"] = model => model.Adapt(Adapter.Mora(2)),
        ["LoRA on the embedding too"] = model => model.Adapt(Adapter.Lora(2), "embed_tokens|q_proj"),
        ["QLoRA with dropout"] = model => { model.Quantize(Nf4.WithDoubleQuantization); model.Adapt(Adapter.Lora(2, dropout: 0.3)); },
        ["everything"] = model => model.TrainOnly("*"),
        ["the last layer"] = model => model.TrainLastLayers(1),
        ["bottleneck"] = model => model.Adapt(Baseline.Bottleneck(4)),
        ["soft prompt"] = model => model.Adapt(Baseline.SoftPrompt(3)),
        ["prefix"] = model => model.Adapt(Baseline.Prefix(3)),
    };

    public static TheoryData<string> Names => [.. Kinds.Keys];

    private static readonly Dictionary<string, ModelConfig> Families = new()
    {
        ["mistral"] = new MistralConfig { VocabularySize = 60, HiddenSize = 32, IntermediateSize = 48, Layers = 3, Heads = 4, KeyValueHeads = 2, SlidingWindow = 5 },
        ["qwen2"] = new Qwen2Config { VocabularySize = 60, HiddenSize = 32, IntermediateSize = 48, Layers = 3, Heads = 4, KeyValueHeads = 2, TiedEmbeddings = true },
        ["qwen3"] = new Qwen3Config { VocabularySize = 60, HiddenSize = 32, IntermediateSize = 48, Layers = 3, Heads = 4, KeyValueHeads = 2, HeadSize = 12 },
        ["gemma"] = new GemmaConfig { VocabularySize = 60, HiddenSize = 32, IntermediateSize = 48, Layers = 3, Heads = 4, KeyValueHeads = 2, HeadSize = 8, TiedEmbeddings = true },
        ["phi3"] = new Phi3Config { VocabularySize = 60, HiddenSize = 32, IntermediateSize = 48, Layers = 3, Heads = 4, KeyValueHeads = 2 },
        ["gpt2"] = new Gpt2Config { VocabularySize = 60, HiddenSize = 32, IntermediateSize = 128, Layers = 3, Heads = 4, KeyValueHeads = 4, MaxPositions = 64, TiedEmbeddings = true },
    };

    public static TheoryData<string, string> FamilyNames =>
        [.. from family in Families.Keys from kind in new[] { "everything", "DoRA with dropout", "prefix" } select new TheoryDataRow<string, string>(family, kind)];

    private static CausalLm Model(string kind, ModelConfig? shape = null)
    {
        manual_seed(21);
        var model = new CausalLm(shape ?? Shape, seed: 5);
        Kinds[kind](model);
        return model;
    }

    private static Batch BatchAt(long step)
    {
        using var generator = new Generator((ulong)step + 1);
        return new(randint(0, 60, [3, 11], dtype: ScalarType.Int64, generator: generator));
    }

    private static bool Same(Tensor? left, Tensor? right) =>
        left is null ? right is null : right is not null && left.contiguous().bytes.SequenceEqual(right.contiguous().bytes);

    [Theory, MemberData(nameof(Names))]
    public void TheGradientsAreTheSameBits(string kind) => SameGradients(kind, Shape);

    [Theory, MemberData(nameof(FamilyNames))]
    public void InEveryFamily(string family, string kind) => SameGradients(kind, Families[family]);

    private static void SameGradients(string kind, ModelConfig shape)
    {
        (double, Dictionary<string, Tensor?>, float) Gradients(bool again)
        {
            var model = Model(kind, shape);
            model.UseGradientCheckpointing(again);
            manual_seed(33);
            double loss = 0;
            for (var i = 0; i < 2; i++)                                          // accumulated
            {
                var value = model.Loss(BatchAt(i).Ids);
                loss += (double)value;
                value.backward();
            }
            return (loss, model.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad), rand(1).item<float>());
        }
        var (loss, expected, drawn) = Gradients(false);
        var (lossAgain, actual, drawnAgain) = Gradients(true);
        Assert.Equal((loss, drawn), (lossAgain, drawnAgain));                   // the generator is where it would have been
        Assert.Contains(expected.Values, gradient => gradient is not null);
        foreach (var (name, gradient) in expected) Assert.True(Same(gradient, actual[name]), $"{name}: {gradient} {actual[name]}");
    }

    [Theory, InlineData("DoRA with dropout"), InlineData("QLoRA with dropout"), InlineData("everything")]
    public void ARunIsTheSameBits(string kind)
    {
        (CausalLm, TrainingRun) Train(bool again)
        {
            var model = Model(kind);
            var options = new TrainingOptions { Steps = 5, WarmupSteps = 1, Log = null, Accumulation = 2, GradientCheckpointing = again };
            return (model, Trainer.Fit(model, BatchAt, options));
        }
        var (expected, straight) = Train(false);
        var (actual, run) = Train(true);
        ResumeTests.SameBits(expected, actual);
        ResumeTests.Same(straight, run);
        Assert.False(actual.modules().OfType<IRecomputable>().Single().Recomputes);                 // only for the run
    }

    [Fact]
    public void AClassifierToo()
    {
        Dictionary<string, Tensor?> Gradients(bool again)
        {
            manual_seed(6);
            var model = new SequenceClassifier(new(Shape, seed: 5), ["a", "b", "c"], seed: 5, paddingToken: 0);
            model.Adapt(Adapter.Lora(2, dropout: 0.2));
            model.UseGradientCheckpointing(again);
            model.Loss(BatchAt(1).Ids, tensor(new long[] { 0, 2, 1 })).backward();
            return model.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad);
        }
        var expected = Gradients(false);
        foreach (var (name, gradient) in Gradients(true)) Assert.True(Same(expected[name], gradient), name);
    }

    [Fact]
    public void ABackwardThatIsDoneTwiceIsTwiceTheGradient()
    {
        var model = Model("LoRA with dropout");
        model.UseGradientCheckpointing();
        var loss = model.Loss(BatchAt(0).Ids);
        loss.backward(retain_graph: true);
        var first = model.named_parameters().Where(p => p.parameter.grad is not null).ToDictionary(p => p.name, p => p.parameter.grad!.clone());
        loss.backward();
        Assert.NotEmpty(first);
        foreach (var (name, gradient) in first) Assert.True(Same(gradient * 2, model.get_parameter(name)!.grad), name);
    }

    [Fact]
    public void WithoutLayersItIsRefused()
    {
        using var layer = new AdaptedLinear(4, 4);
        Assert.Contains("has none; leave it off", Assert.Throws<ArgumentException>(() => layer.UseGradientCheckpointing()).Message);
        layer.Adapt(Adapter.Lora(2));
        Assert.Throws<ArgumentException>(() => Trainer.Fit(layer, _ => zeros(1), BatchAt, new() { GradientCheckpointing = true, Log = null }));
        Assert.Equal(2, ((LowRankUpdate)layer.Adapters[0].Update).Rank);
    }

    /// <summary>An error within a layer that is computed again comes out as it is, and nothing is left behind.</summary>
    [Fact]
    public void AnErrorInTheSecondPassIsTheErrorOfBackward()
    {
        var model = Model("LoRA with dropout");
        model.UseGradientCheckpointing();
        var loss = model.Loss(BatchAt(0).Ids);
        using (no_grad()) model.get_parameter("model.layers.1.mlp.down_proj.weight")!.set_(ones(31, 47));              // not the layer's shape any more
        var before = get_rng_state();
        Assert.ThrowsAny<Exception>(() => loss.backward());
        Assert.True(is_grad_enabled() && Same(before, get_rng_state()));
    }

#if LIBTORCH
    /// <summary>With many layers the activations are those of one, and the inputs of all. (A step takes 1.2 to 1.4 times as long, in
    /// the processor's time; the least of several, for others on the machine take caches away. The test asks for less than twice.)</summary>
    [Fact]
    public void ItTakesTheMemoryOfOneLayer()
    {
        var shape = Shape with { HiddenSize = 64, IntermediateSize = 160, Layers = 12 };
        (long Bytes, double Seconds) Step(bool again)
        {
            using var inner = NewDisposeScope();
            var model = Model("LoRA with dropout", shape);
            model.UseGradientCheckpointing(again);
            var ids = randint(0, 60, [4, 128], dtype: ScalarType.Int64);
            model.Loss(ids).backward();
            long peak = 0;
            var least = double.PositiveInfinity;                                // a moment when the processor is shared tells nothing
            for (var i = 0; i < 8; i++)
            {
                var start = Environment.CpuUsage.TotalTime;
                foreach (var parameter in model.parameters()) parameter.grad = null;
                using var one = NewDisposeScope();
                var before = LibTorch.Memory.LiveBytes;
                LibTorch.Memory.ResetPeak();
                model.Loss(ids).backward();
                peak = LibTorch.Memory.PeakBytes - before;
                least = Math.Min(least, (Environment.CpuUsage.TotalTime - start).TotalSeconds);
            }
            return (peak, least);
        }
        var (all, some) = (Step(false), Step(true));
        TestContext.Current.TestOutputHelper!.WriteLine($"{all.Bytes:N0} bytes and {all.Seconds * 1000:F1} ms without, {some.Bytes:N0} and {some.Seconds * 1000:F1} with");
        Assert.InRange((double)some.Bytes / all.Bytes, 0.02, 0.25);
        Assert.InRange(some.Seconds / all.Seconds, 0, 2);
    }
#endif
}
