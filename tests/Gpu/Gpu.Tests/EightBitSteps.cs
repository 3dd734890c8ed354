// AdamW over 8-bit moments on the GPU beside the CPU's, bit for bit, and what it says of a gradient that it can't take.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class EightBitSteps : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public EightBitSteps() => manual_seed(37);

    public void Dispose() => scope.Dispose();

    private static MomentOptimizer Over(params (string Name, Parameter Parameter)[] parameters) =>
        new AdamW8Bit { SmallestTensor = 0 }.Over([new(parameters.Select(p => p.Parameter), lr: 0.01, weight_decay: 0.02)], parameters);

    [Theory, InlineData(ScalarType.Float32), InlineData(ScalarType.BFloat16), InlineData(ScalarType.Float16)]
    public void Steps_are_the_CPUs(ScalarType type)
    {
        using var here = new Parameter(randn(7001).to(type));
        using var there = new Parameter(here.detach().clone().to(Gpu.Device));
        using var onCpu = Over(("p", here));
        using var onGpu = Over(("p", there));
        for (var step = 0; step < 4; step++)
        {
            here.grad = randn(7001).to(type);
            there.grad = here.grad.to(Gpu.Device);
            onCpu.Step();
            onGpu.Step();
            Assert.True(here.eq(there.cpu()).all().item<bool>(), $"step {step}");
            foreach (var (a, b) in onCpu.Capture().Zip(onGpu.Capture())) Assert.True(a.Value.eq(b.Value).all().item<bool>(), $"{a.Key}, step {step}");
        }
    }

    [Fact]
    public void A_bad_gradient_is_named_and_its_block_left()
    {
        using var first = new Parameter(randn(5000, device: Gpu.Device));
        using var second = new Parameter(randn(1000, device: Gpu.Device));
        using var optimizer = Over(("first", first), ("second", second));
        (first.grad, second.grad) = (randn(5000, device: Gpu.Device), randn(1000, device: Gpu.Device));
        second.grad.narrow(0, 600, 1).fill_(double.NaN);
        var (before, earlier) = (second.detach().clone(), first.detach().clone());
        var error = Assert.Throws<MomentsNotFiniteException>(optimizer.Step);
        Assert.Equal("second", error.Parameter);
        Assert.Contains("from its element 512 on", error.Message);
        Assert.Equal(256, before.eq(second).sum().item<long>());
        Assert.False(earlier.eq(first).any().item<bool>());
        second.grad = randn(1000, device: Gpu.Device);
        optimizer.Step();
        Assert.False(before.eq(second).any().item<bool>());
    }
}
