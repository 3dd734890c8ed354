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
    private Tensor? cos, sin;                           // [k, r̂/2] of every angle, in the type that was asked for last

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

    /// <summary>What each piece's product with its x gives of M, turned when it is small: n tokens are read where they lie.</summary>
    public override Tensor Gradient(Tensor dy, Tensor x)
    {
        using var wide = zeros([side, Width], dy.dtype, dy.device);             // piece p's share of M in its columns
        foreach (var (output, rows, input, column, columns) in Blocks())
        {
            using var left = dy.narrow(1, output, rows);
            using var leftT = left.t();
            using var right = x.narrow(1, input, columns);
            using var part = wide.narrow(0, 0, rows);
            using var place = part.narrow(1, column, columns);
            place.addmm_(leftT, right);                                         // [rows, n] x [n, columns], at most [r̂, r̂]
        }
        using var cut = wide.view(side, pieces, side);
        using var turned = Turn(cut, 1);
        return turned.sum(1L);
    }

    public override void AddDelta(Tensor m, Tensor dense)
    {
        using var single = m.unsqueeze(1);
        using var same = single.expand(side, pieces, side);
        using var turned = Turn(same, -1);                                      // M R_p, p by p
        using var wide = turned.reshape(side, Width);
        foreach (var (output, rows, input, column, columns) in Blocks())
        {
            using var outputs = dense.narrow(0, output, rows);
            using var place = outputs.narrow(1, input, columns);
            using var from = wide.narrow(0, 0, rows);
            using var block = from.narrow(1, column, columns);
            place.add_(block);
        }
    }

    /// <summary>The blocks of ΔW that are not 0: rows from output and columns from input, taken from the first rows and from a column of
    /// M beside M beside M …, one for each piece.</summary>
    private IEnumerable<(long Output, long Rows, long Input, long Column, long Columns)> Blocks()
    {
        for (long piece = 0; piece < pieces; piece++)
            for (var output = piece * side; output < outFeatures; output += Width)
                for (var position = piece * side; position < (piece + 1) * side;)
                {
                    var input = position % inFeatures;                          // filling begins at x's first values again
                    var columns = Math.Min((piece + 1) * side - position, inFeatures - input);
                    yield return (output, Math.Min(side, outFeatures - output), input, position, columns);
                    position += columns;
                }
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
        MakeTables(cut.dtype, cut.device);
        using var first = cut.narrow(2, 0, half);
        using var second = cut.narrow(2, half, half);
        using var left = first.mul(cos!);
        left.addcmul_(second, sin!, -direction);
        using var right = second.mul(cos!);
        right.addcmul_(first, sin!, direction);
        return cat([left, right], 2);
    }

    private void MakeTables(ScalarType dtype, Device device)
    {
        if (cos is not null && cos.dtype == dtype && cos.device_type == device.type) return;
        using var scope = NewDisposeScope();
        cos?.Dispose();
        sin?.Dispose();
        var frequencies = arange(side / 2, ScalarType.Float64).mul_(-2.0 / side * Math.Log(RotaryBase)).exp_();     // 10000^(−2i/r̂)
        var angles = arange(pieces, ScalarType.Float64).unsqueeze(1).mul(frequencies);                            // [k, r̂/2]
        cos = angles.cos().to(dtype, device).DetachFromDisposeScope();
        sin = angles.sin().to(dtype, device).DetachFromDisposeScope();
    }
}
