// Training policies against the references' numbers and their own claims.
using TorchSharp;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class PolicyTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public PolicyTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> DyLora => Golden.Where(f => f.Method == "dylora");

    [Theory, MemberData(nameof(DyLora))]
    public void DyLoraEqualsTheReferenceAtEveryRankAndKeepsAlphaOverBInEvaluation(string id)
    {
        var fixture = Golden.Fixture(id);
        var t = fixture.Load();
        foreach (var one in fixture.Entry["cases"]!.AsArray())
        {
            var (index, mode) = (one!["rank_index"]!.GetValue<long>(), one["mode"]!.GetValue<string>());
            var layer = new AdaptedLinear(t["base.weight"].shape[1], t["base.weight"].shape[0], hasBias: true);
            layer.load_state_dict(new() { ["weight"] = t["base.weight"], ["bias"] = t["base.bias"] });
            layer.Adapt(Adapter.DyLora(fixture.Hyper("maximum_rank", 0L), fixture.Hyper("lora_alpha", 0.0)));
            var update = (SampledRankUpdate)layer.Find("default")!.Update;
            using (no_grad())
            {
                update.A.copy_(t["adapter.lora_A"]);
                update.B.copy_(t["adapter.lora_B"]);
            }
            update.Rank = index + 1;
            update.TrainsLastAlone = mode == "train_frozen";
            Assert.Equal(one["net_scale_on_BA"]!.GetValue<double>(), update.Scale);
            layer.train(mode != "eval");
            var x = t["x"].clone().requires_grad_();
            var y = layer.forward(x);
            (y * t["probe"]).sum().backward();
            var prefix = $"r{index}.{mode}.";
            Golden.Close(t[prefix + "out"], y, Golden.LayerTolerance, prefix + "out");
            Golden.Close(t[prefix + "grad.x"], x.grad!, Golden.LayerTolerance, prefix + "grad.x");
            Golden.Close(t[prefix + "grad.lora_A"], update.A.grad!, Golden.LayerTolerance, prefix + "grad.lora_A");
            Golden.Close(t[prefix + "grad.lora_B"], update.B.grad!, Golden.LayerTolerance, prefix + "grad.lora_B");
        }
    }

    [Theory, InlineData(RankDistribution.Uniform), InlineData(RankDistribution.Geometric)]
    public void DyLoraDrawsOneRankAStepForTheWholeModel(RankDistribution distribution)
    {
        using var model = Model();
        model.Adapt(Adapter.DyLora(maximumRank: 4));
        var policy = new DyLoraPolicy(minimumRank: 2, distribution: distribution, p: 0.5);
        policy.Begin(model, new() { Seed = 9 });
        var drawn = new List<long>();
        for (var step = 0; step < 3000; step++)
        {
            policy.BeforeStep(step);
            drawn.Add(policy.Rank);
            if (step < 20) Assert.All(model.LayersOf("default"), l => Assert.Equal(policy.Rank, ((SampledRankUpdate)l.Adapter.Update).Rank));
        }
        double[] expected = distribution == RankDistribution.Uniform ? [1 / 3.0, 1 / 3.0, 1 / 3.0] : [4 / 7.0, 2 / 7.0, 1 / 7.0];
        for (var i = 0; i < 3; i++) Assert.InRange(drawn.Count(r => r == i + 2) / 3000.0, expected[i] - 0.04, expected[i] + 0.04);
        policy.BeforeStep(17);
        Assert.Equal(drawn[17], policy.Rank);                                   // taken up again, it draws the same
        policy.End();
        Assert.All(model.LayersOf("default"), l => Assert.Equal(4, ((SampledRankUpdate)l.Adapter.Update).Rank));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void DyLoraTrainsAndExportsAtEveryRank(bool decomposed)
    {
        using var model = Model();
        var config = Adapter.DyLora(maximumRank: 4);
        model.Adapt(decomposed ? config.WithMagnitude() : config, "q_proj|up_proj");
        var run = Trainer.Fit(model, BatchAt, new() { Steps = 30, LearningRate = 2e-2, Log = null, Policies = [new DyLoraPolicy()] });
        Assert.True(run.Steps.TakeLast(6).Average(s => s.Loss) < run.Steps.Take(6).Average(s => s.Loss));
        using var _ = no_grad();
        var ids = BatchAt(0).Ids;
        for (var rank = 1; rank <= 4; rank++)
        {
            model.SetRank(rank);
            var expected = model.forward(ids);
            model.ExportRank(rank, $"r{rank}");
            Assert.All(model.LayersOf($"r{rank}"), l => Assert.Equal(config.Alpha / rank, ((LowRankUpdate)l.Adapter.Update).Scale));
            Golden.Close(expected, model.forward(ids), 1e-5, $"rank {rank}");
            model.SetAdapter("default");
        }
    }

    [Fact]
    public void AnEvaluationBetweenStepsSeesDyLorasFullRank()
    {
        using var model = Model();
        model.Adapt(Adapter.DyLora(maximumRank: 4), "q_proj");
        var policy = new DyLoraPolicy();
        List<long> evaluated = [], drawn = [];
        Trainer.Fit(model, BatchAt, new()
        {
            Steps = 12, Log = null, Policies = [policy], EvaluateEvery = 1, OnStep = _ => drawn.Add(policy.Rank),
            Evaluate = () =>
            {
                evaluated.Add(((SampledRankUpdate)model.LayersOf("default")[0].Adapter.Update).Rank);
                return 0;
            },
        });
        Assert.All(evaluated, rank => Assert.Equal(4, rank));
        Assert.True(drawn.Distinct().Count() > 1);
    }

    [Fact]
    public void DyLorasFrozenModeMovesTheDrawnDirectionAlone()
    {
        using var model = Model();
        model.Adapt(Adapter.DyLora(maximumRank: 4), "q_proj");
        var policy = new DyLoraPolicy(frozen: true);
        policy.Begin(model, new());
        policy.BeforeStep(0);
        model.Loss(BatchAt(0).Ids).backward();
        foreach (var update in model.LayersOf("default").Select(l => (SampledRankUpdate)l.Adapter.Update))
        {
            var moved = update.B.grad!.abs().sum(0L).gt(0);                     // [R]
            for (var i = 0; i < 4; i++) Assert.Equal(i == policy.Rank - 1, moved[i].item<bool>());
        }
    }

    [Fact]
    public void LoraPlusFollowsPeftsTrajectory()
    {
        var fixture = Golden.Fixtures.Single(f => f.Method == "loraplus_adamw");
        Follow(fixture, fixture.Hyper("loraplus_weight_decay", 0.0), new LoraPlusPolicy(fixture.Hyper("loraplus_lr_ratio", 0.0)));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void AsyLoraTrainsBAloneOverOrthonormalRows(bool decomposed)
    {
        using var model = Model();
        var config = Adapter.Lora(rank: 3);
        model.Adapt(decomposed ? config.WithMagnitude() : config, "q_proj|up_proj");
        LowRankUpdate[] Updates() => [.. model.LayersOf("default").Select(l => (LowRankUpdate)l.Adapter.Update)];
        List<Tensor> before = [];
        var run = Trainer.Fit(model, BatchAt, new()
        {
            Steps = 30, LearningRate = 2e-2, Log = null, Policies = [new AsyLoraPolicy()],
            OnStep = step => { Assert.All(Updates(), u => Assert.False(u.A.requires_grad)); if (step.Step == 1) before = [.. Updates().Select(u => u.A.detach().clone().DetachFromDisposeScope())]; },
        });
        Assert.True(run.Steps.TakeLast(6).Average(s => s.Loss) < run.Steps.Take(6).Average(s => s.Loss));
        foreach (var (update, a) in Updates().Zip(before))
        {
            Assert.True(update.A.eq(a).all().item<bool>());
            Assert.True(update.A.requires_grad);                                // for later runs
            Golden.Close(eye(3), update.A.mm(update.A.t()), 1e-5, "A Aᵀ");
            Assert.True(update.B.abs().max().item<float>() > 0);
            a.Dispose();
        }
    }

    [Fact]
    public void PoliciesThatMakeNoSenseAreRefusedWithASentence()
    {
        using var model = Model();
        model.Adapt(Adapter.Vera(rank: 4));
        TrainingOptions With(TrainingPolicy policy) => new() { Steps = 1, Log = null, Policies = [policy] };
        Assert.Contains("no B of a low-rank adapter trains here",
            Assert.Throws<InvalidOperationException>(() => Trainer.Fit(model, BatchAt, With(new LoraPlusPolicy()))).Message);
        Assert.Contains("is not DyLoRA", Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, With(new DyLoraPolicy()))).Message);
        using var other = Model();
        other.Adapt(Adapter.DyLora(maximumRank: 4));
        Assert.Contains("between 1 and 4; it is 5",
            Assert.Throws<ArgumentException>(() => Trainer.Fit(other, BatchAt, With(new DyLoraPolicy(minimumRank: 5)))).Message);
        Assert.Contains("between 1 and 4; it is 0", Assert.Throws<ArgumentOutOfRangeException>(() => other.SetRank(0)).Message);
    }
}
