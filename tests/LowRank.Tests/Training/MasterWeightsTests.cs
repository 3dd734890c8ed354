// Masters of 16-bit parameters: torch's AdamW over float32, rounded; what is changed between steps is followed; small steps add up.
using TorchSharp;
using TorchSharp.Modules;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class MasterWeightsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public MasterWeightsTests() => manual_seed(17);

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, TrainingOptimizer> Ways = new()
    {
        ["full"] = new FullAdamW(), ["8 bits"] = new AdamW8Bit(), ["full, paged"] = new FullAdamW { PagedAbove = 0 },
        ["8 bits, paged"] = new AdamW8Bit { SmallestTensor = 0, PagedAbove = 3 << 20 },
    };

    public static TheoryData<string, ScalarType> Cases =>
        [.. from way in Ways.Keys from type in new[] { ScalarType.BFloat16, ScalarType.Float16 } select new TheoryDataRow<string, ScalarType>(way, type)];

    private static MomentOptimizer Over(TrainingOptimizer how, (string Name, Parameter Parameter)[] parameters, double rate = 0.01) =>
        how.Over([new(parameters.Select(p => p.Parameter), lr: rate, weight_decay: 0.1)], parameters);

    private static bool Same(Tensor left, Tensor right) => left.dtype == right.dtype && left.contiguous().bytes.SequenceEqual(right.contiguous().bytes);

    private static void Set(Parameter parameter, Action<Tensor> change)
    {
        using var guard = no_grad();
        change(parameter);
    }

    /// <summary>Several slices, less than one, a vector, a scalar, not contiguous.</summary>
    private static (string Name, Parameter Parameter)[] Parameters(ScalarType type) =>
        [("several", new(randn(561, 1003).to(type))), ("small", new(randn(65, 70).to(type))), ("vector", new(randn(33).to(type))), ("scalar", new(randn([]).to(type))),
            ("transposed", new(randn(90, 80).to(type).t()))];

    [Theory, MemberData(nameof(Cases))]
    public void AStepIsThatOfAFloat32ParameterRounded(string way, ScalarType type)
    {
        var narrow = Parameters(type);
        // A master lies flat: a scalar's is [1], which torch's AdamW in one pass takes as it does any other.
        Tensor Wide(Tensor x) => (x.dim() == 0 ? x.view(1) : x).contiguous().to(ScalarType.Float32);
        (string Name, Parameter Parameter)[] wide = [.. narrow.Select(p => (p.Name, new Parameter(Wide(p.Parameter.detach()))))];
        using var ours = Over(Ways[way], narrow);
        using var reference = Over(Ways[way] with { PagedAbove = null }, wide);         // of float32: torch's AdamW, or bitsandbytes' codes
        for (var step = 0; step < 5; step++)
        {
            foreach (var ((name, p), (_, w)) in narrow.Zip(wide))
            {
                var gradient = step == 2 && name == "small" ? null : randn(p.shape).mul_(Math.Pow(10, step - 4)).to(type);
                (p.grad, w.grad) = (gradient!, gradient is null ? null! : Wide(gradient));
            }
            ours.Step();
            reference.Step();
            var kept = ours.Capture();
            foreach (var ((name, p), (_, w)) in narrow.Zip(wide))
            {
                Assert.True(Same(w, kept[$"{name}.master"]), $"{name}'s master, step {step}");
                Assert.True(Same(w.to(type), p), $"{name}, step {step}");
                Assert.Equal(p.shape, kept[$"{name}.master"].shape);
            }
            foreach (var (key, value) in reference.Capture()) Assert.True(Same(value, kept[key]), $"{key}, step {step}");
        }
        ours.ZeroGradients();
        Assert.All(narrow, p => Assert.Null(p.Parameter.grad));
    }

    [Fact]
    public void StepsBelowTheLastPlaceAddUp()
    {
        double After(bool masters, ScalarType type)
        {
            (string, Parameter)[] p = [("p", new(ones(300).to(type)))];
            using var optimizer = new FullAdamW { MasterWeights = masters }.Over([new([p[0].Item2], lr: 2e-5)], p);
            for (var step = 0; step < 1000; step++)
            {
                p[0].Item2.grad = ones(300).to(type);
                optimizer.Step();
            }
            return p[0].Item2.to(ScalarType.Float64).mean().item<double>();
        }
        Assert.Equal(0.98, After(true, ScalarType.BFloat16), 1.0 / 512);                // half of the last place below 1
        Assert.Equal(0.98, After(true, ScalarType.Float16), 1.0 / 4096);
        Assert.Equal(1, After(false, ScalarType.BFloat16));                             // not one step was seen
    }

    [Theory, MemberData(nameof(Cases))]
    public void WhatOthersChangeIsFollowedAndTheRestKeepsItsBits(string way, ScalarType type)
    {
        var parameters = Parameters(type);
        using var optimizer = Over(Ways[way], parameters, 1e-4);
        void Step(double gradient)
        {
            foreach (var (_, p) in parameters) p.grad = full_like(p, gradient);
            optimizer.Step();
        }
        for (var step = 0; step < 3; step++) Step(step - 1.5);
        var before = optimizer.Capture();
        var changed = parameters.ToDictionary(p => p.Name, p => rand(p.Parameter.shape).lt(0.3));
        foreach (var (name, p) in parameters) Set(p, values => values.copy_(where(changed[name], values.mul(-3), values)));
        var expected = parameters.ToDictionary(p => p.Name, p => where(changed[p.Name], p.Parameter.detach().to(ScalarType.Float32), before[$"{p.Name}.master"]));
        foreach (var (_, p) in parameters) Set(p, values => values.mul_(1));            // written, and the same
        foreach (var group in parameters) group.Parameter.grad = zeros_like(group.Parameter);
        // No step at all: the rate is 0, and so is the decay that goes with it.
        using var still = Over(Ways[way], parameters, 0);
        still.Restore(before);
        still.Step();
        var after = still.Capture();
        foreach (var (name, p) in parameters)
        {
            Assert.True(Same(expected[name], after[$"{name}.master"]), name);
            Assert.True(Same(expected[name].to(type), p), name);
        }
    }

    [Fact]
    public void GradientsOfSeveralBatchesAreSummedInFloat32()
    {
        using var model = nn.Linear(8, 1, hasBias: false, dtype: ScalarType.BFloat16);
        Tensor? seen = null;
        // The first batch's gradient is 256 and each other's 1/2: in bfloat16 the sum would stay 256.
        void Fit(bool masters) => Trainer.Fit(model, batch => model.forward(batch.Ids.to(ScalarType.BFloat16)).sum(), number => new(full(1, 8, number % 32 == 0 ? 8192 : 16, ScalarType.Int64)), new()
        {
            Steps = 2, Accumulation = 32, LearningRate = 1e-6, MaxGradientNorm = double.PositiveInfinity, Log = null, Optimizer = new FullAdamW { MasterWeights = masters },
            Policies = [new Looking(() => seen = model.weight!.grad!.clone().DetachFromDisposeScope())],
        });
        Fit(true);
        Assert.True(Same(full(1, 8, 256 + 31 * 0.5), seen!));
        Fit(false);
        Assert.True(Same(full(1, 8, 256).to(ScalarType.BFloat16), seen!));
    }

    private sealed class Looking(Action look) : TrainingPolicy
    {
        public override void BeforeUpdate(TrainingUpdate update) => look();
    }

    [Fact]
    public void BytesAreThoseOfMomentsAndMasters()
    {
        (string, Parameter)[] p = [("half", new(zeros(1000, 100).to(ScalarType.BFloat16))), ("float", new(zeros(500))), ("double", new(zeros(50, ScalarType.Float64)))];
        long Of(TrainingOptimizer how)
        {
            using var optimizer = how.Over([new([.. p.Select(x => x.Item2)])], p);
            return optimizer.DeviceBytes + optimizer.PagedBytes;
        }
        var codes = 2 * (100_000 + 391 * 4);
        Assert.Equal(12 * 100_000 + 8 * 500 + 16 * 50, Of(new FullAdamW()));
        Assert.Equal(4 * 100_000 + 8 * 500 + 16 * 50, Of(new FullAdamW { MasterWeights = false }));
        Assert.Equal(codes + 4 * 100_000 + 8 * 500 + 16 * 50, Of(new AdamW8Bit { PagedAbove = 0 }));
        Assert.Equal(codes + 8 * 500 + 16 * 50, Of(new AdamW8Bit { MasterWeights = false }));
        var slice = MomentLayout.Of(new FullAdamW(), [(100_000, ScalarType.BFloat16, true)]).Single();
        Assert.Equal((1_200_000, 400_000), (slice.Bytes, slice.Passing));
    }

    [Theory, InlineData(true), InlineData(false)]
    public void AFloat32RunIsWhatItWas(bool masters)
    {
        using var model = Model();
        using var other = Model();
        var options = new TrainingOptions { Steps = 6, LearningRate = 1e-2, Accumulation = 2, Log = null, Optimizer = new FullAdamW { MasterWeights = masters } };
        var run = Trainer.Fit(model, BatchAt, options);
        var plain = Trainer.Fit(other, BatchAt, options with { Optimizer = new FullAdamW() });
        Assert.Equal(plain.Steps.Select(s => (s.Loss, s.GradientNorm)), run.Steps.Select(s => (s.Loss, s.GradientNorm)));
        foreach (var ((name, mine), (_, theirs)) in model.named_parameters().Zip(other.named_parameters())) Assert.True(Same(mine, theirs), name);
    }

    [Fact]
    public void FineTuningIn16BitsGoesWhereFloat32DoesAndWithoutMastersDoesNot()
    {
        CausalLm Start(ScalarType type)
        {
            var model = Model();
            foreach (var p in model.parameters()) Set(p, values => values.copy_(values.to(ScalarType.BFloat16)));       // the same start for all
            return (CausalLm)model.to(type);
        }
        (Tensor Weights, double Loss) Run(ScalarType type, bool masters)
        {
            var model = Start(type);
            var run = Trainer.Fit(model, BatchAt, new() { Steps = 200, LearningRate = 2e-5, FinalLearningRatePart = 1, WarmupSteps = 0, Log = null, Optimizer = new FullAdamW { MasterWeights = masters } });
            return (cat([.. model.parameters().Select(p => p.detach().to(ScalarType.Float64).flatten())]), run.Steps.TakeLast(3).Average(s => s.Loss));
        }
        var start = cat([.. Start(ScalarType.Float64).parameters().Select(p => p.detach().flatten())]);
        var (exact, with, without) = (Run(ScalarType.Float32, true), Run(ScalarType.BFloat16, true), Run(ScalarType.BFloat16, false));
        double Way(Tensor weights) => weights.sub(start).dot(exact.Weights.sub(start)).item<double>() / exact.Weights.sub(start).square().sum().item<double>();
        TestContext.Current.TestOutputHelper?.WriteLine($"of float32's way: masters {Way(with.Weights):F3}, without {Way(without.Weights):F3}; losses {exact.Loss:F4} {with.Loss:F4} {without.Loss:F4}");
        Assert.InRange(Way(with.Weights), 0.9, 1.1);
        Assert.False(Way(without.Weights) is > 0.75 and < 1.25);
        Assert.Equal(exact.Loss, with.Loss, 2e-3);
    }

#if LIBTORCH
    [Theory, InlineData(0L), InlineData(4L << 20)]
    public void MastersOnPagesTakeNoMemory(long limit)
    {
        const long Slack = 64 * 64, Slice = MomentLayout.Slice * 12, Gradient = MomentLayout.Slice * 4;
        long Live()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return LibTorch.Memory.LiveBytes;
        }
        (string, Parameter)[] parameters = [.. Enumerable.Range(0, 4).Select(i => ($"p{i}", new Parameter(zeros(1000, 1000).to(ScalarType.BFloat16))))];
        foreach (var (_, p) in parameters) p.grad = ones(1000, 1000).to(ScalarType.BFloat16);
        var before = Live();
        using (var optimizer = Over(new FullAdamW { PagedAbove = limit }, parameters))
        {
            Assert.Equal(4 * 12_000_000, optimizer.DeviceBytes + optimizer.PagedBytes);
            for (var step = 0; step < 3; step++)
            {
                LibTorch.Memory.ResetPeak();
                optimizer.Step();
                Assert.InRange(LibTorch.Memory.PeakBytes - before, 0, Math.Max(limit, Slice) + Gradient + Slack);
            }
            Assert.InRange(Live() - before, optimizer.DeviceBytes, optimizer.DeviceBytes + Slack);
        }
        Assert.InRange(Live() - before, long.MinValue, 0);
    }
#endif
}
