// The CPU as a device with kernels: while one is alive, every KernelLaunch of the library runs emulated (EmulatedKernels), CPU tensors count as the
// device's, and a host pointer to one of them is refused as it would be for a GPU's. What runs then is the library's whole path but the driver.
using TorchSharp;

namespace LowRank.Tests.Cuda;

internal sealed class EmulatedDevice : KernelLauncher, IDisposable
{
    private readonly KernelLauncher before = Current;

    public EmulatedDevice() => Current = this;

    /// <summary>The kernels that ran, in order.</summary>
    public List<string> Launched { get; } = [];

    public override bool Serves(DeviceType device) => device == DeviceType.CPU;

    /// <summary>The sources whose kernels are said to be missing.</summary>
    public HashSet<string> Without { get; } = [];

    /// <summary>What goes wrong at a launch, as a source that does not compile.</summary>
    public Exception? Failure { get; set; }

    public override bool CanRun(string source, torch.Device device) => Serves(device.type) && !Without.Contains(source);

    public override void Launch(KernelLaunch launch)
    {
        if (Failure is not null) throw Failure;
        Launched.Add(launch.Kernel);
        EmulatedKernels.Run(launch);
    }

    public void Dispose() => Current = before;

    /// <summary>Runs something with the CPU as it is.</summary>
    public T OnHost<T>(Func<T> body)
    {
        Current = before;
        try { return body(); }
        finally { Current = this; }
    }
}
