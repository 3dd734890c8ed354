// The generator that a device's operators draw from when none is named. TorchSharp shows the CPU's alone (Generator.Default).
using TorchSharp;

namespace LibTorch;

/// <summary>Devices' default generators.</summary>
public static class DeviceGenerator
{
    /// <summary>A device's own; dispose what comes back, the generator stays.</summary>
    public static unsafe torch.Generator Of(torch.Device device)
    {
        nint made;
        Native.Check(Native.wt_generator_default((int)device.type, device.type == DeviceType.CUDA ? Math.Max(device.index, 0) : -1, &made));
        return torch.Generator.Own(made, device);
    }
}
