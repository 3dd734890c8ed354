// DoRA (arXiv 2402.09353, eq. 5): W' = m ⊙ (W + ΔW) / C with C = ‖W + ΔW‖ over `in`, one number an output row. C is a constant in
// backward. It is computed again only when W or the update changed.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The row norms C [out] of W + ΔW, kept until one of them changes.</summary>
internal sealed class DirectionNorm
{
    private Tensor? norm, zeroRows;
    private TensorStamp weightStamp;
    private TensorStamp[] updateStamps = [];
    private bool ofSum;

    /// <summary>How often C was computed.</summary>
    internal int Computed { get; private set; }

    /// <summary>C [out] in float32 or wider; 1 for a row of zeros, so that it divides safely. Valid until W or the update
    /// changes.</summary>
    /// <param name="weight">W.</param>
    /// <param name="update">ΔW.</param>
    /// <param name="sum">W + ΔW, if it is at hand.</param>
    public Tensor Of(FrozenWeight weight, Update update, Tensor? sum = null)
    {
        Refresh(weight, update, sum);
        return norm!;
    }

    /// <summary>m/C [out] in float32 or wider, and 1 for a row of zeros. The caller disposes it.</summary>
    public Tensor Factor(Tensor magnitude, FrozenWeight weight, Update update, Tensor? sum = null)
    {
        Refresh(weight, update, sum);
        using var constant = magnitude.detach();
        using var m = constant.to(norm!.dtype);
        var factor = m.div(norm!);
        factor.masked_fill_(zeroRows!, 1);
        return factor;
    }

    /// <summary>Has C computed again at the next call: the weight has moved.</summary>
    public void Forget()
    {
        norm?.Dispose();
        zeroRows?.Dispose();
        (norm, zeroRows) = (null, null);
    }

    private void Refresh(FrozenWeight weight, Update update, Tensor? sum)
    {
        var (w, u) = (weight.Stamp, update.Stamps());
        // The two ways round differently: what a step computes must not depend on whether an evaluation has come before it, or a run that goes on
        // from a checkpoint would differ from the straight one in its last bits.
        if (norm is not null && ofSum == (sum is not null) && w.Matches(weightStamp) && u.Length == updateStamps.Length
            && u.Zip(updateStamps).All(pair => pair.First.Matches(pair.Second))) return;

        using var grad = no_grad();
        Forget();
        norm = (sum is null ? Root(update, weight) : linalg.vector_norm(sum, 2, [1])).DetachFromDisposeScope();
        zeroRows = norm.le(0).DetachFromDisposeScope();
        norm.masked_fill_(zeroRows, 1);
        (weightStamp, updateStamps, ofSum) = (w, u, sum is not null);
        Computed++;
    }

    private static Tensor Root(Update update, FrozenWeight weight)
    {
        using var squared = update.RowNormSquared(weight);
        return squared.sqrt();
    }
}
