// Adapters whose updates begin with a small matrix on x (their Reader) share that product: reads = x [A_1; A_2; …]ᵀ. Each gets
// its columns. On the way back their gradients are columns of one matrix too.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The common product of the readers of one pass; an adapter with dropout reads its own x and is not part of
/// it.</summary>
internal sealed class SharedReads
{
    private readonly List<AdapterPass> members = [];
    private Tensor? reads;
    private int savedReaders = -1, savedReads = -1;
    private bool wantsGradient;

    private Tensor? readers, gradient;      // during backward

    /// <summary>Width of the product: the sum of the members' ranks.</summary>
    private long width;

    /// <summary>Takes a member in and gives its first column.</summary>
    public long Add(AdapterPass member)
    {
        members.Add(member);
        var offset = width;
        width += member.ReaderRows;
        return offset;
    }

    /// <summary>x [n, in].</summary>
    public void Forward(Tensor x, AdaptedPass pass)
    {
        if (members.Count == 0) return;
        var joined = Joined(x.dtype);
        reads = SkinnyProducts.Times(x, joined);                                // [n, in] x [in, Σr] -> [n, Σr]
        wantsGradient = members.Exists(m => m.Update.ReaderTrains || (pass.NeedsInput && !m.Folded));
        savedReaders = pass.Keep(joined, madeHere: true);
        savedReads = pass.Keep(reads, madeHere: true);
    }

    /// <summary>A member's columns of the product, [n, r].</summary>
    public Tensor Columns(AdapterPass member) => reads!.narrow(1, member.Column, member.ReaderRows);

    public void BeginBackward(List<Tensor> saved, Tensor like, Tensor? x)
    {
        if (members.Count == 0) return;
        readers = saved[savedReaders];
        reads = saved[savedReads];
        if (wantsGradient) gradient = empty(reads.shape[0], width, like.dtype, like.device);
    }

    /// <summary>Where a member puts the gradient of its columns [n, r], or null if nobody needs it.</summary>
    public Tensor? GradientColumns(AdapterPass member) => gradient?.narrow(1, member.Column, member.ReaderRows);

    /// <summary>x [n, in], dx [n, in], each null if not needed.</summary>
    public void EndBackward(Tensor? x, Tensor? dx, Tensor?[] gradients)
    {
        reads = null;
        if (gradient is null) return;
        if (dx is not null) AddTo(dx);
        if (members.Exists(m => m.Update.ReaderTrains))
        {
            using var dReaders = SkinnyProducts.TransposedTimes(gradient, x!);  // [Σr, n] x [n, in] -> [Σr, in]
            foreach (var member in members)
                if (member.Update.ReaderTrains)
                    member.ReaderBackward(dReaders.narrow(0, member.Column, member.ReaderRows), gradients);
        }
        gradient.Dispose();
        gradient = readers = null;
    }

    /// <summary>dx += dreads [A_1; A_2; …], without the members whose part in dx came another way.</summary>
    private void AddTo(Tensor dx)
    {
        if (members.TrueForAll(m => !m.Folded))
        {
            dx.addmm_(gradient!, readers!);                                     // [n, Σr] x [Σr, in] -> [n, in]
            return;
        }
        foreach (var member in members.Where(m => !m.Folded))
        {
            using var columns = gradient!.narrow(1, member.Column, member.ReaderRows);
            using var rows = readers!.narrow(0, member.Column, member.ReaderRows);
            dx.addmm_(columns, rows);                                           // [n, r] x [r, in] -> [n, in]
        }
    }

    /// <summary>[A_1; A_2; …] [Σr, in] in x's type.</summary>
    private Tensor Joined(ScalarType dtype)
    {
        var parts = members.ConvertAll(m => m.Reader(dtype));
        if (parts.Count == 1) return parts[0];
        var joined = cat(parts, 0);
        foreach (var part in parts) part.Dispose();
        return joined;
    }
}
