// Products of many tokens with a matrix of a few rows (a rank), which a BLAS does at a quarter of the speed at which memory could be
// read: its packing costs more than the product. Here each row of the wide matrix is read once, and both products that backward
// takes of it are made in that one pass, four rows at a time. float32 on the CPU, contiguous.
//
//   Times            c [n, r] = x [n, k] sᵀ,   s [r, k]
//   TransposedTimes  g [r, k] = cᵀ x,          c [n, r], x [n, k]
//
// Rows are summed in chunks of a fixed size, so the result does not depend on the threads.
using System.Buffers;
using System.Runtime.Intrinsics;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static class SkinnyProducts
{
    private const int WidestRank = 24, FewestRows = 16, Chunk = 128;

    /// <summary>x [n, k] sᵀ for s [r, k], a new [n, r].</summary>
    public static Tensor Times(Tensor x, Tensor s)
    {
        if (!Fit(x, s.shape[0]))
        {
            using var transposed = s.t();
            return x.mm(transposed);                                            // [n, k] x [k, r] -> [n, r]
        }
        var result = empty(x.shape[0], s.shape[0], x.dtype, x.device);
        Run(x, s, result, null, null);
        return result;
    }

    /// <summary>cᵀ x for c [n, r] and x [n, k], a new [r, k].</summary>
    public static Tensor TransposedTimes(Tensor c, Tensor x)
    {
        if (!Fit(x, c.shape[1]))
        {
            using var transposed = c.t();
            return transposed.mm(x);                                            // [r, n] x [n, k] -> [r, k]
        }
        var result = empty(c.shape[1], x.shape[1], x.dtype, x.device);
        Run(x, null, null, c, result);
        return result;
    }

    /// <summary>Both: x sᵀ into result [n, r], and cᵀ x, a new [r', k].</summary>
    public static Tensor Both(Tensor x, Tensor s, Tensor result, Tensor c)
    {
        if (!Fit(x, Math.Max(s.shape[0], c.shape[1])))
        {
            using var transposed = s.t();
            result.addmm_(x, transposed, 0);                                    // [n, k] x [k, r] -> [n, r]
            return TransposedTimes(c, x);
        }
        var product = empty(c.shape[1], x.shape[1], x.dtype, x.device);
        using var own = result.is_contiguous() ? result.alias() : empty(result.shape, x.dtype, x.device);
        Run(x, s, own, c, product);
        if (!result.is_contiguous()) result.copy_(own);
        return product;
    }

    /// <summary>Is a pass faster than a matrix product for x [n, k] and that rank?</summary>
    private static bool Fit(Tensor x, long rank) => rank <= WidestRank && x.shape[0] >= FewestRows && CpuRows.Fit(x);

    private static unsafe void Run(Tensor x, Tensor? s, Tensor? result, Tensor? c, Tensor? product)
    {
        using var sRows = s?.contiguous();
        using var cRows = c?.contiguous();
        var (rows, k) = ((int)x.shape[0], (int)x.shape[1]);
        var (toRank, fromRank) = ((int)(s?.shape[0] ?? 0), (int)(c?.shape[1] ?? 0));
        var (px, ps, pr, pc) = ((nint)CpuRows.Start(x), Start(sRows), Start(result), Start(cRows));
        var chunks = (rows + Chunk - 1) / Chunk;
        var partial = product is null ? null : ArrayPool<float>.Shared.Rent(checked(chunks * fromRank * k));
        CpuRows.For(chunks, (long)Chunk * k, (begin, end) =>
        {
            for (var chunk = (int)begin; chunk < (int)end; chunk++)
                fixed (float* all = partial)
                {
                    var g = all + (long)chunk * fromRank * k;
                    if (product is not null) new Span<float>(g, fromRank * k).Clear();
                    var row = chunk * Chunk;
                    var last = Math.Min(rows, row + Chunk);
                    for (; row + 4 <= last; row += 4)
                    {
                        var from = (float*)px + (long)row * k;
                        if (Vector512.IsHardwareAccelerated) Four<Lanes512>(from, row, g);
                        else Four<Lanes256>(from, row, g);
                    }
                    for (; row < last; row++)
                        Single((float*)px + (long)row * k, (float*)ps, (float*)pr + (long)row * toRank, toRank, (float*)pc + (long)row * fromRank, g, fromRank, k);
                }
        });
        if (product is not null) Sum(partial!, chunks, fromRank * k, CpuRows.Start(product));
        if (partial is not null) ArrayPool<float>.Shared.Return(partial);
        GC.KeepAlive((x, sRows, result, cRows, product));

        void Four<V>(float* from, int row, float* g) where V : struct, ILanes<V>
        {
            if (toRank > 0) Dots<V>(from, (float*)ps, (float*)pr + (long)row * toRank, k, toRank);
            if (fromRank > 0) Add<V>(from, (float*)pc + (long)row * fromRank, g, k, fromRank);
        }
    }

    private static unsafe nint Start(Tensor? tensor) => tensor is null ? 0 : (nint)CpuRows.Start(tensor);

    /// <summary>c [4, r] = x [4, k] sᵀ, two rows of s at a time.</summary>
    private static unsafe void Dots<V>(float* x, float* s, float* c, int k, int r) where V : struct, ILanes<V>
    {
        var whole = k - k % V.Count;
        for (var j = 0; j < r; j += 2)
        {
            float* s0 = s + (long)j * k, s1 = j + 1 < r ? s0 + k : s0;          // an odd last row twice
            V a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            for (var i = 0; i < whole; i += V.Count)
            {
                V v0 = V.Load(s0 + i), v1 = V.Load(s1 + i);
                V x0 = V.Load(x + i), x1 = V.Load(x + k + i), x2 = V.Load(x + 2L * k + i), x3 = V.Load(x + 3L * k + i);
                (a0, b0) = (V.MultiplyAdd(x0, v0, a0), V.MultiplyAdd(x0, v1, b0));
                (a1, b1) = (V.MultiplyAdd(x1, v0, a1), V.MultiplyAdd(x1, v1, b1));
                (a2, b2) = (V.MultiplyAdd(x2, v0, a2), V.MultiplyAdd(x2, v1, b2));
                (a3, b3) = (V.MultiplyAdd(x3, v0, a3), V.MultiplyAdd(x3, v1, b3));
            }
            Store(c + j, r, s0, V.Sum(a0), V.Sum(a1), V.Sum(a2), V.Sum(a3));
            if (j + 1 < r) Store(c + j + 1, r, s1, V.Sum(b0), V.Sum(b1), V.Sum(b2), V.Sum(b3));
        }

        void Store(float* column, int stride, float* row, float d0, float d1, float d2, float d3)
        {
            for (var i = whole; i < k; i++)
            {
                d0 += x[i] * row[i];
                d1 += x[k + i] * row[i];
                d2 += x[2L * k + i] * row[i];
                d3 += x[3L * k + i] * row[i];
            }
            (column[0], column[stride], column[2 * stride], column[3 * stride]) = (d0, d1, d2, d3);
        }
    }

    /// <summary>g [r, k] += c [4, r]ᵀ x [4, k].</summary>
    private static unsafe void Add<V>(float* x, float* c, float* g, int k, int r) where V : struct, ILanes<V>
    {
        var whole = k - k % V.Count;
        for (var j = 0; j < r; j++)
        {
            var row = g + (long)j * k;
            V c0 = V.Fill(c[j]), c1 = V.Fill(c[r + j]), c2 = V.Fill(c[2 * r + j]), c3 = V.Fill(c[3 * r + j]);
            for (var i = 0; i < whole; i += V.Count)
            {
                var sum = V.MultiplyAdd(V.Load(x + i), c0, V.Load(row + i));
                sum = V.MultiplyAdd(V.Load(x + k + i), c1, sum);
                sum = V.MultiplyAdd(V.Load(x + 2L * k + i), c2, sum);
                V.Store(V.MultiplyAdd(V.Load(x + 3L * k + i), c3, sum), row + i);
            }
            for (var i = whole; i < k; i++)
                row[i] += c[j] * x[i] + c[r + j] * x[k + i] + c[2 * r + j] * x[2L * k + i] + c[3 * r + j] * x[3L * k + i];
        }
    }

    /// <summary>Both for the rows that are left over, one at a time.</summary>
    private static unsafe void Single(float* x, float* s, float* result, int toRank, float* c, float* g, int fromRank, int k)
    {
        var row = new ReadOnlySpan<float>(x, k);
        for (var j = 0; j < toRank; j++) result[j] = TensorPrimitives.Dot(row, new ReadOnlySpan<float>(s + (long)j * k, k));
        for (var j = 0; j < fromRank; j++)
        {
            var sum = new Span<float>(g + (long)j * k, k);
            TensorPrimitives.MultiplyAdd(row, c[j], sum, sum);
        }
    }

    /// <summary>The chunks' parts, each of that many numbers, added up.</summary>
    private static unsafe void Sum(float[] parts, int chunks, int size, float* sum)
    {
        var result = new Span<float>(sum, size);
        parts.AsSpan(0, size).CopyTo(result);
        for (var chunk = 1; chunk < chunks; chunk++)
            TensorPrimitives.Add(result, parts.AsSpan(chunk * size, size), result);
    }
}
