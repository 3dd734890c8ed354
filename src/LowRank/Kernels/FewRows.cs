// y = x Wᵀ for a few rows of x, as one token of each of a few texts. All it takes is reading W once, as fast as memory gives it; a BLAS's
// matrix product packs W first, which for one row takes five times as long. float32 (one row: float64 too) on the CPU, without gradients.
using static TorchSharp.torch;

namespace LowRank;

internal static class FewRows
{
    /// <summary>From nine rows on a matrix product is as fast.</summary>
    private const long Most = 8;

    /// <summary>x [..., in] Wᵀ for W [out, in], plus b [out]: a new [..., out]; null where a matrix product should do it.</summary>
    public static Tensor? Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        if (is_grad_enabled() && (x.requires_grad || weight.requires_grad || bias?.requires_grad == true)) return null;
        using var scope = NewDisposeScope();
        if (Times(x.reshape(-1, weight.shape[1]), weight) is not { } product) return null;
        if (bias is not null) product.add_(bias);
        return product.view([.. x.shape[..^1], weight.shape[0]]).MoveToOuterDisposeScope();
    }

    /// <summary>x [n, in] Wᵀ, a new [n, out]; null where a matrix product should do it.</summary>
    public static Tensor? Times(Tensor x, Tensor weight)
    {
        if (x.dtype != weight.dtype || x.device_type != TorchSharp.DeviceType.CPU || x.shape[0] is < 1 or > Most) return null;
        if (x.shape[0] == 1 && x.dtype is ScalarType.Float32 or ScalarType.Float64)
        {
            using var row = x.select(0, 0);
            using var product = weight.mv(row);                                 // [out, in] x [in] -> [out]
            return product.unsqueeze(0);
        }
        if (!CpuRows.Fit(x, weight)) return null;
        using var turned = SkinnyProducts.Times(weight, x);                     // [out, in] x [in, n] -> [out, n]
        using var view = turned.t();
        return view.contiguous();
    }
}
