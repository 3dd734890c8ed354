// What tensors occupy, and the garbage collection that undisposed ones need: the collector sees a 40-byte object, not its megabytes.
using System.Runtime.InteropServices;

namespace LibTorch;

/// <summary>Bytes of CPU tensors, counted by the allocator that the C++ side put in libtorch's place.</summary>
public static class Memory
{
    /// <summary>Growth, in bytes, since the last collection that makes the next one worth its time.</summary>
    const long Threshold = 128L << 20;

    static long baseline;
    static int collecting;

    /// <summary>Bytes alive now.</summary>
    public static long LiveBytes => Native.wt_memory_live();

    /// <summary>Most bytes alive at once since the start or <see cref="ResetPeak"/>.</summary>
    public static long PeakBytes => Native.wt_memory_peak();

    public static void ResetPeak() => Native.wt_memory_reset_peak();

    /// <summary>Returns what the C heap keeps for later to the system.</summary>
    public static void Trim() => Native.wt_memory_trim();

    /// <summary>
    /// Collects when live bytes have grown by the threshold since the last time: the young generation first, all of them only
    /// when that did not bring most of the growth back. Programs that dispose their tensors pay a comparison.
    /// </summary>
    internal static void CollectIfPiledUp()
    {
        var live = Native.wt_memory_live();
        if (live - Volatile.Read(ref baseline) < Threshold)
        {
            if (live < Volatile.Read(ref baseline)) Volatile.Write(ref baseline, live);   // follow the valley down
            return;
        }
        if (Interlocked.Exchange(ref collecting, 1) != 0) return;   // another thread is at it
        try
        {
            for (var generation = 0; generation <= 2; generation++)
            {
                GC.Collect(generation, GCCollectionMode.Forced, blocking: true);
                GC.WaitForPendingFinalizers();
                if (live - Native.wt_memory_live() >= Threshold / 2) break;
            }
            Volatile.Write(ref baseline, Native.wt_memory_live());
        }
        finally { Volatile.Write(ref collecting, 0); }
    }
}

/// <summary>What is particular to this binding and has no counterpart in TorchSharp.</summary>
public static unsafe class Runtime
{
    /// <summary>libtorch's version, e.g. 1.13.0.</summary>
    public static string Version => Marshal.PtrToStringUTF8((nint)Native.wt_version())!;

    /// <summary>Flushes what C and C++ code printed, so that it reaches a pipe in order.</summary>
    public static void FlushNativeOutput() => Native.wt_flush_output();

    /// <summary>Runs <paramref name="body"/>(begin, end) over slices of [0, count) on libtorch's own threads.</summary>
    public static void ParallelFor(long count, long grain, Action<long, long> body)
    {
        var work = new Work(body);
        var context = GCHandle.Alloc(work);
        try { Native.Check(Native.wt_parallel_for(count, grain, &RunSlice, GCHandle.ToIntPtr(context))); }
        finally { context.Free(); }
        work.Failure?.Throw();
    }

    /// <summary>The address of a tensor's first element, on whatever device; valid while the tensor is alive.</summary>
    public static nint DataPointer(TorchSharp.torch.Tensor tensor)
    {
        var h = tensor.handle.Acquire();
        try
        {
            nint data;
            Native.Check(Native.wt_data(h, &data));
            return data;
        }
        finally { tensor.handle.DangerousRelease(); }
    }

    /// <summary>The <c>cudaStream_t</c> that this thread's work on a CUDA device is queued on; 0 is the default stream.</summary>
    public static nint CurrentCudaStream(int index = -1)
    {
        nint stream;
        Native.Check(Native.wt_cuda_current_stream(index, &stream));
        return stream;
    }

    /// <summary>
    /// Takes a stream of a CUDA device's pool and makes it this thread's current one until the result is disposed, on the same thread.
    /// What was queued before on the other stream is not waited for.
    /// </summary>
    public static IDisposable OnPoolStream(int index = 0)
    {
        long id, before;
        Native.Check(Native.wt_cuda_pool_stream(index, &id));
        Native.Check(Native.wt_cuda_exchange_stream(index, id, &before));
        return new StreamScope(index, before);
    }

    sealed class StreamScope(int index, long before) : IDisposable
    {
        bool disposed;

        public void Dispose()
        {
            long own;
            if (disposed) return;
            disposed = true;
            Native.Check(Native.wt_cuda_exchange_stream(index, before, &own));
        }
    }

    sealed class Work(Action<long, long> body)
    {
        public readonly Action<long, long> Body = body;
        public System.Runtime.ExceptionServices.ExceptionDispatchInfo? Failure;
    }

    [UnmanagedCallersOnly]
    static void RunSlice(nint context, long begin, long end)
    {
        var work = (Work)GCHandle.FromIntPtr(context).Target!;
        try { work.Body(begin, end); }
        catch (Exception e) { work.Failure ??= System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e); }
    }
}
