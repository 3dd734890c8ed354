using LowRank;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

/// <summary>The machine under a lesson.</summary>
public class MachineTests
{
    private static readonly Machine Gpu = new(CUDA, "a GPU", 16, Machine.LargeMemoryBytes, Machine.LargeGigaflopsPerSecond);

    [Fact]
    public void IsMeasured()
    {
        var here = Machine.Here;
        Assert.Same(here, Machine.Here);
        Assert.Equal(cuda.is_available(), here.Device.type == TorchSharp.DeviceType.CUDA);
        Assert.True(here is { Cores: > 0, MemoryBytes: > 100 << 20, GigaflopsPerSecond: > 0.1 } && double.IsFinite(here.GigaflopsPerSecond), here.ToString());
        Assert.Equal(3, here.ToString().Split('\n').Length);
        Assert.Contains(__version__, here.ToString());
    }

    [Fact]
    public void MemoryAndSpeedOfAGpuChooseTheSize()
    {
        Assert.Equal(400, Gpu.Size(64, gpu: 400));
        Assert.Contains("those for a GPU", Gpu.ToString());
        foreach (var smaller in new[] { Gpu with { MemoryBytes = Machine.LargeMemoryBytes - 1 }, Gpu with { GigaflopsPerSecond = 100 }, Gpu with { Device = CPU } })
        {
            Assert.Equal(64, smaller.Size(64, gpu: 400));
            Assert.Contains("two processor cores", smaller.ToString());
        }
    }
}
