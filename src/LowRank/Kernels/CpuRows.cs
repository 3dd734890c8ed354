// Element-wise passes in C#, a few rows at a time: what libtorch does as four passes over memory is one pass here, with the
// intermediate values in the first-level cache. System.Numerics.Tensors brings the SIMD; the rows are shared out over libtorch's own
// threads, since a second pool would fight with it for the cores.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace LowRank;

internal static class CpuRows
{
    /// <summary>Elements that a pass takes at once: four buffers of this many floats fit the first-level cache.</summary>
    public const int Block = 1024;

    /// <summary>Work below this many elements stays on the calling thread.</summary>
    const long Grain = 16 * Block;

    /// <summary>Can the kernels read and write these where they lie? (float32, contiguous, on the CPU)</summary>
    public static bool Fit(params ReadOnlySpan<Tensor> tensors)
    {
        foreach (var tensor in tensors)
            if (tensor.dtype != ScalarType.Float32 || tensor.device_type != TorchSharp.DeviceType.CPU || !tensor.is_contiguous()) return false;
        return true;
    }

    /// <summary>The first element. The caller keeps the tensor alive until it is done with the pointer.</summary>
    public static unsafe float* Start(Tensor tensor) =>
        tensor.NumberOfElements == 0 ? null : (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    /// <summary>Calls <paramref name="body"/>(begin, end) for slices of [0, rows), on several threads when there is enough to do.</summary>
    public static void For(long rows, long rowLength, Action<long, long> body)
    {
        var grain = Math.Max(1, Grain / Math.Max(1, rowLength));
        if (rows <= grain) body(0, rows);
        else
        {
#if LIBTORCH
            LibTorch.Runtime.ParallelFor(rows, grain, body);
#else
            var slices = (int)Math.Min(get_num_threads(), rows / grain);
            Parallel.For(0, slices, i => body(rows * i / slices, rows * (i + 1) / slices));
#endif
        }
    }
}
