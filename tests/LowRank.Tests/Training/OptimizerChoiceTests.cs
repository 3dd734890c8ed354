// The trainer and its policies with every choice of an optimizer.
using TorchSharp;
using TorchSharp.Modules;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class OptimizerChoiceTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public OptimizerChoiceTests() => manual_seed(13);

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, TrainingOptimizer> Choices = new()
    {
        ["full, paged"] = new FullAdamW { PagedAbove = 0 }, ["8 bits"] = new AdamW8Bit(), ["8 bits for all"] = new AdamW8Bit { SmallestTensor = 0 },
        ["8 bits, paged"] = new AdamW8Bit { SmallestTensor = 0, PagedAbove = 1000 },
    };

    private static readonly Dictionary<string, (AdapterConfig Method, Func<TrainingPolicy>[] Policies)> Runs = new()
    {
        ["none"] = (Adapter.Lora(rank: 2), []),
        ["LoRA+"] = (Adapter.Dora(rank: 2), [() => new LoraPlusPolicy(4)]),
        ["LoRA-FA"] = (Adapter.Lora(rank: 2), [() => new LoraFaPolicy()]),
        ["AsyLoRA"] = (Adapter.Dora(rank: 2), [() => new AsyLoraPolicy()]),
        ["DyLoRA"] = (Adapter.DyLora(maximumRank: 3), [() => new DyLoraPolicy()]),
        ["AdaLoRA"] = (Adapter.AdaLora(targetRank: 2), [() => new AdaLoraPolicy(every: 2)]),
        ["ReLoRA"] = (Adapter.Dora(rank: 2), [() => new ReLoraPolicy(every: 8, warmup: 2)]),
        ["ReLoRA, most forgotten"] = (Adapter.Lora(rank: 2), [() => new ReLoraPolicy(every: 8, warmup: 2, forget: 0.9)]),
        ["ReMoRA and LoRA+"] = (Adapter.Mora(rank: 2, MoraOperator.Strided), [() => new ReLoraPolicy(every: 8, warmup: 2)]),
    };

    /// <summary>What each run is with moments in full.</summary>
    private static readonly Dictionary<string, Lazy<TrainingRun>> Full = Runs.Keys.ToDictionary(run => run, run => new Lazy<TrainingRun>(() => Train(run, new FullAdamW())));

    public static TheoryData<string, string> Cases => [.. from choice in Choices.Keys from run in Runs.Keys select new TheoryDataRow<string, string>(choice, run)];

    private static TrainingRun Train(string run, TrainingOptimizer optimizer)
    {
        var (method, policies) = Runs[run];
        manual_seed(13);
        using var model = Model();
        model.Adapt(method);
        return Trainer.Fit(model, BatchAt, new() { Steps = 24, LearningRate = 1e-2, Log = null, Optimizer = optimizer, Policies = [.. policies.Select(p => p())] });
    }

    [Theory, MemberData(nameof(Cases))]
    public void EveryPolicyTrainsWithEveryChoice(string choice, string run)
    {
        var (full, other) = (Full[run].Value, Train(run, Choices[choice]));
        Assert.True(other.Steps.TakeLast(6).Average(s => s.Loss) < other.Steps.Take(6).Average(s => s.Loss));
        if (Choices[choice] is FullAdamW) Assert.Equal(full.Steps.Select(s => (s.Loss, s.GradientNorm)), other.Steps.Select(s => (s.Loss, s.GradientNorm)));
        else Assert.Equal(full.Steps[^1].Loss, other.Steps[^1].Loss, 0.05);
    }

    [Theory, InlineData(1.0), InlineData(0.9)]
    public void ARestartForgetsCodesInPlace(double forget)
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        var named = model.LayersOf("default").SelectMany((l, i) => l.Adapter.Update.Tensors.Select(t => ($"{i}.{t.Name}", t.Value))).ToArray();
        var group = new AdamW.ParamGroup(named.Select(n => n.Value).ToList());
        using var optimizer = new AdamW8Bit { SmallestTensor = 0 }.Over([group], named);
        foreach (var (_, p) in named) p.grad = randn(p.shape);
        optimizer.Step();
        var before = optimizer.Capture();
        var policy = new ReLoraPolicy(every: 5, warmup: 0, forget: forget);
        policy.Begin(model, new() { Steps = 10 });
        policy.AfterUpdate(new(optimizer, [group]) { Step = 4 });
        var after = optimizer.Capture();
        foreach (var (name, p) in named)
            optimizer.ChangeMoments(p, (first, second) =>
            {
                Assert.Equal(p.numel() - (long)(forget * p.numel()), first.ne(0).sum().item<long>());
                Assert.True(first.ne(0).eq(second.ne(0)).all().item<bool>());                       // never a step of m/√0
                Assert.Equal(before[$"{name}.step"].item<long>(), after[$"{name}.step"].item<long>());
                if (forget == 1) Assert.True(after[$"{name}.absmax1"].max().item<float>() <= Blocks.Floor);
            });
    }

    [Fact]
    public void TheDefaultIsTorchsAdamWBitForBit()
    {
        using var model = Model();
        using var other = Model();
        var options = new TrainingOptions { Steps = 12, LearningRate = 1e-2, WeightDecay = 0.1, Log = null };
        var run = Trainer.Fit(model, BatchAt, options);
        using var optimizer = optim.AdamW([new AdamW.ParamGroup(other.parameters().Where(p => p.ndim >= 2), weight_decay: 0.1), new AdamW.ParamGroup(other.parameters().Where(p => p.ndim < 2))]);
        for (var step = 0; step < 12; step++)
        {
            foreach (AdamW.ParamGroup group in optimizer.ParamGroups) group.LearningRate = options.LearningRateAt(step);
            optimizer.zero_grad();
            var loss = other.Loss(BatchAt(step).Ids);
            Assert.Equal(run.Steps[step].Loss, (double)loss);
            loss.backward();
            Gradients.Clip([.. other.named_parameters().Select(p => (p.name, p.parameter))], 1);
            optimizer.step();
        }
        foreach (var ((name, mine), (_, theirs)) in model.named_parameters().Zip(other.named_parameters())) Assert.True(mine.eq(theirs).all().item<bool>(), name);
    }

    [Fact]
    public void AGradientThatAPolicySpoilsStopsTheRunWithItsName()
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        var spoiled = model.named_parameters().First(p => p.parameter.requires_grad);
        var error = Assert.Throws<TrainingDivergedException>(() => Trainer.Fit(model, BatchAt, new()
        {
            Steps = 5, Log = null, Optimizer = new AdamW8Bit { SmallestTensor = 0, PagedAbove = 0 }, Policies = [new Spoiling(spoiled.parameter)],
        }));
        Assert.Equal((3L, spoiled.name), (error.Step, error.Parameter));
        Assert.True(model.parameters().All(p => p.isfinite().all().item<bool>()));
    }

    private sealed class Spoiling(Parameter parameter) : TrainingPolicy
    {
        public override void BeforeUpdate(TrainingUpdate update)
        {
            if (update.Step == 2) parameter.grad!.fill_(double.NaN);
        }
    }

    [Fact]
    public void EightBitsEndWhereFloat32Does()
    {
        double Loss(TrainingOptimizer optimizer, int seed)
        {
            manual_seed(seed);
            using var teacher = nn.Linear(40, 20);
            using var student = nn.Sequential(nn.Linear(40, 64), nn.GELU(), nn.Linear(64, 20));
            Batch Data(long step)
            {
                using var generator = new Generator((ulong)(1000 * seed + step));
                return new(randn([64, 40], generator: generator));
            }
            Tensor Error(Batch batch) => (student.forward(batch.Ids) - teacher.forward(batch.Ids).tanh()).square().mean();
            return Trainer.Fit(student, Error, Data, new() { Steps = 300, LearningRate = 5e-3, Log = null, Optimizer = optimizer }).Steps.TakeLast(20).Average(s => s.Loss);
        }
        for (var seed = 1; seed <= 3; seed++)
        {
            var (full, eight) = (Loss(new FullAdamW(), seed), Loss(new AdamW8Bit { SmallestTensor = 0 }, seed));
            Assert.InRange(eight / full, 0.9, 1.1);
        }
    }

    [Theory, InlineData(true), InlineData(false)]
    public void TheBaseModelLearnsAsWellInEightBits(bool lora)
    {
        (double First, double Last) Losses(TrainingOptimizer optimizer)
        {
            using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/base"));
            if (lora) model.Adapt(Adapter.Lora(rank: 8, alpha: 16));
            var batches = TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, WordNet.Load().InDomain("noun.food").Of(Split.Train).Take(300)), 8, maximumTokens: 32);
            var run = Trainer.Fit(model, batches.At, new() { Steps = 24, LearningRate = lora ? 5e-3 : 5e-4, Log = null, Optimizer = optimizer });
            return (run.Steps.Take(4).Average(s => s.Loss), run.Steps.TakeLast(8).Average(s => s.Loss));
        }
        var (full, eight) = (Losses(new FullAdamW()), Losses(new AdamW8Bit { SmallestTensor = 0 }));
        Assert.True(full.Last < full.First - 0.2, $"{full.First} to {full.Last}");
        Assert.InRange(eight.Last - full.Last, -0.05, 0.05);
    }
}
