// The rotary turn (arXiv 2104.09864, halves convention) together with the change of layout that attention needs around it: one pass.
//   [x₁, x₂] becomes [x₁ cos − x₂ sin, x₂ cos + x₁ sin]; the sine negated is the way back, which is the backward too.
using System.Numerics;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static class RotaryKernel
{
    /// <summary>[batch, tokens, heads · d] -> [batch, heads, tokens, d], turned and scaled.</summary>
    /// <param name="x">See <see cref="CpuRows.Fit"/>.</param>
    /// <param name="angles">Cosines and sines, [tokens, d/2] each; null: nothing is turned.</param>
    /// <param name="d">Head size.</param>
    /// <param name="scale">Multiplies the result.</param>
    public static Tensor ToHeads(Tensor x, (Tensor Cos, Tensor Sin)? angles, long d, float scale)
    {
        var (batch, tokens, heads) = (x.shape[0], x.shape[1], x.shape[2] / d);
        var result = empty(batch, heads, tokens, d, x.dtype);
        Run(x, result, angles, (batch, tokens, heads, d), scale, 1, toHeads: true);
        return result;
    }

    /// <summary>[batch, heads, tokens, d] -> [batch, tokens, heads · d], turned back and scaled.</summary>
    public static Tensor FromHeads(Tensor x, (Tensor Cos, Tensor Sin)? angles, long batch, long tokens, long d, float scale)
    {
        var heads = x.numel() / (batch * tokens * d);
        var result = empty(batch, tokens, heads * d, x.dtype);
        Run(x, result, angles, (batch, tokens, heads, d), scale, -1, toHeads: false);
        return result;
    }

    private static unsafe void Run(Tensor x, Tensor result, (Tensor Cos, Tensor Sin)? angles,
        (long Batch, long Tokens, long Heads, long D) shape, float scale, float direction, bool toHeads)
    {
        var (_, tokens, heads, d) = shape;
        var half = d / 2;
        var (px, py) = ((nint)CpuRows.Start(x), (nint)CpuRows.Start(result));
        var (pc, ps) = angles is { } a ? ((nint)CpuRows.Start(a.Cos), (nint)CpuRows.Start(a.Sin)) : (0, 0);
        CpuRows.For(shape.Batch * tokens, heads * d, (from, to) =>
        {
            for (var row = from; row < to; row++)
            {
                var (b, t) = (row / tokens, row % tokens);
                for (long h = 0; h < heads; h++)
                {
                    var byToken = (row * heads + h) * d;
                    var byHead = ((b * heads + h) * tokens + t) * d;
                    var input = (float*)px + (toHeads ? byToken : byHead);
                    var output = (float*)py + (toHeads ? byHead : byToken);
                    if (pc != 0)
                        Turn(input, output, (float*)pc + t * half, (float*)ps + t * half, half, scale, scale * direction);
                    else if (scale == 1)
                        new ReadOnlySpan<float>(input, (int)d).CopyTo(new Span<float>(output, (int)d));
                    else
                        TensorPrimitives.Multiply(new ReadOnlySpan<float>(input, (int)d), scale, new Span<float>(output, (int)d));
                }
            }
        });
        GC.KeepAlive((x, result, angles));
    }

    private static unsafe void Turn(float* x, float* y, float* cos, float* sin, long half, float cosScale, float sinScale)
    {
        long i = 0;
        for (; i <= half - Vector<float>.Count; i += Vector<float>.Count)
        {
            var (first, second) = (Vector.Load(x + i), Vector.Load(x + half + i));
            var (c, s) = (Vector.Load(cos + i) * cosScale, Vector.Load(sin + i) * sinScale);
            Vector.Store(first * c - second * s, y + i);
            Vector.Store(second * c + first * s, y + half + i);
        }
        for (; i < half; i++)
        {
            var (first, second) = (x[i], x[half + i]);
            var (c, s) = (cos[i] * cosScale, sin[i] * sinScale);
            y[i] = first * c - second * s;
            y[half + i] = second * c + first * s;
        }
    }
}
