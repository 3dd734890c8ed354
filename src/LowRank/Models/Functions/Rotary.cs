using static TorchSharp.torch;

namespace LowRank;

internal static class Rotary
{
    /// <summary>
    /// Turns pairs (i, i + d/2) by their angles: <c>[x₁ cos − x₂ sin, x₂ cos + x₁ sin]</c>. With the sine negated it is the inverse,
    /// which is also the backward.
    /// </summary>
    /// <param name="x">[…, d], any strides</param>
    /// <param name="cos">Broadcasts with […, d/2].</param>
    /// <param name="sin">As <paramref name="cos"/>.</param>
    /// <param name="inverse">Turn back.</param>
    /// <returns>A new contiguous tensor of x's shape.</returns>
    public static Tensor Turn(Tensor x, Tensor cos, Tensor sin, bool inverse = false)
    {
        using var scope = NewDisposeScope();
        var half = x.shape[^1] / 2;
        var (first, second) = (x.narrow(-1, 0, half), x.narrow(-1, half, half));
        double sign = inverse ? -1 : 1;
        var left = first.mul(cos).addcmul_(second, sin, -sign);
        var right = second.mul(cos).addcmul_(first, sin, sign);
        return cat([left, right], -1).MoveToOuterDisposeScope();
    }
}
