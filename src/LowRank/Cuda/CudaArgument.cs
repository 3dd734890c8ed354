// One argument of a kernel: a tensor, whose first element's address is passed, or a number, at its own size in the first bytes of eight.
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>An argument of a CUDA kernel. Tensors, int, long and float convert to it; the kernel's parameter must be of that type.</summary>
public readonly struct CudaArgument
{
    private CudaArgument(Tensor? tensor, ulong bits, bool isFloat = false) => (Tensor, Bits, IsFloat) = (tensor, bits, isFloat);

    internal Tensor? Tensor { get; }

    internal ulong Bits { get; }

    internal bool IsFloat { get; }

    /// <summary>A pointer to nothing, where the kernel allows it.</summary>
    internal static CudaArgument Null { get; } = new(null, 0);

    /// <summary>A pointer to the tensor's elements.</summary>
    public static implicit operator CudaArgument(Tensor tensor) => new(tensor, 0);

    /// <summary>An <c>int</c>.</summary>
    public static implicit operator CudaArgument(int value) => new(null, unchecked((uint)value));

    /// <summary>A <c>long long</c>.</summary>
    public static implicit operator CudaArgument(long value) => new(null, unchecked((ulong)value));

    /// <summary>A <c>float</c>.</summary>
    public static implicit operator CudaArgument(float value) => new(null, Unsafe.BitCast<float, uint>(value), isFloat: true);

    /// <summary>The address of a contiguous tensor's first element.</summary>
    internal static nint Address(Tensor tensor)
    {
#if LIBTORCH
        return LibTorch.Runtime.DataPointer(tensor);
#else
        // TorchSharp's Storage has the address too, but for 16-bit types it is that of a copy in another type.
        return THSStorage_data_ptr(tensor.Handle) + (nint)(tensor.storage_offset() * tensor.ElementSize);
#endif
    }

#if !LIBTORCH
    [System.Runtime.InteropServices.DllImport("LibTorchSharp")]
    private static extern nint THSStorage_data_ptr(nint tensor);
#endif
}
