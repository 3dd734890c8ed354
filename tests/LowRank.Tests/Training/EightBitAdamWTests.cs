// AdamW over 8-bit moments: bitsandbytes' numbers, the GPU kernel's bits, and what is left in full.
using LowRank.Tests.Cuda;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class EightBitAdamWTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public EightBitAdamWTests() => manual_seed(11);

    public void Dispose() => scope.Dispose();

    private static readonly AdamW8Bit All = new() { SmallestTensor = 0 };

    private static MomentOptimizer Over(TrainingOptimizer how, params (string Name, Parameter Parameter)[] parameters) =>
        how.Over([new(parameters.Select(p => p.Parameter), lr: 0.01, beta2: 0.995, weight_decay: 0.02)], parameters);

    private static void SameBits(Tensor expected, Tensor actual, string what) =>
        Assert.True(expected.dtype == actual.dtype && expected.eq(actual).all().item<bool>(), $"{what}: not the same bits");

    [Fact]
    public void FollowsBitsAndBytes()
    {
        var golden = SafeTensors.Load(Golden.PathOf("optim/adamw8bit_blockwise.safetensors"));
        var steps = Enumerable.Range(0, 1000).TakeWhile(step => golden.ContainsKey($"step{step}.grad")).ToList();
        Assert.True(steps.Count > 1);
        using var parameter = new Parameter(golden["start"].clone());
        using var optimizer = Over(All, ("p", parameter));
        foreach (var step in steps)
        {
            parameter.grad = golden[$"step{step}.grad"];
            optimizer.Step();
            var state = optimizer.Capture();
            Golden.Close(golden[$"step{step}.param"], parameter, 2e-7, $"the parameter after step {step}");
            foreach (var moment in new[] { "1", "2" })
            {
                Golden.Close(golden[$"step{step}.absmax{moment}"], state[$"p.absmax{moment}"], 2e-7, $"absmax{moment} after step {step}");
                // A moment that lies within a rounding of a midpoint may go to either neighbour.
                var distance = golden[$"step{step}.state{moment}"].to(ScalarType.Int32).sub(state[$"p.state{moment}"].to(ScalarType.Int32)).abs();
                Assert.True(distance.max().item<int>() <= 1 && distance.sum().item<long>() <= 2, $"step {step}: {distance.sum().item<long>()} codes differ");
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1), InlineData(ScalarType.Float32, 255), InlineData(ScalarType.Float32, 256), InlineData(ScalarType.Float32, 60_001)]
    [InlineData(ScalarType.BFloat16, 1_003), InlineData(ScalarType.Float16, 4_099)]
    public void TheStepIsTheGpuKernelsBitForBit(ScalarType type, long n)
    {
        using var parameter = new Parameter(randn(n).to(type));
        var other = parameter.detach().clone();                                     // 16 bits are stepped as they are here
        var state = new[] { 1, 2 }.Select(_ => (Codes: zeros(n, ScalarType.Byte), AbsMax: zeros((n + 255) / 256))).ToArray();
        var maps = SafeTensors.Load(Golden.PathOf("quant/code_tables.safetensors"));
        using var optimizer = Over(All with { MasterWeights = false }, ("p", parameter));
        for (var step = 1; step <= 4; step++)
        {
            var gradient = randn(n).mul_(Math.Pow(10, step - 4));
            if (n > 256 && step < 3) gradient[TensorIndex.Slice(0, 256)] = 0;       // a block of zeros, which then begins to move
            parameter.grad = gradient.to(type);
            EmulatedKernels.Run(CudaSteps.PlanAdamW8(other, gradient.to(type), state[0], state[1], maps["dynamic_signed"], maps["dynamic_unsigned"],
                step, 0.01, 0.9, 0.995, 1e-8, 0.02));
            optimizer.Step();
            var mine = optimizer.Capture();
            SameBits(other, parameter, $"parameter, step {step}");
            for (var i = 0; i < 2; i++)
            {
                SameBits(state[i].Codes, mine[$"p.state{i + 1}"], $"codes {i + 1}, step {step}");
                SameBits(state[i].AbsMax, mine[$"p.absmax{i + 1}"], $"absmax {i + 1}, step {step}");
            }
        }
    }

    [Fact]
    public void SmallTensorsAndFloat64KeepTheirMomentsInFull()
    {
        (string Name, Parameter Parameter)[] parameters = [("small", new(randn(4095))), ("large", new(randn(64, 64))), ("double", new(randn(5000, ScalarType.Float64))),
            ("half", new(randn(50).to(ScalarType.Float16))), ("scalar", new(randn([])))];
        using var optimizer = Over(new AdamW8Bit { MasterWeights = false }, parameters);
        var kept = optimizer.Capture();
        Assert.Equal(ScalarType.Float32, kept["small.exp_avg"].dtype);
        Assert.Equal([64, 64], kept["large.state1"].shape);
        Assert.Equal(ScalarType.Float64, kept["double.exp_avg_sq"].dtype);
        Assert.Equal(ScalarType.Float32, kept["half.exp_avg"].dtype);
        Assert.Equal(parameters.Length, kept.Keys.Count(key => key.EndsWith(".step")));
        Assert.Equal((4095 + 50 + 1) * 8 + 5000 * 16 + 2 * (4096 + 16 * 4), optimizer.DeviceBytes);
        using var everything = Over(All, ("half", parameters[3].Parameter));
        Assert.Contains("half.state1", everything.Capture());
    }

    [Theory, InlineData(ScalarType.BFloat16), InlineData(ScalarType.Float16)]
    public void SixteenBitsWithFloat32MomentsFollowFloat32(ScalarType type)
    {
        using var narrow = new Parameter(randn(300).to(type));
        using var wide = new Parameter(narrow.detach().to(ScalarType.Float32));
        using var ours = Over(new AdamW8Bit { MasterWeights = false }, ("p", narrow));
        using var torchs = Over(new FullAdamW(), ("p", wide));
        for (var step = 0; step < 5; step++)
        {
            var gradient = randn(300).mul_(1e-3).to(type);
            (narrow.grad, wide.grad) = (gradient, gradient.to(ScalarType.Float32));
            ours.Step();
            torchs.Step();
            using (no_grad()) wide.copy_(wide.to(type));                            // rounded after each step, as the narrow one is
            foreach (var (key, expected) in torchs.Capture().Where(part => part.Key != "p.step")) Golden.Close(expected, ours.Capture()[key], 1e-6, key);
            Golden.Close(wide, narrow, 1e-2, "values");
            Assert.True(wide.to(type).eq(narrow).sum().item<long>() > 295);         // a tie may be rounded the other way
        }
    }

    [Fact]
    public void WithoutCodesItIsTorchsAdamW()
    {
        Parameter[] Made() => [new(arange(3000).to(ScalarType.Float32).sin()), new(ones(7, 9))];
        var (ours, torchs) = (Made(), Made());
        using var optimizer = Over(new AdamW8Bit { SmallestTensor = long.MaxValue }, ("a", ours[0]), ("b", ours[1]));
        using var plain = optim.AdamW(torchs, 0.01, 0.9, 0.995, weight_decay: 0.02);
        for (var step = 0; step < 5; step++)
        {
            foreach (var (mine, other) in ours.Zip(torchs)) mine.grad = other.grad = randn(mine.shape);
            optimizer.Step();
            plain.step();
            foreach (var (mine, other) in ours.Zip(torchs)) SameBits(other, mine, $"step {step}");
        }
    }

    public static TheoryData<float, bool> BadGradients =>
        [.. from bad in (float[])[float.NaN, float.PositiveInfinity, 1e25f] from onDevice in (bool[])[false, true] select new TheoryDataRow<float, bool>(bad, onDevice)];

    [Theory, MemberData(nameof(BadGradients))]
    public void ABlockWithABadGradientIsLeftAndNamed(float bad, bool onDevice)
    {
        using var device = onDevice ? new EmulatedDevice() : null;
        using var earlier = new Parameter(randn(700));
        using var parameter = new Parameter(randn(1000));
        using var optimizer = Over(All, ("earlier", earlier), ("layer.weight", parameter));
        (earlier.grad, parameter.grad) = (randn(700), randn(1000));
        optimizer.Step();
        var (before, state) = (parameter.detach().clone(), optimizer.Capture());
        var gradient = randn(1000);
        gradient[300] = bad;
        gradient[999] = bad;                                                        // in the short last block too, which comes later
        parameter.grad = gradient;
        var (first, moved) = (earlier.detach().clone(), randn(700));
        earlier.grad = moved;
        var error = Assert.Throws<MomentsNotFiniteException>(optimizer.Step);
        Assert.Equal("layer.weight", error.Parameter);
        Assert.Contains("from its element 256 on", error.Message);
        var left = parameter.eq(before);
        Assert.True(left[TensorIndex.Slice(256, 512)].all().item<bool>());
        Assert.True(left[TensorIndex.Slice(768)].all().item<bool>());
        Assert.Equal(256 + 232, left.sum().item<long>());
        Assert.False(first.eq(earlier).any().item<bool>());
        var after = optimizer.Capture();
        SameBits(state["layer.weight.state2"][TensorIndex.Slice(256, 512)], after["layer.weight.state2"][TensorIndex.Slice(256, 512)], "codes");
        Assert.True(after.Values.All(part => part.isfinite().all().item<bool>()));
        // It is told once. Of two parameters the first is named.
        parameter.grad = randn(1000);
        optimizer.Step();
        Assert.False(parameter.eq(before).any().item<bool>());
        (moved[0], gradient[999]) = (bad, 0);
        (earlier.grad, parameter.grad) = (moved, gradient);
        error = Assert.Throws<MomentsNotFiniteException>(optimizer.Step);
        Assert.Equal("earlier", error.Parameter);
        Assert.Contains("from its element 0 on", error.Message);
        Assert.Equal(onDevice ? 8 : 0, device?.Launched.Count(name => name == "adamw8_f32") ?? 0);
    }

    [Fact]
    public void ATransposedParameterTakesTheSameStep()
    {
        var start = randn(70, 90);
        using var plain = new Parameter(start.clone());
        using var transposed = new Parameter(start.t().contiguous().t());
        Assert.False(transposed.is_contiguous());
        using var a = Over(All, ("p", plain));
        using var b = Over(All with { PagedAbove = 0 }, ("p", transposed));
        for (var step = 0; step < 3; step++)
        {
            plain.grad = transposed.grad = randn(70, 90);
            a.Step();
            b.Step();
            SameBits(plain, transposed, $"step {step}");
        }
    }

#if LIBTORCH
    [Fact]
    public void LibtorchSeesThatTheParameterChanged()
    {
        using var parameter = new Parameter(randn(600));
        using var optimizer = Over(All with { PagedAbove = 0 }, ("p", parameter));
        parameter.grad = randn(600);
        var before = TensorStamp.Of(parameter);
        optimizer.Step();
        Assert.False(TensorStamp.Of(parameter).Matches(before));
    }
#endif

    [Fact]
    public void WhatHasNoGradientStays()
    {
        using var moving = new Parameter(randn(500));
        using var resting = new Parameter(randn(500));
        var before = resting.detach().clone();
        using var optimizer = Over(All, ("a", moving), ("b", resting));
        moving.grad = randn(500);
        optimizer.Step();
        SameBits(before, resting, "resting");
        Assert.Equal((1L, 0L), (optimizer.Capture()["a.step"].item<long>(), optimizer.Capture()["b.step"].item<long>()));
        optimizer.ZeroGradients();
        Assert.Null(moving.grad);
    }

    [Fact]
    public void ChoicesThatMakeNoSenseAreRefused()
    {
        using var p = new Parameter(randn(5000));
        string Refused(Action act) => Assert.Throws<ArgumentException>(act).Message;
        Assert.Contains("a limit in bytes", Refused(() => Over(new FullAdamW { PagedAbove = -1 }, ("p", p))));
        Assert.Contains("set PagedAbove too", Refused(() => Over(new FullAdamW { PageFolder = "/" }, ("p", p))));
        Assert.Contains("a number of elements", Refused(() => Over(new AdamW8Bit { SmallestTensor = -1 }, ("p", p))));
        Assert.Contains("p is there twice", Refused(() => new AdamW8Bit().Over([new([p]), new([p])], [("p", p)])));
        Assert.Contains("has no name", Refused(() => new AdamW8Bit().Over([new([p])], [])));
        Assert.Contains("AMSGrad", Refused(() => new AdamW8Bit().Over([new([p], amsgrad: true)], [("p", p)])));
    }
}
