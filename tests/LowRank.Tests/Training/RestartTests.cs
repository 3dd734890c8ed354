// ReLoRA, ReMoRA and LoRA-FA: their claims, and PEFT's trajectory.
using TorchSharp;
using TorchSharp.Modules;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class RestartTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public RestartTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Methods => new("LoRA", "DoRA", "orthogonal LoRA", "MoRA");

    private static AdapterConfig Config(string method) => method switch
    {
        "LoRA" => Adapter.Lora(rank: 2),
        "DoRA" => Adapter.Dora(rank: 2),
        "orthogonal LoRA" => Adapter.Lora(rank: 2, init: LoraInit.Orthogonal),
        _ => Adapter.Mora(rank: 2, MoraOperator.Strided),
    };

    [Theory, MemberData(nameof(Methods))]
    public void ARestartLeavesTheOutputAndTheNextStepHasAGradient(string method)
    {
        var layer = new AdaptedLinear(9, 7, hasBias: true, ScalarType.Float64);
        layer.Adapt(Config(method));
        var adapter = layer.Adapters[0];
        using (no_grad()) foreach (var (_, value) in adapter.Tensors) value.add_(randn_like(value).mul_(0.3));
        var x = randn(5, 9, ScalarType.Float64);
        var before = layer.forward(x).detach();
        layer.Absorb(Adapter.DefaultName);
        Golden.Close(before, layer.forward(x), 1e-12, "after the restart");
        layer.EnableAdapters(false);
        Golden.Close(before, layer.forward(x), 1e-12, "the weight alone");
        layer.EnableAdapters();
        // Never A = B = 0, from which no step would ever lead away.
        layer.forward(x).square().sum().backward();
        Assert.Contains(adapter.Update.Tensors, t => t.Value.grad!.abs().max().item<double>() > 0);
    }

    [Fact]
    public void RankGrowsByROnceARestartAndNoMore()
    {
        using var model = Model();
        var before = model.LinearLayers().ToDictionary(l => l.Path, l => l.Layer.Weight.Dequantize().clone());
        model.Adapt(Adapter.Lora(rank: 2), "q_proj|down_proj");
        var policy = new ReLoraPolicy(every: 10, warmup: 2);
        Trainer.Fit(model, BatchAt, new() { Steps = 40, LearningRate = 2e-2, Log = null, Policies = [policy] });
        Assert.Equal(3, policy.Restarts);
        foreach (var (path, layer, _) in model.LayersOf("default"))
        {
            var total = layer.Weight.Dequantize() + layer.Delta("default") - before[path];
            var values = Ranks.SingularValues(total);
            Assert.True(values[8] < 1e-4 * values[0], $"{path}: rank above (k + 1)·r");
            Assert.True(values[7] > 1e-3 * values[0], $"{path}: {string.Join(' ', values)}");
        }
        Assert.Contains("3 restarts have put parts of an adapter",
            Assert.Throws<InvalidOperationException>(() => model.SaveAdapter("nowhere")).Message);
    }

    [Theory, MemberData(nameof(Methods))]
    public void ARunWithRestartsGoesOnWhereItWas(string method)
    {
        using var model = Model();
        model.Adapt(Config(method));
        var policy = new ReLoraPolicy(every: 8, warmup: 2);
        var run = Trainer.Fit(model, BatchAt, new() { Steps = 32, LearningRate = 1e-2, Log = null, Policies = [policy] });
        var rise = run.Steps.Zip(run.Steps.Skip(1), (a, b) => b.Loss - a.Loss).Max();
        Assert.True(run.Steps.TakeLast(6).Average(s => s.Loss) < run.Steps.Take(6).Average(s => s.Loss));
        Assert.InRange(rise, double.MinValue, 0.5);
    }

    [Fact]
    public void MostOfTheMomentsForgottenDoesNotThrowTheRunOff()
    {
        double Worst(double forget)
        {
            using var model = Model();
            model.Adapt(Adapter.Lora(rank: 4));
            var run = Trainer.Fit(model, BatchAt, new() { Steps = 30, LearningRate = 2e-2, Log = null, Policies = [new ReLoraPolicy(7, 2, forget)] });
            return run.Steps.Skip(7).Max(s => s.Loss) / run.Steps[0].Loss;
        }
        Assert.InRange(Worst(0.9), 0, 1.1);
    }

    [Fact]
    public void NoAdapterOfALayerThatTookPartsInIsSaved()
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        Trainer.Fit(model, BatchAt, new() { Steps = 9, LearningRate = 1e-2, Log = null, Policies = [new ReLoraPolicy(4, 1)] });
        model.ConvertToLora("default", 2, "converted");
        model.RemoveAdapter("default");
        model.Adapt(Adapter.Lora(rank: 2), "q_proj", "new");
        foreach (var name in new[] { "converted", "new" })
            Assert.Contains("2 restarts have put parts", Assert.Throws<InvalidOperationException>(() => model.SaveAdapter("nowhere", name)).Message);
    }

    [Fact]
    public void ARefusedRunLeavesTheModelAsItWas()
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        var update = (LowRankUpdate)model.LayersOf("default")[0].Adapter.Update;
        Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, new() { Steps = 9, Log = null, Policies = [new AsyLoraPolicy(), new ReLoraPolicy(3, 10)] }));
        Assert.True(update.A.requires_grad && !update.OrthonormalRows);
        Assert.Contains("ends before its first restart", Assert.Throws<ArgumentException>(
            () => Trainer.Fit(model, BatchAt, new() { Steps = 9, Log = null, Policies = [new ReLoraPolicy(50)] })).Message);
        using var biased = Model();
        biased.Adapt(Adapter.Lora(rank: 2, bias: true), "q_proj");
        Assert.Contains("has a bias, and the layer has none that a restart", Assert.Throws<ArgumentException>(
            () => Trainer.Fit(biased, BatchAt, new() { Steps = 9, Log = null, Policies = [new ReLoraPolicy(3, 1)] })).Message);
    }

    [Fact]
    public void AnAdapterThatIsNotAtWorkIsNotTrained()
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        string Refused(params TrainingPolicy[] policies) => Assert.Throws<InvalidOperationException>(
            () => Trainer.Fit(model, BatchAt, new() { Steps = 9, Log = null, Policies = policies })).Message;
        using (model.DisableAdapters())
        {
            Assert.Contains("no adapter is at work", Refused());
            Assert.Contains("switched off", Refused(new LoraFaPolicy()));
        }
        model.Merge();
        Assert.Contains("no adapter is at work", Refused());
        Assert.Contains("it is merged", Refused(new AsyLoraPolicy()));
        model.Unmerge();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj", "other");
        Assert.Contains("it is not active", Refused(new ReLoraPolicy(3, 1)));
    }

    [Fact]
    public void TheLearningRateIsAJaggedCosine()
    {
        var options = new TrainingOptions { Steps = 100, WarmupSteps = 5, LearningRate = 1 };
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        var policy = new ReLoraPolicy(every: 25, warmup: 5);
        policy.Begin(model, options);
        double At(long step) => policy.LearningRateAt(step, options.LearningRateAt(step));
        for (var step = 0; step < 25; step++) Assert.Equal(options.LearningRateAt(step), At(step));
        foreach (var restart in new[] { 25, 50, 75 })
        {
            Assert.Equal(0, At(restart));
            for (var i = 0; i < 5; i++) Assert.Equal(options.LearningRateAt(restart + 5) * i / 5, At(restart + i), 12);
            for (var i = 5; i < 25; i++) Assert.Equal(options.LearningRateAt(restart + i), At(restart + i));
        }
    }

    [Theory, InlineData(1.0), InlineData(0.9), InlineData(0.0)]
    public void TheOptimizerForgetsTheSmallestMoments(double forget)
    {
        using var model = Model();
        model.Adapt(Adapter.Dora(rank: 2), "q_proj");
        var layers = model.LayersOf("default");
        var parameters = layers.SelectMany(l => l.Adapter.parameters()).ToList();
        var group = new TorchSharp.Modules.AdamW.ParamGroup(parameters);
        using var optimizer = new FullAdamW().Over([group], model.named_parameters());
        var update = new TrainingUpdate(optimizer, [group]) { Step = 4 };
        (Tensor First, Tensor Second) MomentsOf(Parameter p)
        {
            (Tensor, Tensor) moments = default;
            Assert.True(update.ChangeMoments(p, (first, second) => moments = (first, second)));
            return moments;
        }
        foreach (var p in parameters)
            using (no_grad())
            {
                MomentsOf(p).First.normal_();
                MomentsOf(p).Second.uniform_(0.1, 1);
            }
        var before = parameters.Select(p => MomentsOf(p).First.clone()).ToList();
        var policy = new ReLoraPolicy(every: 5, warmup: 0, forget: forget);
        policy.Begin(model, new() { Steps = 10 });
        policy.AfterUpdate(update);
        foreach (var (p, old) in parameters.Zip(before))
        {
            var moment = MomentsOf(p).First;
            var left = moment.ne(0);
            if (p.ndim == 1)
            {
                Assert.True(moment.eq(old).all().item<bool>());                 // the magnitude goes on
                continue;
            }
            Assert.Equal(p.numel() - (long)(forget * p.numel()), left.sum().item<long>());
            Assert.True(left.eq(MomentsOf(p).Second.ne(0)).all().item<bool>());     // never a step of m/√0
            Assert.True(moment.masked_select(left).eq(old.masked_select(left)).all().item<bool>());
            if (forget == 0.9)
                Assert.True(old.abs().masked_select(left).min().item<float>() > old.abs().masked_select(left.logical_not()).max().item<float>());
        }
    }

    [Theory, InlineData(MoraOperator.Strided, MoraOperator.Contiguous), InlineData(MoraOperator.StridedToContiguous, MoraOperator.ContiguousToStrided),
        InlineData(MoraOperator.Rotation, MoraOperator.Rotation)]
    public void ReMoraSwitchesTheSharingOperatorAtEachRestart(MoraOperator first, MoraOperator second)
    {
        using var model = Model();
        model.Adapt(Adapter.Mora(rank: 2, first), "q_proj");
        List<MoraOperator> seen = [];
        Trainer.Fit(model, BatchAt, new()
        {
            Steps = 9, Log = null, Policies = [new ReLoraPolicy(every: 3, warmup: 1)],
            OnStep = step => seen.Add(((MoraUpdate)model.LayersOf("default")[0].Adapter.Update).Operator),
        });
        Assert.Equal([first, first, second, second, second, first, first, first, first], seen);
        Assert.All(model.LayersOf("default"), l => Assert.Equal(first, ((MoraConfig)l.Adapter.Config!).Operator));
    }

    [Fact]
    public void AsyLoraWithRestartsDrawsOrthonormalRowsEachTime()
    {
        using var model = Model();
        model.Adapt(Adapter.Lora(rank: 3), "q_proj");
        List<Tensor> drawn = [];
        Trainer.Fit(model, BatchAt, new()
        {
            Steps = 12, LearningRate = 1e-2, Log = null, Policies = [new AsyLoraPolicy(), new ReLoraPolicy(every: 6, warmup: 1)],
            OnStep = _ => drawn.Add(((LowRankUpdate)model.LayersOf("default")[0].Adapter.Update).A.detach().clone().DetachFromDisposeScope()),
        });
        Assert.All(drawn, a => Golden.Close(eye(3), a.mm(a.t()), 1e-5, "A Aᵀ"));
        Assert.False(drawn[0].eq(drawn[^1]).any().item<bool>());
        drawn.ForEach(a => a.Dispose());
    }

    [Fact]
    public void LoraFaFollowsPeftsTrajectory()
    {
        var fixture = Golden.Fixtures.Single(f => f.Method == "lorafa");
        Follow(fixture, fixture.Hyper("weight_decay", 0.0), new LoraFaPolicy());
    }

    [Fact]
    public void LoraFasGradientIsTheLeastSquaresOneThroughA()
    {
        // What a step along it does to ΔW = s·BA is the projection of the dense gradient G onto A's rows: s·(∇B')A·s = G A⁺A.
        var layer = new AdaptedLinear(9, 7, dtype: ScalarType.Float64);
        layer.Adapt(Adapter.Lora(rank: 3, alpha: 6));
        var update = (LowRankUpdate)layer.Adapters[0].Update;
        var policy = new LoraFaPolicy();
        policy.Begin(layer, new());
        var (x, probe) = (randn(5, 9, ScalarType.Float64), randn(5, 7, ScalarType.Float64));
        (layer.forward(x) * probe).sum().backward();
        using var _ = no_grad();
        var dense = probe.t().mm(x);
        using var optimizer = new FullAdamW().Over([new([update.B])], [("B", update.B)]);
        policy.BeforeUpdate(new(optimizer, []));
        var projected = dense.mm(linalg.pinv(update.A)).mm(update.A);
        Golden.Close(projected, update.B.grad!.mm(update.A).mul(update.Scale), 1e-6, "s·∇B A");
    }

    [Fact]
    public void CombinationsThatMakeNoSenseAreRefusedInAnyOrder()
    {
        using var model = Model();
        model.Adapt(Adapter.Lora());
        void Refused(string part, params TrainingPolicy[] policies)
        {
            foreach (var order in new[] { policies, [.. policies.Reverse()] })
                Assert.Contains(part, Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, new() { Steps = 9, Log = null, Policies = order })).Message);
        }
        Refused("AsyLoRA freezes A", new AsyLoraPolicy(), new LoraPlusPolicy());
        Refused("LoRA-FA freezes A", new LoraFaPolicy(), new LoraPlusPolicy());
        Refused("the same at every rank", new ReLoraPolicy(3, 1), new DyLoraPolicy());
        Refused("draws directions anew", new ReLoraPolicy(3, 1), new AdaLoraPolicy());
        Refused("LoraPlusPolicy is there twice", new LoraPlusPolicy(), new LoraPlusPolicy());
        Refused("shorter than the 3 steps", new ReLoraPolicy(every: 3, warmup: 3));
        Refused("must lie between 0 and 1", new ReLoraPolicy(every: 3, warmup: 1, forget: 2));
        Assert.True(((LowRankUpdate)model.LayersOf("default")[0].Adapter.Update).A.requires_grad);
        using var vera = Model();
        vera.Adapt(Adapter.Vera(rank: 4), "q_proj");
        Assert.Contains("can't begin anew when its change has gone into the weight: it is a VeraUpdate", Assert.Throws<ArgumentException>(
            () => Trainer.Fit(vera, BatchAt, new() { Steps = 9, Log = null, Policies = [new ReLoraPolicy(3, 1)] })).Message);
    }

    [Fact]
    public void LoraPlusAndReLoraGoTogether()
    {
        using var model = Model();
        model.Adapt(Adapter.Dora(rank: 2));
        var run = Trainer.Fit(model, BatchAt, new()
        {
            Steps = 30, LearningRate = 1e-3, Log = null, Policies = [new LoraPlusPolicy(ratio: 8), new ReLoraPolicy(every: 10, warmup: 2)],
        });
        Assert.True(run.Steps.TakeLast(6).Average(s => s.Loss) < run.Steps.Take(6).Average(s => s.Loss));
    }
}
