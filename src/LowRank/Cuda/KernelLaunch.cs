// A checked call of one of the library's kernels, before it is queued: which one, how many blocks, with what. Who queues it is the KernelLauncher's
// part, so that a test can run the same call on a CPU.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A kernel and its arguments.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="Kernel">The kernel's.</param>
/// <param name="Device">Where all tensors are.</param>
/// <param name="Grid">Blocks along x.</param>
/// <param name="Arguments">In the kernel's order.</param>
/// <param name="GridY">Blocks along y.</param>
internal sealed record KernelLaunch(string Source, string Kernel, Device Device, long Grid, CudaArgument[] Arguments, int GridY = 1)
{
    /// <summary>Threads a block, in every kernel of the library.</summary>
    public const int Threads = 256;

    /// <summary>Queues it; with nothing to do, nothing is loaded.</summary>
    public void Run()
    {
        if (!KernelLauncher.Current.Serves(Device.type))
            throw new ArgumentException($"{Kernel} is a kernel for CUDA tensors; these are on {Device}");
        if (Grid > 0) KernelLauncher.Current.Launch(this);
    }
}
