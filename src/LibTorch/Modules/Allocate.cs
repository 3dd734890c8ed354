// Fresh tensors for the modules and optimizers; the type and device left out are libtorch's defaults.
using static TorchSharp.torch;

namespace LibTorch;

internal static class Allocate
{
    static readonly Operator EmptyOfShape = new("empty", "memory_format"), ZerosLikeOther = new("zeros_like");

    /// <summary>Uninitialized memory of the given shape.</summary>
    public static Tensor Empty(long[] shape, Device? device, ScalarType? dtype) =>
        EmptyOfShape.Call(shape, dtype, Argument.None, device);

    public static Tensor ZerosLike(Tensor tensor) => ZerosLikeOther.Call(tensor);
}
