using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static CausalLm Model(long seed = 1) => new(Models.CausalLmTests.Small with { InitializerRange = 0.1 }, seed);

    /// <summary>Rows that count up: the next token follows from the one before.</summary>
    private static Batch Counting(long number)
    {
        var start = arange(0, 8, ScalarType.Int64).unsqueeze(1) + number;
        return new((start + arange(0, 12, ScalarType.Int64)).remainder(20) + 1);
    }

    private static readonly TrainingOptions Quiet = new() { Log = null, LearningRate = 0.01, WarmupSteps = 5, Steps = 60 };

    [Fact]
    public void It_learns_to_count()
    {
        using var model = Model();
        var run = Trainer.Fit(model, Counting, Quiet with { Steps = 150 });
        Assert.InRange(run.Steps[0].Loss, 2.5, 4);
        Assert.True(run.Steps[^1].Loss < 0.2, $"the loss ended at {run.Steps[^1].Loss}");
        Assert.Equal((150, 150 * 96, false), (run.Steps.Count, run.Tokens, run.Cancelled));
        Assert.True(Evaluation.Perplexity(model, [Counting(3)]) < 1.3);
    }

    [Fact]
    public void The_same_seed_trains_the_same_model()
    {
        TrainingRun Run()
        {
            using var model = Model();
            return Trainer.Fit(model, Counting, Quiet with { Steps = 10 });
        }
        Assert.Equal(Run().Steps.Select(s => (s.Loss, s.GradientNorm)), Run().Steps.Select(s => (s.Loss, s.GradientNorm)));
    }

    [Fact]
    public void Only_what_requires_a_gradient_moves()
    {
        using var model = Model();
        foreach (var (name, parameter) in model.named_parameters())
            parameter.requires_grad = name.Contains("q_proj");
        var before = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        Trainer.Fit(model, Counting, Quiet with { Steps = 3 });
        foreach (var (name, after) in model.state_dict())
            Assert.Equal(!name.Contains("q_proj"), after.allclose(before[name], 0, 0));
    }

    [Fact]
    public void Two_accumulated_halves_make_the_step_of_the_whole()
    {
        Batch Half(long i) => new(Counting(0).Ids.narrow(0, i % 2 * 4, 4));
        using var whole = Model();
        using var halves = Model();
        Trainer.Fit(whole, _ => Counting(0), Quiet with { Steps = 3 });
        Trainer.Fit(halves, Half, Quiet with { Steps = 3, Accumulation = 2 });
        foreach (var (name, parameter) in whole.named_parameters())
            Golden.Close(parameter, halves.get_parameter(name)!, 1e-3, name);
    }

    [Fact]
    public void Cancelling_keeps_what_was_learned_and_returns_the_run_so_far()
    {
        using var model = Model();
        using var stop = new CancellationTokenSource();
        var run = Trainer.Fit(model, Counting, Quiet with { OnStep = s => { if (s.Step == 7) stop.Cancel(); }, Cancellation = stop.Token });
        Assert.Equal((7, true), (run.Steps.Count, run.Cancelled));
        using var seven = Model();
        Trainer.Fit(seven, Counting, Quiet with { Cancellation = AfterSteps(7, out var observe), OnStep = observe });
        Assert.True(model.forward(Counting(0).Ids).allclose(seven.forward(Counting(0).Ids), 0, 0));
    }

    private static CancellationToken AfterSteps(long steps, out Action<StepMetrics> observe)
    {
        var source = new CancellationTokenSource();
        observe = s => { if (s.Step == steps) source.Cancel(); };
        return source.Token;
    }

    [Fact]
    public void A_loss_that_is_not_finite_stops_with_the_step()
    {
        using var model = Model();
        var error = Assert.Throws<TrainingDivergedException>(() =>
            Trainer.Fit(model, batch => model.Loss(batch.Ids) * (batch.Ids[0, 0].item<long>() == 4 ? double.NaN : 1), Counting, Quiet));
        Assert.Equal((4L, null), (error.Step, error.Parameter));
        Assert.Contains("step 4", error.Message);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_stops_with_step_and_parameter_and_updates_nothing()
    {
        using var model = Model();
        var target = model.get_parameter("model.layers.1.mlp.up_proj.weight")!;
        var before = target.clone();
        // √ at 0 has an infinite slope where the loss itself stays finite.
        var error = Assert.Throws<TrainingDivergedException>(() => Trainer.Fit(model,
            batch => model.Loss(batch.Ids) + (target - target.detach()).abs().sum().sqrt(), Counting, Quiet));
        Assert.Equal((1L, "model.layers.1.mlp.up_proj.weight"), (error.Step, error.Parameter));
        Assert.True(target.allclose(before, 0, 0));
    }

    [Fact]
    public void Nothing_to_train_is_an_error()
    {
        using var model = Model();
        foreach (var parameter in model.parameters()) parameter.requires_grad = false;
        Assert.Contains("nothing to train", Assert.Throws<InvalidOperationException>(() => Trainer.Fit(model, Counting, Quiet)).Message);
    }

    [Fact]
    public void The_learning_rate_rises_and_falls()
    {
        TrainingOptions options = new() { Steps = 100, WarmupSteps = 10, LearningRate = 1, FinalLearningRatePart = 0.1 };
        Assert.Equal(0.1, options.LearningRateAt(0), 12);
        Assert.Equal(1, options.LearningRateAt(9), 12);
        Assert.Equal(1, options.LearningRateAt(10), 12);
        Assert.Equal(0.1, options.LearningRateAt(99), 12);
        Assert.All(Enumerable.Range(10, 88), step => Assert.True(options.LearningRateAt(step) > options.LearningRateAt(step + 1)));
    }

    [Fact]
    public void The_learning_rate_falls_in_a_straight_line_or_not_at_all()
    {
        TrainingOptions options = new() { Steps = 101, WarmupSteps = 0, LearningRate = 2, FinalLearningRatePart = 0, Schedule = LearningRateSchedule.Linear };
        Assert.All(Enumerable.Range(0, 101), step => Assert.Equal(2 - step / 50.0, options.LearningRateAt(step), 12));
        Assert.All(Enumerable.Range(0, 101), step => Assert.Equal(2, (options with { FinalLearningRatePart = 1 }).LearningRateAt(step), 12));
        Assert.Equal(1.5, (options with { FinalLearningRatePart = 0.5 }).LearningRateAt(50), 12);
        using var model = Model();
        Assert.Contains("Cosine or Linear", Assert.Throws<ArgumentException>(() =>
            Trainer.Fit(model, Counting, Quiet with { Schedule = (LearningRateSchedule)7 })).Message);
    }

    [Fact]
    public void Evaluations_are_recorded_and_progress_is_plain_lines_when_redirected()
    {
        using var model = Model();
        using var log = new StringWriter();
        var run = Trainer.Fit(model, Counting, Quiet with { Steps = 40, Log = log, EvaluateEvery = 15, Evaluate = () => Evaluation.Loss(model, [Counting(0)]) });
        Assert.Equal([15L, 30L, 40L], run.Evaluations.Select(e => e.Step));
        var lines = log.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(lines.Length, 20, 24);
        Assert.DoesNotContain('\r', log.ToString());
        Assert.Contains("step 40/40", lines[^1]);
        Assert.Contains("evaluation", lines[^1]);
    }

    [Fact]
    public void Clipping_bounds_the_joint_norm()
    {
        using var model = Model();
        double after = 0;
        Trainer.Fit(model, Counting, Quiet with
        {
            Steps = 1, MaxGradientNorm = 0.01,
            OnStep = _ => after = Math.Sqrt(model.parameters().Sum(p => Math.Pow(p.grad!.norm().item<float>(), 2))),
        });
        Assert.Equal(0.01, after, 5);
    }

    [Fact]
    public void A_sequence_of_batches_begins_again_and_an_empty_one_is_refused()
    {
        using var model = Model();
        Assert.Equal(7, Trainer.Fit(model, Enumerable.Range(0, 3).Select(i => Counting(i)), Quiet with { Steps = 7 }).Steps.Count);
        Assert.Contains("no batch", Assert.Throws<ArgumentException>(() => Trainer.Fit(model, [], Quiet)).Message);
    }
}
