// A run that is interrupted and goes on from a checkpoint, in a model made anew, ends with the bits of a run that was not: every policy, every
// optimizer, with accumulation and dropout.
using TorchSharp;
using TorchSharp.Modules;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class ResumeTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    /// <summary>A model as its program makes it, and the options that go with it.</summary>
    private sealed record Case(Action<CausalLm> Prepare, Func<TrainingOptions, TrainingOptions> With)
    {
        public ScalarType Type { get; init; } = ScalarType.Float32;
    }

    private static Case Adapted(AdapterConfig config, params Func<TrainingPolicy>[] policies) =>
        new(model => model.Adapt(config), options => options with { Policies = [.. policies.Select(make => make())] });

    private static Case Optimized(TrainingOptimizer optimizer, ScalarType type = ScalarType.Float32) =>
        new(model => model.TrainOnly("*"), options => options with { Optimizer = optimizer, LearningRate = 3e-3 }) { Type = type };

    private static double[] Losses => [3, 2.8, 2.7, 2.5, 3.1, 3.1, 2.4, 2.2];

    private static Case Levels(params Func<TrainingPolicy>[] more) => new(model => model.Adapt(Adapter.DyLora(4)), options => options with
    {
        EvaluateEvery = 2, Policies = [new StorageLevelPolicy(gain: 0.1, tolerance: 0.2, rest: 1), .. more.Select(make => make())],
    });

    private static readonly Dictionary<string, Case> Cases = new()
    {
        ["LoRA"] = Adapted(Adapter.Lora(2)),
        ["DoRA with dropout"] = Adapted(Adapter.Dora(2, dropout: 0.3)),
        ["VeRA with dropout"] = Adapted(Adapter.Vera(8, dropout: 0.3)),
        ["PiSSA"] = Adapted(Adapter.Lora(2, init: LoraInit.Pissa)),
        ["QLoRA"] = new(model => { model.Quantize(Nf4.WithDoubleQuantization); model.Adapt(Adapter.Lora(2)); }, options => options),
        ["accumulation and dropout"] = Adapted(Adapter.Lora(2, dropout: 0.3)) with { With = options => options with { Accumulation = 3 } },
        ["DyLoRA"] = Adapted(Adapter.DyLora(4, dropout: 0.2), () => new DyLoraPolicy()),
        ["AdaLoRA"] = Adapted(Adapter.AdaLora(2, dropout: 0.2), () => new AdaLoraPolicy(initialSteps: 2, finalSteps: 4, every: 2)),
        ["AsyLoRA"] = Adapted(Adapter.Lora(2), () => new AsyLoraPolicy()),
        ["LoRA-FA"] = Adapted(Adapter.Lora(2), () => new LoraFaPolicy()) with { With = options => options with { WeightDecay = 0.1, Policies = [new LoraFaPolicy()] } },
        ["LoRA+"] = Adapted(Adapter.Dora(2), () => new LoraPlusPolicy(8)),
        ["ReLoRA"] = Adapted(Adapter.Lora(2, dropout: 0.2), () => new ReLoraPolicy(every: 5, warmup: 2)),
        ["ReLoRA that keeps moments, DoRA"] = Adapted(Adapter.Dora(2), () => new ReLoraPolicy(every: 5, warmup: 2, forget: 0.9)),
        ["ReLoRA over NF4"] = new(model => { model.Quantize(Nf4.WithDoubleQuantization); model.Adapt(Adapter.Lora(2)); },
            options => options with { Policies = [new ReLoraPolicy(every: 5, warmup: 2)] }),
        ["a head and norms beside LoRA"] = Adapted(Adapter.Lora(2) with { ModulesToSave = "lm_head|norm|embed_tokens" }),
        ["ReMoRA"] = Adapted(Adapter.Mora(2, MoraOperator.Strided), () => new ReLoraPolicy(every: 5, warmup: 2)),
        ["AsyLoRA with restarts"] = Adapted(Adapter.Lora(2), () => new AsyLoraPolicy(), () => new ReLoraPolicy(every: 5, warmup: 2)),
        ["storage levels"] = Levels(),
        ["DyQDyLoRA"] = Levels(() => new DyLoraPolicy()),
        ["bottleneck"] = new(model => model.Adapt(Baseline.Bottleneck(4)), options => options),
        ["prefix"] = new(model => model.Adapt(Baseline.Prefix(3)), options => options),
        ["LoftQ"] = Adapted(Adapter.Lora(2).WithLoftQ(Nf4.WithDoubleQuantization)),
        ["a policy of one's own"] = Adapted(Adapter.Lora(2), () => new Jitter()),
        ["AdamW"] = Optimized(new FullAdamW()),
        ["AdamW on pages"] = Optimized(new FullAdamW { PagedAbove = 0 }),
        ["8-bit AdamW"] = Optimized(new AdamW8Bit { SmallestTensor = 0 }),
        ["8-bit AdamW on pages"] = Optimized(new AdamW8Bit { SmallestTensor = 300, PagedAbove = 0 }),
        ["8-bit AdamW in bfloat16"] = Optimized(new AdamW8Bit { SmallestTensor = 300 }, ScalarType.BFloat16),
        ["bfloat16 with masters"] = Optimized(new FullAdamW(), ScalarType.BFloat16),
        ["bfloat16 with masters on pages"] = Optimized(new FullAdamW { PagedAbove = 0 }, ScalarType.BFloat16),
        ["bfloat16 without masters"] = Optimized(new FullAdamW { MasterWeights = false }, ScalarType.BFloat16),
        ["bfloat16 with masters, accumulation and a policy that writes weights"] = new(model => model.TrainOnly("*"),
            options => options with { Accumulation = 3, LearningRate = 1e-4, Policies = [new Rounding()] }) { Type = ScalarType.BFloat16 },
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    /// <summary>One call of the program: a new model, whatever generator's state the process has.</summary>
    private static (CausalLm Model, TrainingRun Run) Program(Case of, long process, Func<TrainingOptions, TrainingOptions> with, long stopAfter = long.MaxValue)
    {
        manual_seed(process);
        var model = Model(of.Type);
        of.Prepare(model);
        using var stop = new CancellationTokenSource();
        var options = with(of.With(new()
        {
            Steps = 16, LearningRate = 1e-2, WarmupSteps = 3, Log = null, Seed = 9, Evaluate = () => double.NaN, EvaluateEvery = 2,
            OnStep = step => { if (step.Step == stopAfter) stop.Cancel(); }, Cancellation = stop.Token,
        }));
        // A script for the policies' sake, by the number of the evaluation: the program knows no more after it was interrupted.
        var done = 0L;
        options = options with { Evaluate = () => Losses[done / 2 - 1], OnStep = options.OnStep };
        var policies = options.Policies.Append(new Counting(step => done = step + 1)).ToList();
        return (model, Trainer.Fit(model, BatchAt, options with { Policies = policies }));
    }

    /// <summary>Changes some of the weights after each step, behind the optimizer's back.</summary>
    private sealed class Rounding : TrainingPolicy
    {
        private Parameter[] parameters = [];

        public override void Begin(nn.Module model, TrainingOptions options) => parameters = [.. model.parameters().Where(p => p.ndim >= 2)];

        public override void AfterUpdate(TrainingUpdate update)
        {
            using var grad = no_grad();
            using var scope = NewDisposeScope();
            foreach (var parameter in parameters) parameter.narrow(0, update.Step % parameter.shape[0], 1).mul_(1 + 1.0 / 64);
        }
    }

    /// <summary>A rule with a generator of its own: what it has drawn so far decides what comes.</summary>
    private sealed class Jitter : TrainingPolicy
    {
        private readonly Generator generator = new(3);

        public override double LearningRateAt(long step, double scheduled)
        {
            using var scope = NewDisposeScope();
            return scheduled * rand(1, generator: generator).item<float>();
        }

        public override Dictionary<string, Tensor> Capture() => new() { ["generator"] = generator.get_state() };

        public override void Restore(IReadOnlyDictionary<string, Tensor> captured) => generator.set_state(captured["generator"]);

        public override void End() => generator.Dispose();
    }

    /// <summary>Tells which step is being done.</summary>
    private sealed class Counting(Action<long> tell) : TrainingPolicy
    {
        public override void BeforeStep(long step) => tell(step);
    }

    [Theory, MemberData(nameof(Names))]
    public void AnInterruptedRunEndsAsAStraightOne(string name)
    {
        var of = Cases[name];
        TrainingOptions Kept(TrainingOptions options) => options with { Checkpoints = new(folder.File("run"), every: 4) };
        using var straight = Program(of, process: 1, options => options).Model;
        var expected = Program(of, process: 1, options => options with { Log = null }).Run;
        foreach (var (process, stop) in new[] { (1, 3), (2, 7), (3, 13) })
        {
            var (model, part) = Program(of, process, Kept, stop);
            model.Dispose();
            Assert.Equal((stop, true), (part.Steps.Count, part.Cancelled));
        }
        var (resumed, run) = Program(of, process: 4, Kept);
        using (resumed)
        {
            SameBits(straight, resumed);
            Assert.Equal(13, run.ResumedAfter);
            Same(expected, run);
        }
        var (again, finished) = Program(of, process: 5, Kept);                    // a run that is over says so again, and has the model
        using (again) SameBits(straight, again);
        Assert.Equal(16, finished.ResumedAfter);
        Assert.Equal(run.Steps, finished.Steps);
    }

    internal static void Same(TrainingRun expected, TrainingRun actual)
    {
        Assert.Equal((expected.Tokens, expected.Cancelled), (actual.Tokens, actual.Cancelled));
        Assert.Equal(expected.Steps.Select(s => (s.Step, s.Loss, s.LearningRate, s.GradientNorm, s.EvaluationLoss)),
            actual.Steps.Select(s => (s.Step, s.Loss, s.LearningRate, s.GradientNorm, s.EvaluationLoss)));
        Assert.Equal(actual.Steps.Select(s => s.Seconds).Order(), actual.Steps.Select(s => s.Seconds));
    }

    internal static void SameBits(nn.Module expected, nn.Module actual)
    {
        var there = actual.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        foreach (var (name, parameter) in expected.named_parameters()) SameBits(parameter, there[name], name);
        foreach (var (left, right) in expected.LinearLayers().Zip(actual.LinearLayers()))
        {
            Assert.Equal(left.Layer.Weight.GetType(), right.Layer.Weight.GetType());
            Assert.Equal(left.Layer.Absorbed, right.Layer.Absorbed);
            if (left.Layer.Weight is QuantizedWeight { Stored: var stored })
                foreach (var (a, b) in stored.Tensors.Zip(((QuantizedWeight)right.Layer.Weight).Stored.Tensors)) SameBits(a, b, left.Path);
        }
    }

    private static void SameBits(Tensor expected, Tensor actual, string name)
    {
        Assert.Equal((expected.dtype, string.Join(' ', expected.shape)), (actual.dtype, string.Join(' ', actual.shape)));
        Assert.True(expected.detach().contiguous().bytes.SequenceEqual(actual.detach().contiguous().bytes), $"{name}: not the same bits");
    }
}
