using static TorchSharp.torch;

namespace LowRank;

internal static class Precision
{
    /// <summary>The type that sums over 16-bit numbers are taken in.</summary>
    public static ScalarType Wide(ScalarType dtype) => dtype is ScalarType.Float16 or ScalarType.BFloat16 ? ScalarType.Float32 : dtype;

    /// <summary>The tensor itself, or a float32 copy of a 16-bit one.</summary>
    public static Tensor Widen(Tensor tensor) => Wide(tensor.dtype) == tensor.dtype ? tensor : tensor.to(Wide(tensor.dtype));
}
