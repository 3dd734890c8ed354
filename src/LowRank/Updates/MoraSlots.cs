// Which of M's r̂ slots a feature belongs to, as a pair of maps that need no matrix: Sum [n, features] to [n, r̂] adds up each slot's
// features, Spread [n, r̂] to [n, features] gives each feature its slot's value. Each is the other's transpose.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Features shared out to slots. Every result is the caller's to dispose.</summary>
internal abstract class MoraSlots(long features, long slots)
{
    protected long Features => features;

    protected long Slots => slots;

    /// <summary>[n, features] to [n, r̂].</summary>
    public abstract Tensor Sum(Tensor x);

    /// <summary>[n, r̂] to [n, features].</summary>
    public abstract Tensor Spread(Tensor h);

    /// <summary>Adds to each of dense's rows [features, k] its slot's of rows [r̂, k]; for slots without fillings.</summary>
    public abstract void AddRows(Tensor rows, Tensor dense);

    protected static Tensor Columns(Tensor tensor, long start, long count) => tensor.narrow(1, start, count);
}

/// <summary>Feature j in slot j mod r̂. A last piece that is too short is filled up with the first features if asked for, as the
/// reference does with inputs: these then have two slots or more.</summary>
internal sealed class StridedSlots(long features, long slots, bool fills) : MoraSlots(features, slots)
{
    private readonly long whole = features / slots * slots;             // features in pieces of full length

    public override Tensor Sum(Tensor x)
    {
        var sum = SumOfWhole(x);
        foreach (var (feature, slot, count) in Runs())
        {
            using var to = Columns(sum, slot, count);
            using var from = Columns(x, feature, count);
            to.add_(from);
        }
        return sum;
    }

    public override Tensor Spread(Tensor h)
    {
        var spread = zeros(h.shape[0], Features, h.dtype, h.device);
        if (whole > 0)
        {
            using var part = Columns(spread, 0, whole);
            using var pieces = part.view(h.shape[0], whole / Slots, Slots);
            using var single = h.unsqueeze(1);
            pieces.copy_(single);
        }
        foreach (var (feature, slot, count) in Runs())
        {
            using var to = Columns(spread, feature, count);
            using var from = Columns(h, slot, count);
            to.add_(from);
        }
        return spread;
    }

    public override void AddRows(Tensor rows, Tensor dense)
    {
        if (whole > 0)
        {
            using var part = dense.narrow(0, 0, whole);
            using var pieces = part.view(whole / Slots, Slots, dense.shape[1]);
            pieces.add_(rows);
        }
        foreach (var (feature, slot, count) in Runs())
        {
            using var to = dense.narrow(0, feature, count);
            using var from = rows.narrow(0, slot, count);
            to.add_(from);
        }
    }

    private Tensor SumOfWhole(Tensor x)
    {
        if (whole == 0) return zeros(x.shape[0], Slots, x.dtype, x.device);
        using var part = Columns(x, 0, whole);
        using var pieces = part.view(x.shape[0], whole / Slots, Slots);
        return pieces.sum(1L);
    }

    /// <summary>Behind the full pieces: features and slots that run side by side, the fillings among them.</summary>
    private IEnumerable<(long Feature, long Slot, long Count)> Runs()
    {
        if (whole == Features) yield break;
        yield return (whole, 0, Features - whole);
        for (var slot = Features - whole; fills && slot < Slots; slot += Features) yield return (0, slot, Math.Min(Features, Slots - slot));
    }
}

/// <summary>Neighbours together; the first (features mod r̂) slots have one member more.</summary>
internal sealed class ContiguousSlots(long features, long slots) : MoraSlots(features, slots)
{
    public override Tensor Sum(Tensor x)
    {
        var sum = zeros(x.shape[0], Slots, x.dtype, x.device);
        foreach (var (feature, slot, groups, size) in Parts())
        {
            using var part = Columns(x, feature, groups * size);
            using var grouped = part.view(x.shape[0], groups, size);
            using var to = Columns(sum, slot, groups);
            using var sums = grouped.sum(2L);
            to.copy_(sums);
        }
        return sum;
    }

    public override Tensor Spread(Tensor h)
    {
        var spread = empty(h.shape[0], Features, h.dtype, h.device);
        foreach (var (feature, slot, groups, size) in Parts())
        {
            using var part = Columns(spread, feature, groups * size);
            using var grouped = part.view(h.shape[0], groups, size);
            using var from = Columns(h, slot, groups);
            using var single = from.unsqueeze(2);
            grouped.copy_(single);
        }
        return spread;
    }

    public override void AddRows(Tensor rows, Tensor dense)
    {
        foreach (var (feature, slot, groups, size) in Parts())
        {
            using var part = dense.narrow(0, feature, groups * size);
            using var grouped = part.view(groups, size, dense.shape[1]);
            using var from = rows.narrow(0, slot, groups);
            using var single = from.unsqueeze(1);
            grouped.add_(single);
        }
    }

    /// <summary>The slots with one member more, and the others; what has no members is left out.</summary>
    private IEnumerable<(long Feature, long Slot, long Groups, long Size)> Parts()
    {
        var (size, larger) = (Features / Slots, Features % Slots);
        if (larger > 0) yield return (0, 0, larger, size + 1);
        if (size > 0) yield return (larger * (size + 1), larger, Slots - larger, size);
    }
}

/// <summary>Feature i in slot i; features beyond the slots in none.</summary>
internal sealed class FirstSlots(long features, long slots) : MoraSlots(features, slots)
{
    private readonly long common = Math.Min(features, slots);

    public override Tensor Sum(Tensor x) => Cut(x, Slots);

    public override Tensor Spread(Tensor h) => Cut(h, Features);

    public override void AddRows(Tensor rows, Tensor dense)
    {
        using var to = dense.narrow(0, 0, common);
        using var from = rows.narrow(0, 0, common);
        to.add_(from);
    }

    private Tensor Cut(Tensor tensor, long width)
    {
        var cut = zeros(tensor.shape[0], width, tensor.dtype, tensor.device);
        using var to = Columns(cut, 0, common);
        using var from = Columns(tensor, 0, common);
        to.copy_(from);
        return cut;
    }
}
