using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;
using Schedule = TorchSharp.torch.optim.lr_scheduler.LRScheduler;

namespace LibTorch.Tests;

/// <summary>Schedules against the multipliers of transformers' own, and against their formulas.</summary>
public class SchedulerTests
{
    static SGD Optimizer(double rate = 1) => SGD([nn.Parameter(ones(1))], rate);

    static double[] Rates(Optimizer optimizer, Schedule schedule, int steps)
    {
        var rates = new double[steps];
        for (var t = 0; t < steps; t++)
        {
            rates[t] = optimizer.ParamGroups.Single().LearningRate;
            Assert.Equal(rates[t], schedule.get_last_lr().Single());
            schedule.step();
        }
        return rates;
    }

    static double[] Golden(string name) =>
        [.. JsonNode.Parse(File.ReadAllText(GoldenTensors.PathOf("optim/schedules.json")))!["schedules"]![name]!["multiplier_at_step"]!.AsArray().Select(m => m!.GetValue<double>())];

    static void Close(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var t = 0; t < expected.Length; t++) Assert.Equal(expected[t], actual[t], 1e-12);
    }

    public static TheoryData<string> AfterWarmUp => ["linear", "cosine", "constant_with_warmup"];

    /// <summary>Four steps of warm-up, of which ours starts at the second (a linear schedule can't start from 0), then twenty of decay.</summary>
    [Theory]
    [MemberData(nameof(AfterWarmUp))]
    public void Warm_up_and_decay_follow_each_other(string name)
    {
        var optimizer = Optimizer();
        var warmUp = lr_scheduler.LinearLR(optimizer, 0.25, 1, total_iters: 3);
        var decay = name switch
        {
            "linear" => lr_scheduler.LinearLR(optimizer, 1, 0, total_iters: 20),
            "cosine" => lr_scheduler.CosineAnnealingLR(optimizer, 20),
            _ => lr_scheduler.ConstantLR(optimizer, 1),
        };
        var schedule = lr_scheduler.SequentialLR(optimizer, [warmUp, decay], [3]);
        Close(Golden(name)[1..], Rates(optimizer, schedule, 23));
    }

    [Theory]
    [InlineData("linear")]
    [InlineData("inverse_sqrt")]
    [InlineData("constant")]
    public void A_function_gives_the_factor(string name)
    {
        var optimizer = Optimizer(0.5);
        var schedule = lr_scheduler.LambdaLR(optimizer, t => name switch
        {
            "linear" => t < 4 ? t / 4.0 : (24 - t) / 20.0,
            "inverse_sqrt" => t < 4 ? t / 4.0 : Math.Sqrt(4.0 / t),
            _ => 1,
        });
        Close([.. Golden(name).Select(m => m / 2)], Rates(optimizer, schedule, 24));
    }

    [Fact]
    public void Steps_constants_and_lines_follow_their_formulas()
    {
        var optimizer = Optimizer(2);
        Close([2, 2, 2, 1, 1, 1, 0.5, 0.5], Rates(optimizer, lr_scheduler.StepLR(optimizer, 3, 0.5), 8));
        optimizer = Optimizer(2);
        Close([0.5, 0.5, 2, 2], Rates(optimizer, lr_scheduler.ConstantLR(optimizer, 0.25, 2), 4));
        optimizer = Optimizer(2);
        Close([1, 1.25, 1.5, 1.75, 2, 2], Rates(optimizer, lr_scheduler.LinearLR(optimizer, 0.5, 1, 4), 6));
        optimizer = Optimizer(2);
        Close([.. Enumerable.Range(0, 9).Select(t => 0.5 + 0.75 * (1 + Math.Cos(Math.PI * t / 4)))],
            Rates(optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 4, 0.5), 9));
    }

    [Fact]
    public void A_jump_uses_the_closed_form()
    {
        var optimizer = Optimizer(2);
        var schedule = lr_scheduler.StepLR(optimizer, 3, 0.5);
        schedule.step(7);
        Assert.Equal(0.5, optimizer.ParamGroups.Single().LearningRate);
        schedule.step();
        Assert.Equal(0.5, optimizer.ParamGroups.Single().LearningRate);
        schedule.step();
        Assert.Equal(0.25, optimizer.ParamGroups.Single().LearningRate);
    }

    [Fact]
    public void A_sequence_jumps_too()
    {
        var optimizer = Optimizer();
        var schedule = lr_scheduler.SequentialLR(optimizer, [lr_scheduler.LinearLR(optimizer, 0.25, 1, 3), lr_scheduler.CosineAnnealingLR(optimizer, 20)], [3]);
        schedule.step(13);
        Assert.Equal(0.5, optimizer.ParamGroups.Single().LearningRate, 1e-12);
        schedule.step();
        Assert.Equal(Golden("cosine")[15], optimizer.ParamGroups.Single().LearningRate, 1e-12);
        schedule.step(0);
        Assert.Equal(0.25, optimizer.ParamGroups.Single().LearningRate, 1e-12);
    }

    [Fact]
    public void Two_schedules_multiply()
    {
        var optimizer = Optimizer();
        Schedule step = lr_scheduler.StepLR(optimizer, 2, 0.5), constant = lr_scheduler.ConstantLR(optimizer, 0.5, 3);
        var rates = new List<double>();
        for (var t = 0; t < 5; t++)
        {
            rates.Add(optimizer.ParamGroups.Single().LearningRate);
            step.step();
            constant.step();
        }
        Close([0.5, 0.5, 0.25, 0.5, 0.25], [.. rates]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_cycle_rises_and_falls_and_momentum_against_it(bool threePhases)
    {
        var optimizer = AdamW([nn.Parameter(ones(1))], 1);
        var schedule = lr_scheduler.OneCycleLR(optimizer, 1, total_steps: 20, pct_start: 0.3, div_factor: 10, final_div_factor: 100, three_phase: threePhases);
        double[] rates = new double[20], betas = new double[20];
        for (var t = 0; t < 20; t++)
        {
            (rates[t], betas[t]) = (optimizer.ParamGroups.Single().LearningRate, optimizer.Betas.Item1);
            if (t < 19) schedule.step();
        }
        Assert.Equal((0.1, 0.95), (Math.Round(rates[0], 12), Math.Round(betas[0], 12)));
        Assert.Equal((1, 0.85), (Math.Round(rates[5], 12), Math.Round(betas[5], 12)));   // 0.3 · 20 − 1
        Assert.Equal(0.1 + 0.9 / 2 * (1 - Math.Cos(Math.PI * 2 / 5)), rates[2], 1e-12);
        Assert.Equal(0.001, rates[19], 1e-12);
        Assert.Equal(0.95, betas[19], 1e-12);
        if (threePhases) Assert.Equal((0.1, 0.95), (Math.Round(rates[10], 12), Math.Round(betas[10], 12)));
        Assert.Contains("20 steps", Assert.Throws<InvalidOperationException>(schedule.step).Message);
    }

    [Fact]
    public void Impossible_schedules_are_refused()
    {
        var optimizer = Optimizer();
        Assert.Throws<ArgumentOutOfRangeException>(() => lr_scheduler.LinearLR(optimizer, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => lr_scheduler.StepLR(optimizer, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => lr_scheduler.ConstantLR(optimizer, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => lr_scheduler.CosineAnnealingLR(optimizer, 0));
        Assert.Throws<ArgumentException>(() => lr_scheduler.OneCycleLR(optimizer, 1));
        var one = lr_scheduler.ConstantLR(optimizer);
        Assert.Contains("1 schedules need 0", Assert.Throws<ArgumentException>(() => lr_scheduler.SequentialLR(optimizer, [one], [3])).Message);
    }
}
