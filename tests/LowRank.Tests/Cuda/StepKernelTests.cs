// The kernels of training steps, run on the CPU from their own text: 8-bit AdamW against its fixture, DoRA's row norm against its definition.
using static TorchSharp.torch;

namespace LowRank.Tests.Cuda;

public sealed class StepKernelTests : IDisposable
{
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void AdamWInEightBits()
    {
        var file = Golden.PathOf("optim/adamw8bit_blockwise.safetensors");
        Assert.SkipUnless(File.Exists(file), $"{file} is not among the fixtures");
        var golden = SafeTensors.Load(file);
        var steps = Enumerable.Range(0, 1000).TakeWhile(step => golden.ContainsKey($"step{step}.grad")).ToList();
        Assert.True(steps.Count > 1);
        var parameter = golden["start"].clone();
        var (map1, map2) = (golden["qmap1"], golden["qmap2"]);
        var (codes1, absmax1) = (zeros_like(golden["step0.state1"]), zeros_like(golden["step0.absmax1"]));
        var (codes2, absmax2) = (zeros_like(golden["step0.state2"]), zeros_like(golden["step0.absmax2"]));
        foreach (var step in steps)
        {
            EmulatedKernels.Run(CudaSteps.PlanAdamW8(parameter, golden[$"step{step}.grad"], (codes1, absmax1), (codes2, absmax2), map1, map2,
                step + 1, learningRate: 0.01, beta1: 0.9, beta2: 0.995, epsilon: 1e-8, weightDecay: 0.02));
            Golden.Close(golden[$"step{step}.param"], parameter, 2e-7, $"the parameter after step {step}");
            Golden.Close(golden[$"step{step}.absmax1"], absmax1, 2e-7, $"the first moment's absmax after step {step}");
            Golden.Close(golden[$"step{step}.absmax2"], absmax2, 2e-7, $"the second moment's absmax after step {step}");
            // A moment that lies within a rounding of a midpoint may go to either neighbour.
            foreach (var (expected, actual) in new[] { (golden[$"step{step}.state1"], codes1), (golden[$"step{step}.state2"], codes2) })
            {
                var distance = expected.to(ScalarType.Int32).sub(actual.to(ScalarType.Int32)).abs();
                Assert.True(distance.max().item<int>() <= 1 && distance.sum().item<long>() <= 2, $"step {step}: {distance.sum().item<long>()} codes differ");
            }
        }
    }

    [Theory, InlineData(ScalarType.BFloat16, 300), InlineData(ScalarType.Float16, 7)]
    public void AdamWOn16Bits(ScalarType type, long n)
    {
        manual_seed(6);
        var maps = SafeTensors.Load(Golden.PathOf("quant/code_tables.safetensors"));
        var (start, gradient, blocks) = (randn(n).to(type), randn(n).to(type), (n + 255) / 256);
        var (narrow, wide) = (start.clone(), start.to(ScalarType.Float32));
        foreach (var (parameter, g) in new[] { (narrow, gradient), (wide, gradient.to(ScalarType.Float32)) })
        {
            var moments = Enumerable.Range(0, 2).Select(_ => (zeros(n, dtype: ScalarType.Byte), zeros(blocks))).ToArray();
            EmulatedKernels.Run(CudaSteps.PlanAdamW8(parameter, g, moments[0], moments[1], maps["dynamic_signed"], maps["dynamic_unsigned"], 1, 0.01, 0.9, 0.999, 1e-8, 0));
        }
        Assert.True(wide.to(type).eq(narrow).all().item<bool>());      // computed in float32 and rounded once
        Assert.False(start.eq(narrow).all().item<bool>());
    }

    /// <summary>Left as they were: blocks with a gradient that is not finite, or whose square is not. The first one is told.</summary>
    [Fact]
    public void ABlockWhoseMomentsAreNotFiniteIsLeft()
    {
        manual_seed(8);
        var maps = SafeTensors.Load(Golden.PathOf("quant/code_tables.safetensors"));
        var (parameter, gradient, left) = (randn(1100), randn(1100), tensor(new[] { long.MaxValue }));
        var moments = Enumerable.Range(0, 2).Select(_ => (Codes: zeros(1100, dtype: ScalarType.Byte), AbsMax: zeros(5))).ToArray();
        void Step(int step, Tensor? told, long mark = 0) => EmulatedKernels.Run(CudaSteps.PlanAdamW8(parameter, gradient, moments[0], moments[1],
            maps["dynamic_signed"], maps["dynamic_unsigned"], step, 0.01, 0.9, 0.999, 1e-8, 0.1, told, mark));
        List<Tensor> All() => [parameter.clone(), .. moments.Select(m => m.AbsMax.repeat_interleave(256).narrow(0, 0, 1100))];
        Step(1, left, 5L << 40);
        Assert.Equal(long.MaxValue, left.item<long>());

        (gradient[300], gradient[700], gradient[1099]) = (float.NaN, 1e20f, float.NegativeInfinity);            // blocks 1, 2 and the short 4
        foreach (var told in new[] { left, null })
        {
            var (before, codes) = (All(), moments.Select(m => m.Codes.clone()).ToList());
            Step(2, told, 5L << 40);
            foreach (var (a, b) in before.Zip(All()))
            {
                var same = a.eq(b).to(ScalarType.Int32);
                Assert.Equal([0, 256, 256, 0, 1100 - 1024], Enumerable.Range(0, 5).Select(i => same.narrow(0, i * 256, Math.Min(256, 1100 - i * 256)).sum().item<long>()));
            }
            foreach (var (a, b) in codes.Zip(moments))
                foreach (var (start, count) in new[] { (256, 512), (1024, 76) }) Assert.True(a.narrow(0, start, count).eq(b.Codes.narrow(0, start, count)).all().item<bool>());
            Assert.Equal((5L << 40) + 256, left.item<long>());
        }
        Step(3, left, 6L << 40);                                       // a later one does not take its place, an earlier one does
        Assert.Equal((5L << 40) + 256, left.item<long>());
        Step(4, left, 4L << 40);
        Assert.Equal((4L << 40) + 256, left.item<long>());
    }

    [Theory, InlineData(1, 1, 5), InlineData(33, 8, 20), InlineData(9, 40, 64), InlineData(16, 100, 30)]
    public void DorasRowNorm(int outFeatures, int rank, int inFeatures)
    {
        manual_seed(7);
        var (w, a, b) = (randn(outFeatures, inFeatures), randn(rank, inFeatures), randn(outFeatures, rank));
        var norm = full(outFeatures, double.NaN);
        EmulatedKernels.Run(CudaSteps.PlanDoraRowNorm(w, a, w.square().sum(1), w.mm(a.t()), b, a.mm(a.t()), 0.5, norm));
        var sum = w.to(ScalarType.Float64).add(b.to(ScalarType.Float64).mm(a.to(ScalarType.Float64)).mul(0.5));   // [out, r] x [r, in] -> [out, in]
        Golden.Close(linalg.vector_norm(sum, 2, [1]), norm, 5e-6, "norm");
    }

    [Fact]
    public void ACancelledRowHasNormZero()
    {
        var a = eye(2);                                                // W + BA = 0
        var norm = full(2, double.NaN);
        var w = tensor(new[] { 0.1f, 0.7f, 0.3f, 0.9f }).reshape(2, 2);
        EmulatedKernels.Run(CudaSteps.PlanDoraRowNorm(w, a, w.square().sum(1).mul(1 - 1e-6), w.mm(a.t()), w.neg(), a.mm(a.t()), 1, norm));
        Assert.Equal(0, norm.abs().sum().item<float>());
    }

    /// <summary>Rows that nearly cancel are as exact as others, from W; those that do not never read it.</summary>
    [Theory, InlineData(3, 20), InlineData(40, 70)]
    public void RowsThatNearlyCancelComeFromW(int rank, int inFeatures)
    {
        manual_seed(9);
        var (a, b) = (randn(rank, inFeatures), randn(12, rank));
        var w = b.mm(a).mul(-0.5).add(randn(12, inFeatures).mul(1e-4));                        // [out, r] x [r, in] -> [out, in]
        w.narrow(0, 6, 6).copy_(randn(6, inFeatures));
        var exact = linalg.vector_norm(w.to(ScalarType.Float64).add(b.to(ScalarType.Float64).mm(a.to(ScalarType.Float64)).mul(0.5)), 2, [1]);
        var (squares, wa, norm) = (w.square().sum(1), w.mm(a.t()), full(12, double.NaN));
        w.narrow(0, 6, 6).fill_(double.NaN);
        EmulatedKernels.Run(CudaSteps.PlanDoraRowNorm(w, a, squares, wa, b, a.mm(a.t()), 0.5, norm));
        Golden.Close(exact.narrow(0, 0, 6), norm.narrow(0, 0, 6), 2e-3, "rows that cancel");   // 1e-4 of a float32's last bit of W
        Golden.Close(exact.narrow(0, 6, 6), norm.narrow(0, 6, 6), 5e-6, "other rows");
    }
}
