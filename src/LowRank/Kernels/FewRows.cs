// y = x Wᵀ for a few rows of x, as one token of each of a few texts. All it takes is reading W once, as fast as memory gives it; a BLAS's
// matrix product packs W first, which for one row takes five times as long. float32 (one row: float64 too) on the CPU, without gradients.
using static TorchSharp.torch;

namespace LowRank;

internal static class FewRows
{
    /// <summary>From nine rows on a matrix product is as fast.</summary>
    private const long Most = 8;

    /// <summary>Is it for x [..., in] and W [out, in]? Whether gradients are asked for makes no difference, so that a layer gives the same
    /// numbers either way.</summary>
    public static bool Fit(Tensor x, Tensor weight)
    {
        var rows = weight.shape[1] == 0 ? 0 : x.numel() / weight.shape[1];
        if (x.dtype != weight.dtype || x.device_type != TorchSharp.DeviceType.CPU || rows is < 1 or > Most) return false;
        return rows == 1 ? x.dtype is ScalarType.Float32 or ScalarType.Float64 : x.dtype == ScalarType.Float32 && weight.is_contiguous();
    }

    /// <summary>x [..., in] Wᵀ for W [out, in], plus b [out]: a new [..., out]. Where it is <see cref="Fit"/>.</summary>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        var product = Times(x.reshape(-1, weight.shape[1]), weight);
        if (bias is not null) product.add_(bias);
        return product.view([.. x.shape[..^1], weight.shape[0]]).MoveToOuterDisposeScope();
    }

    /// <summary>x [n, in] Wᵀ, a new [n, out]. Where it is <see cref="Fit"/>.</summary>
    public static Tensor Times(Tensor x, Tensor weight)
    {
        if (x.shape[0] == 1)
        {
            using var row = x.select(0, 0);
            using var product = weight.mv(row);                                 // [out, in] x [in] -> [out]
            return product.unsqueeze(0);
        }
        using var rows = x.contiguous();
        using var turned = SkinnyProducts.Times(weight, rows);                  // [out, in] x [in, n] -> [out, n]
        using var view = turned.t();
        return view.contiguous();
    }
}
