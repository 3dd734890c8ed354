// f ⊙ W + B A for a rank of a few: what a folded layer multiplies with. Each row of W is read once and the row of the sum written once,
// where a BLAS copies W first and then goes over the copy. float32 on the CPU, contiguous; elsewhere the operators.
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace LowRank;

internal static class RankSum
{
    private const int WidestRank = 32;

    /// <summary>W + B A, or f ⊙ W + B A with a factor a row: W [out, in], B [out, r], A [r, in], f [out]. A new [out, in].</summary>
    public static Tensor Of(Tensor w, Tensor b, Tensor a, Tensor? factor = null)
    {
        if (a.shape[0] <= WidestRank && CpuRows.Fit(w, b, a) && (factor is null || CpuRows.Fit(factor)))
        {
            var result = empty(w.shape, w.dtype, w.device);
            Run(w, b, a, factor, result);
            return result;
        }
        if (factor is null) return w.addmm(b, a);                               // [out, in] + [out, r] x [r, in]
        using var column = factor.unsqueeze(1);
        var sum = w.mul(column);
        sum.addmm_(b, a);
        return sum;
    }

    private static unsafe void Run(Tensor w, Tensor b, Tensor a, Tensor? factor, Tensor result)
    {
        var (rows, k, r) = (w.shape[0], (int)w.shape[1], (int)a.shape[0]);
        var (pw, pb, pa, pf, pr) = ((nint)CpuRows.Start(w), (nint)CpuRows.Start(b), (nint)CpuRows.Start(a),
            factor is null ? 0 : (nint)CpuRows.Start(factor), (nint)CpuRows.Start(result));
        CpuRows.For(rows, (long)k * Math.Max(1, r / 4), (begin, end) =>
        {
            for (var row = begin; row < end; row++)
            {
                var scale = pf == 0 ? 1 : ((float*)pf)[row];
                float* from = (float*)pw + row * k, to = (float*)pr + row * k, weights = (float*)pb + row * r;
                if (Vector512.IsHardwareAccelerated) Row<Lanes512>(from, scale, weights, (float*)pa, to, k, r);
                else Row<Lanes256>(from, scale, weights, (float*)pa, to, k, r);
            }
        });
        GC.KeepAlive((w, b, a, factor, result));
    }

    /// <summary>to [k] = scale · w [k] + Σ_j b_j A_j.</summary>
    private static unsafe void Row<V>(float* w, float scale, float* b, float* a, float* to, int k, int r) where V : struct, ILanes<V>
    {
        var i = 0;
        for (; i + 2 * V.Count <= k; i += 2 * V.Count)                          // two sums at once hide the latency of one
        {
            V first = V.MultiplyAdd(V.Load(w + i), V.Fill(scale), default), second = V.MultiplyAdd(V.Load(w + i + V.Count), V.Fill(scale), default);
            for (var j = 0; j < r; j++)
            {
                var factor = V.Fill(b[j]);
                var row = a + (long)j * k + i;
                first = V.MultiplyAdd(V.Load(row), factor, first);
                second = V.MultiplyAdd(V.Load(row + V.Count), factor, second);
            }
            V.Store(first, to + i);
            V.Store(second, to + i + V.Count);
        }
        for (; i < k; i++)
        {
            var sum = scale * w[i];
            for (var j = 0; j < r; j++) sum += b[j] * a[(long)j * k + i];
            to[i] = sum;
        }
    }
}
