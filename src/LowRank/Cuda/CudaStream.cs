// The stream that torch's own work of this thread is queued on, which is where kernels have to go too.
//
// Over our binding its C++ side tells. TorchSharp's API neither shows streams nor changes them, but other native code in the process may (a
// StreamGuard of an extension). libtorch's C++ library for CUDA is in the process then, and it exports two functions by which the stream is found
// all the same (C10Streams). So a stream that is current is detected and used in both cases. Where these exports are missing (another compiler's
// names, as on Windows) nothing can be detected, and kernels go to the default stream, the only one that TorchSharp itself uses.
using System.Runtime.InteropServices;

namespace LowRank;

/// <summary>torch's current stream.</summary>
internal static class CudaStream
{
#if LIBTORCH
    /// <summary>The <c>cudaStream_t</c> that this thread's work on a device goes to; 0 is the default stream.</summary>
    public static nint Current(int device) => LibTorch.Runtime.CurrentCudaStream(device);
#else
    private static readonly Lazy<C10Streams?> Exports = new(() => C10Streams.Find("libc10_cuda.so"));

    /// <summary>The <c>cudaStream_t</c> that this thread's work on a device goes to; 0 is the default stream.</summary>
    public static nint Current(int device) => Exports.Value?.Current(device) ?? 0;
#endif
}

/// <summary>The current stream by libc10_cuda's exports, whose signatures are those of libtorch 1.13 to 2.x:
/// <c>c10::cuda::CUDAStream c10::cuda::getCurrentCUDAStream(signed char device)</c> and <c>cudaStream_t c10::cuda::CUDAStream::stream() const</c>.</summary>
internal sealed unsafe class C10Streams
{
    private readonly delegate* unmanaged<sbyte, Stream> current;
    private readonly delegate* unmanaged<Stream*, nint> handle;

    private C10Streams(nint current, nint handle)
    {
        this.current = (delegate* unmanaged<sbyte, Stream>)current;
        this.handle = (delegate* unmanaged<Stream*, nint>)handle;
    }

    /// <summary>A c10::Stream: the device and the stream's number there. 16 bytes, returned in two registers.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Stream
    {
        public sbyte DeviceType, DeviceIndex;
        public long Id;
    }

    /// <summary>The exports of a library, by the name under which it is loaded or its path; null where it is absent or lacks them.</summary>
    public static C10Streams? Find(string library) =>
        NativeLibrary.TryLoad(library, out var opened)
        && NativeLibrary.TryGetExport(opened, "_ZN3c104cuda20getCurrentCUDAStreamEa", out var current)
        && NativeLibrary.TryGetExport(opened, "_ZNK3c104cuda10CUDAStream6streamEv", out var handle) ? new(current, handle) : null;

    /// <summary>The <c>cudaStream_t</c> of this thread on a device.</summary>
    public nint Current(int device)
    {
        var stream = current((sbyte)device);
        return handle(&stream);
    }
}
