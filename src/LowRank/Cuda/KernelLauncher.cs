// Who runs kernels, and for which tensors. Quantized weights ask Serves whether kernels do their work or the CPU's loops, and every KernelLaunch
// goes through Launch. Tests put their emulation in the driver's place: then the tensors of the CPU are the device's, everything between a
// layer and a kernel's text runs as on a GPU, and reading such a tensor through a host pointer is the error that it is there (Elements.Start).
using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Runs <see cref="KernelLaunch"/>es.</summary>
internal abstract class KernelLauncher
{
    /// <summary>The one in use: the CUDA driver's.</summary>
    public static KernelLauncher Current { get; set; } = new DriverLauncher();

    /// <summary>Do kernels work on this tensor?</summary>
    public static bool Has(Tensor tensor) => Current.Serves(tensor.device_type);

    /// <summary>Are tensors on devices of this type its own?</summary>
    public abstract bool Serves(DeviceType device);

    /// <summary>Can kernels of this source run on this device? Asked where torch's own operators do the same: without NVRTC, or on a GPU older than
    /// the kernels, they go on doing it.</summary>
    public abstract bool CanRun(string source, Device device);

    /// <summary>Queues a kernel that has something to do, on the device of its tensors.</summary>
    public abstract void Launch(KernelLaunch launch);

    private sealed class DriverLauncher : KernelLauncher
    {
        private readonly ConcurrentDictionary<(string, int), bool> loaded = new();

        public override bool Serves(DeviceType device) => device == DeviceType.CUDA;

        public override bool CanRun(string source, Device device) => Serves(device.type) && loaded.GetOrAdd((source, device.index), _ =>
        {
            try
            {
                CudaModule.Load(source, device.index);
                return true;
            }
            catch (Exception e) when (e is NotSupportedException or DllNotFoundException or InvalidOperationException)
            {
                return false;
            }
        });

        public override void Launch(KernelLaunch launch) =>
            CudaModule.Load(launch.Source, launch.Device.index)[launch.Kernel].Launch(launch.Grid, KernelLaunch.Threads, launch.Arguments, launch.GridY);
    }
}
