// Σ_n a ⊙ b for every column: the gradient of a magnitude. One pass over both on the CPU in float32, two operators elsewhere.
using System.Buffers;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static class ColumnDot
{
    /// <summary>Rows that are summed in float32, on one thread, before they are added up in float64: the result does not depend
    /// on the threads.</summary>
    private const int RowsAtOnce = 32;

    /// <summary>a, b [n, k] to [k], summed in the given type or wider.</summary>
    public static Tensor Of(Tensor a, Tensor b, ScalarType dtype)
    {
        if (CpuRows.Fit(a, b)) return tensor(Sums(a, b), dtype, a.device);
        using var products = a.mul(b);
        return products.sum(0, type: dtype);
    }

    private static unsafe double[] Sums(Tensor a, Tensor b)
    {
        var (rows, size) = ((int)a.shape[0], (int)a.shape[1]);
        var (pa, pb) = ((nint)CpuRows.Start(a), (nint)CpuRows.Start(b));
        var chunks = (rows + RowsAtOnce - 1) / RowsAtOnce;
        var partial = ArrayPool<float>.Shared.Rent(checked(chunks * size));     // a new one would be large enough to go past the young generation
        CpuRows.For(chunks, (long)RowsAtOnce * size, (begin, end) =>
        {
            for (var row = (int)begin * RowsAtOnce; row < Math.Min(rows, (int)end * RowsAtOnce); row++)
            {
                var sum = partial.AsSpan(row / RowsAtOnce * size, size);
                var left = new ReadOnlySpan<float>((float*)pa + (long)row * size, size);
                var right = new ReadOnlySpan<float>((float*)pb + (long)row * size, size);
                if (row % RowsAtOnce == 0) TensorPrimitives.Multiply(left, right, sum);
                else TensorPrimitives.MultiplyAdd(left, right, sum, sum);
            }
        });
        GC.KeepAlive((a, b));
        var sums = new double[size];
        for (var chunk = 0; chunk < chunks; chunk++)
            for (var i = 0; i < size; i++) sums[i] += partial[chunk * size + i];
        ArrayPool<float>.Shared.Return(partial);
        return sums;
    }
}
