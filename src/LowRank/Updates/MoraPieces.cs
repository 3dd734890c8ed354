// Decoupling and rotation: x in k = ⌈in/r̂⌉ pieces, the last filled up with x's own first values. Rotation turns piece p before M, in
// the halves convention: elements i and i + r̂/2 by the angle p·10000^(−2i/r̂).
using static TorchSharp.torch;

namespace LowRank;

/// <summary>M applied to each piece of x.</summary>
internal sealed class MoraPieces : MoraMap
{
    private const double RotaryBase = 10_000;

    private readonly long inFeatures, outFeatures, side, pieces;
    private readonly bool rotates;

    public MoraPieces(long inFeatures, long outFeatures, long side, bool rotates)
    {
        if (rotates && side % 2 != 0) throw new ArgumentException($"rotation turns pairs: M's side must be even; it is {side}");
        (this.inFeatures, this.outFeatures, this.side, this.rotates) = (inFeatures, outFeatures, side, rotates);
        pieces = (inFeatures + side - 1) / side;
    }

    /// <summary>Width of all pieces together.</summary>
    private long Width => pieces * side;

    public override Tensor Compress(Tensor x)
    {
        using var filled = Fill(x);
        using var cut = filled.view(-1, pieces, side);
        using var turned = Turn(cut, 1);
        return turned.reshape(-1, side);
    }

    public override Tensor CompressBack(Tensor gradient)
    {
        using var cut = gradient.view(-1, pieces, side);
        using var turned = Turn(cut, -1);
        using var filled = turned.reshape(-1, Width);
        var result = filled.narrow(1, 0, Math.Min(Width, inFeatures)).clone();
        for (var start = inFeatures; start < Width; start += inFeatures)        // what the filling repeated
        {
            var size = Math.Min(inFeatures, Width - start);
            using var first = result.narrow(1, 0, size);
            using var repeated = filled.narrow(1, start, size);
            first.add_(repeated);
        }
        return result;
    }

    public override Tensor Expand(Tensor product)
    {
        using var joined = product.view(-1, Width);
        var parts = new List<Tensor>();
        for (long start = 0; start < outFeatures; start += Width) parts.Add(joined.narrow(1, 0, Math.Min(Width, outFeatures - start)));
        return Joined(parts);
    }

    public override Tensor ExpandBack(Tensor gradient)
    {
        using var sum = zeros([gradient.shape[0], Width], gradient.dtype, gradient.device);
        for (long start = 0; start < outFeatures; start += Width)
        {
            var size = Math.Min(Width, outFeatures - start);
            using var first = sum.narrow(1, 0, size);
            using var part = gradient.narrow(1, start, size);
            first.add_(part);
        }
        return sum.view(-1, side);
    }

    /// <summary>[n, in] to [n, k r̂], filled up with the first values, again and again if r̂ is more than twice in.</summary>
    private Tensor Fill(Tensor x)
    {
        var parts = new List<Tensor>();
        for (long start = 0; start < Width; start += inFeatures) parts.Add(x.narrow(1, 0, Math.Min(inFeatures, Width - start)));
        return Joined(parts);
    }

    private static Tensor Joined(List<Tensor> parts)
    {
        var joined = cat(parts, 1);
        foreach (var part in parts) part.Dispose();
        return joined;
    }

    /// <summary>[n, k, r̂], each piece turned forward (1) or back (−1).</summary>
    private Tensor Turn(Tensor cut, int direction)
    {
        if (!rotates) return cut.alias();
        var half = side / 2;
        using var exponents = arange(half, ScalarType.Float64).mul_(-2.0 / side * Math.Log(RotaryBase));
        using var frequencies = exponents.exp();                                // 10000^(−2i/r̂)
        using var column = arange(pieces, ScalarType.Float64).unsqueeze(1);
        using var angles = column.mul(frequencies);                             // [k, r̂/2]
        using var cosWide = angles.cos();
        using var sinWide = angles.sin().mul_(direction);
        using var cos = cosWide.to(cut.dtype, cut.device);
        using var sin = sinWide.to(cut.dtype, cut.device);
        using var first = cut.narrow(2, 0, half);
        using var second = cut.narrow(2, half, half);
        using var left = first.mul(cos);
        left.addcmul_(second, sin, -1);
        using var right = second.mul(cos);
        right.addcmul_(first, sin, 1);
        return cat([left, right], 2);
    }
}
