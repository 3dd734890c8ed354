// A device's own generator by its device: the one that operators draw from.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class DeviceGeneratorTests
{
    [Fact]
    public void The_CPUs_is_the_default_one()
    {
        using var scope = NewDisposeScope();
        manual_seed(8);
        using var generator = DeviceGenerator.Of(CPU);
        var state = generator.get_state();
        Assert.True(state.eq(get_rng_state()).all().item<bool>());
        var drawn = rand(3);
        Assert.False(state.eq(generator.get_state()).all().item<bool>());
        generator.set_state(state);
        Assert.True(drawn.eq(rand(3)).all().item<bool>());
        Assert.Equal(DeviceType.CPU, generator.device.type);
    }

    [Fact]
    public void A_device_that_is_not_there_is_an_error()
    {
        if (cuda.is_available()) return;
        Assert.ThrowsAny<Exception>(() => DeviceGenerator.Of(CUDA));
    }
}
