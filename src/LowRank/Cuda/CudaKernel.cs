// A kernel and its launch. It is queued on the stream that torch's own work of this thread goes to, so it runs after what was queued
// before it and before what comes after; memory that torch's allocator takes back meanwhile is safe for the same reason.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A kernel on a device.</summary>
public sealed unsafe class CudaKernel
{
    private readonly CudaDriver driver;
    private readonly nint context;
    private readonly nint function;
    private readonly int device;

    internal CudaKernel(CudaDriver driver, nint context, nint function, string name, int device) =>
        (this.driver, this.context, this.function, Name, this.device) = (driver, context, function, name, device);

    /// <summary>The kernel's name in its source.</summary>
    public string Name { get; }

    /// <summary>Queues the kernel: <paramref name="grid"/> blocks (times <paramref name="gridY"/>) of <paramref name="threads"/> threads.</summary>
    /// <param name="grid">Blocks along x.</param>
    /// <param name="threads">Threads a block.</param>
    /// <param name="arguments">As many as the kernel has parameters, of the same types: this is not checked.</param>
    /// <param name="gridY">Blocks along y.</param>
    /// <exception cref="ArgumentException">A tensor is not on the kernel's device or not contiguous. Nothing was queued.</exception>
    public void Launch(long grid, int threads, ReadOnlySpan<CudaArgument> arguments, int gridY = 1)
    {
        if (grid == 0) return;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(grid, int.MaxValue);
        Span<ulong> values = stackalloc ulong[arguments.Length];
        for (var i = 0; i < arguments.Length; i++) values[i] = arguments[i].Tensor is { } tensor ? (ulong)Checked(tensor, i) : arguments[i].Bits;
        var stream = CudaStream.Current(device);
        var pointers = stackalloc void*[arguments.Length];
        fixed (ulong* first = values)
        {
            for (var i = 0; i < arguments.Length; i++) pointers[i] = first + i;
            driver.Launch(context, function, (uint)grid, (uint)gridY, (uint)threads, stream, pointers, Name);
        }
        foreach (var argument in arguments) GC.KeepAlive(argument.Tensor);
    }

    private nint Checked(Tensor tensor, int position)
    {
        if (tensor.device_type != TorchSharp.DeviceType.CUDA || tensor.device_index != device)
            throw new ArgumentException($"{Name}: argument {position} is on {tensor.device}, the kernel on cuda:{device}");
        if (!tensor.is_contiguous())
            throw new ArgumentException($"{Name}: argument {position}, [{string.Join(", ", tensor.shape)}], is not contiguous; call .contiguous() first");
        return CudaArgument.Address(tensor);
    }
}
