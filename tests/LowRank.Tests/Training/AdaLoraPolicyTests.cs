// AdaLoRA's budget against PEFT's allocator, and at every step of a run.
using TorchSharp;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class AdaLoraPolicyTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public AdaLoraPolicyTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    /// <summary>Two layers, as the fixture's.</summary>
    private sealed class Pair : nn.Module
    {
        private readonly AdaptedLinear first, second;

        public Pair(long inFeatures, long hidden) : base(nameof(Pair))
        {
            (first, second) = (new(inFeatures, hidden), new(hidden, inFeatures));
            RegisterComponents();
        }
    }

    [Fact]
    public void CutsWhatPeftsAllocatorCuts()
    {
        var fixture = Golden.Fixtures.Single(f => f.Method == "adalora rank allocator");
        var t = fixture.Load();
        var model = new Pair(t["base.0.weight"].shape[1], t["base.0.weight"].shape[0]);
        model.Adapt(Adapter.AdaLora(fixture.Hyper("target_r", 0L), fixture.Hyper("init_r", 0L)));
        var updates = model.LayersOf("default").Select(l => (SvdUpdate)l.Adapter.Update).ToList();
        foreach (var (update, index) in updates.Zip(["0", "2"]))
            foreach (var (name, value) in update.Tensors)
                using (no_grad()) value.copy_(t[$"start.{index}.{name}"]);

        var policy = new AdaLoraPolicy(fixture.Hyper("tinit", 0L), fixture.Hyper("tfinal", 0L), fixture.Hyper("deltaT", 0L), 0,
            fixture.Hyper("beta1", 0.0), fixture.Hyper("beta2", 0.0));
        policy.Begin(model, new() { Steps = fixture.Hyper("total_step", 0L) });
        using var optimizer = new FullAdamW().Over([new(model.parameters().ToList())], model.named_parameters());
        var step = new TrainingUpdate(optimizer, []);
        var schedule = fixture.Entry["schedule[step, budget, mask]"]!.AsArray();
        foreach (var row in schedule)
        {
            step.Step = row![0]!.GetValue<long>();
            foreach (var (update, index) in updates.Zip(["0", "2"]))
                foreach (var (name, value) in update.Tensors) value.grad = t[$"step{step.Step}.grad.{index}.{name}"];
            policy.AfterUpdate(step);
            Assert.Equal(row[1]!.GetValue<long>(), policy.Budget);
            foreach (var (update, index) in updates.Zip(["0", "2"]))
                Golden.Close(t[$"step{step.Step}.{index}.lora_E"], update.Lambda, 1e-7, $"λ of layer {index} after step {step.Step}");
        }
        Assert.True(policy.Kept.Values.Sum() < schedule[0]![1]!.GetValue<long>());
    }

    [Theory, InlineData(false), InlineData(true)]
    public void TheBudgetHoldsAtEveryStepAndADirectionCanReturnUntilItIsFinal(bool decomposed)
    {
        using var model = Model();
        var config = Adapter.AdaLora(targetRank: 2, initialRank: 4);
        model.Adapt(decomposed ? config.WithMagnitude() : config);
        var policy = new AdaLoraPolicy(initialSteps: 5, finalSteps: 15, every: 3);
        var updates = model.LayersOf("default").Select(l => (SvdUpdate)l.Adapter.Update).ToList();
        List<long> budgets = [];
        HashSet<string> finals = [];
        string Pattern() => string.Join(' ', updates.Select(u => string.Concat(u.Lambda.ne(0).data<bool>().Select(kept => kept ? 1 : 0))));
        HashSet<string> patterns = [];
        var run = Trainer.Fit(model, BatchAt, new()
        {
            Steps = 60, LearningRate = 1e-2, Log = null, Policies = [policy], OnStep = step =>
            {
                budgets.Add(policy.Budget);
                Assert.True(policy.Kept.Values.Sum() >= policy.Budget);
                if ((step.Step - 1) % 3 == 0 && step.Step > 6)                  // just cut
                    Assert.InRange(updates.Sum(u => u.Lambda.count_nonzero().item<long>()), 1, policy.Budget);
                if (step.Step > 46) finals.Add(Pattern());
                else if (step.Step > 6) patterns.Add(Pattern());
            },
        });
        Assert.Equal(14 * 4, budgets[0]);
        Assert.Equal(14 * 2, budgets[^1]);
        Assert.Equal(budgets.OrderDescending(), budgets);
        Assert.Equal(14 * 2, policy.Kept.Values.Sum());
        Assert.Single(finals);                                                  // after the last cut the pattern stays
        Assert.True(patterns.Count > 1);
        Assert.True(run.Steps.TakeLast(6).Average(s => s.Loss) < run.Steps.Take(6).Average(s => s.Loss));
        foreach (var update in updates) Assert.True(Ranks.Numerical(update.Delta(ScalarType.Float64)) <= update.Lambda.count_nonzero().item<long>());
    }

    [Fact]
    public void ABudgetOfAllCutsNothing()
    {
        // The reference's k-th smallest value does not exist for k = 0.
        using var model = Model();
        model.Adapt(Adapter.AdaLora(targetRank: 3, initialRank: 3), "q_proj");
        var policy = new AdaLoraPolicy(initialSteps: 0, finalSteps: 2, every: 1);
        Trainer.Fit(model, BatchAt, new() { Steps = 10, Log = null, Policies = [policy] });
        Assert.All(policy.Kept.Values, kept => Assert.Equal(3, kept));
    }

    [Fact]
    public void ThePenaltyIsThePlainNormAveragedOverTheMatrices()
    {
        using var model = Model();
        model.Adapt(Adapter.AdaLora(targetRank: 2), "q_proj|up_proj");
        var policy = new AdaLoraPolicy(1, 1, orthogonality: 0.25);
        policy.Begin(model, new() { Steps = 10 });
        var norms = model.LayersOf("default").Select(l => (SvdUpdate)l.Adapter.Update).SelectMany(u => new[] { u.P.t().mm(u.P), u.Q.mm(u.Q.t()) })
            .Select(square => (square - eye(3)).square().sum().sqrt().item<float>()).ToList();
        Assert.Equal(8, norms.Count);
        Assert.Equal(0.25 * norms.Average(), policy.Penalty()!.item<float>(), 1e-5);
        var before = norms.Average();
        Trainer.Fit(model, BatchAt, new() { Steps = 80, LearningRate = 1e-2, Log = null, Policies = [policy] });
        policy.Begin(model, new() { Steps = 10 });
        Assert.Equal(4 * 2, policy.BudgetAt(9));                                // begun again, not added to
        Assert.True(policy.Penalty()!.item<float>() / 0.25 < before / 2);       // P and Q become orthogonal
    }

    [Fact]
    public void AFileThatLeavesOutDirectionsIsReadAsPeftWritesIt()
    {
        using var folder = new TemporaryFolder();
        using var model = Model();
        model.Adapt(Adapter.AdaLora(targetRank: 2, initialRank: 4), "q_proj");
        foreach (var (_, _, adapter) in model.LayersOf("default"))
            using (no_grad()) foreach (var (_, value) in adapter.Tensors) value.normal_();
        IReadOnlyList<bool> pattern = [true, false, false, true], none = [false, false, false, false];
        using var compact = Model();
        compact.Adapt(Adapter.AdaLora(targetRank: 2, initialRank: 4) with
        {
            RankPattern = new Dictionary<string, IReadOnlyList<bool>> { ["model.layers.0.self_attn.q_proj"] = pattern, ["model.layers.1.self_attn.q_proj"] = none },
        }, "q_proj");
        using (no_grad())
            foreach (var ((path, _, from), (_, _, to)) in model.LayersOf("default").Zip(compact.LayersOf("default")))
            {
                var (whole, cut) = ((SvdUpdate)from.Update, (SvdUpdate)to.Update);
                var kept = path.Contains("layers.0", StringComparison.Ordinal) ? new long[] { 0, 3 } : [];
                Assert.Equal(kept.Length, cut.Rank);
                Assert.Equal(whole.Scale, cut.Scale);
                var chosen = tensor(kept, ScalarType.Int64);
                whole.Lambda.mul_(zeros(4, 1).index_fill_(0, chosen, 1));
                cut.Q.copy_(whole.Q.index_select(0, chosen));
                cut.P.copy_(whole.P.index_select(1, chosen));
                cut.Lambda.copy_(whole.Lambda.index_select(0, chosen));
            }
        compact.SaveAdapter(folder.File("compact"));
        Assert.Contains("\"model.layers.1.self_attn.q_proj.lora_E\": [", File.ReadAllText(folder.File("compact/adapter_config.json")));
        using var read = Model();
        read.LoadAdapter(folder.File("compact"));
        using var _ = no_grad();
        Golden.Close(model.forward(BatchAt(0).Ids), read.forward(BatchAt(0).Ids), 1e-6, "read back");
    }

    [Fact]
    public void WhatMakesNoSenseIsRefusedWithASentence()
    {
        using var model = Model();
        model.Adapt(Adapter.AdaLora(targetRank: 2));
        void Refused(string part, AdaLoraPolicy policy) =>
            Assert.Contains(part, Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, new() { Steps = 10, Log = null, Policies = [policy] })).Message);
        Refused("leave none of the run's 10", new(initialSteps: 4, finalSteps: 6));
        Refused("at least 1; they are 0", new(every: 0));
        Refused("beta2 must lie between 0 and 1", new(beta2: 1));
        Refused("penalty must be finite", new(orthogonality: double.NaN));
        using var other = Model();
        other.Adapt(Adapter.Lora());
        Assert.Contains("is not AdaLoRA",
            Assert.Throws<ArgumentException>(() => Trainer.Fit(other, BatchAt, new() { Steps = 10, Log = null, Policies = [new AdaLoraPolicy()] })).Message);
    }
}
