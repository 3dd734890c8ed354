// RMSNorm (arXiv 1910.07467) row by row. With r = 1/√(mean(x²) + ε), n the row's length:
//   y = w ⊙ x r;   ∂x = r (w ⊙ ∂y) − x r³ ⟨w ⊙ ∂y, x⟩ / n
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static class RmsNormKernel
{
    /// <param name="x">[rows, size]</param>
    /// <param name="weight">[size]</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="output">[rows, size]</param>
    /// <param name="inverse">[rows]: r of each row, for backward.</param>
    public static unsafe void Forward(Tensor x, Tensor weight, double epsilon, Tensor output, Tensor inverse)
    {
        var size = (int)weight.NumberOfElements;
        var (px, pw, py, pr) = ((nint)CpuRows.Start(x), (nint)CpuRows.Start(weight), (nint)CpuRows.Start(output), (nint)CpuRows.Start(inverse));
        CpuRows.For(inverse.NumberOfElements, size, (begin, end) =>
        {
            var w = new ReadOnlySpan<float>((float*)pw, size);
            for (var row = begin; row < end; row++)
            {
                var values = new ReadOnlySpan<float>((float*)px + row * size, size);
                var result = new Span<float>((float*)py + row * size, size);
                var r = (float)(1 / Math.Sqrt(TensorPrimitives.SumOfSquares(values) / (double)size + epsilon));
                TensorPrimitives.Multiply(values, r, result);
                TensorPrimitives.Multiply(result, w, result);
                ((float*)pr)[row] = r;
            }
        });
        GC.KeepAlive((x, weight, output, inverse));
    }

    public static unsafe void Backward(Tensor x, Tensor weight, Tensor inverse, Tensor gradient, Tensor dx)
    {
        var size = (int)weight.NumberOfElements;
        var (px, pw, pr, pg, pd) = ((nint)CpuRows.Start(x), (nint)CpuRows.Start(weight), (nint)CpuRows.Start(inverse), (nint)CpuRows.Start(gradient), (nint)CpuRows.Start(dx));
        CpuRows.For(inverse.NumberOfElements, size, (begin, end) =>
        {
            var w = new ReadOnlySpan<float>((float*)pw, size);
            for (var row = begin; row < end; row++)
            {
                var values = new ReadOnlySpan<float>((float*)px + row * size, size);
                var result = new Span<float>((float*)pd + row * size, size);
                double r = ((float*)pr)[row];
                TensorPrimitives.Multiply(new ReadOnlySpan<float>((float*)pg + row * size, size), w, result);
                var along = TensorPrimitives.Dot(result, values);
                TensorPrimitives.Multiply(result, (float)r, result);
                TensorPrimitives.MultiplyAdd(values, (float)(-along * r * r * r / size), result, result);
            }
        });
        GC.KeepAlive((x, weight, inverse, gradient, dx));
    }
}
