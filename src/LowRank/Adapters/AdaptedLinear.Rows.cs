// An embedding is a linear layer that is read by rows: W [vocabulary, hidden], and a token's vector is row W_id. A head that is tied to
// it is the same layer's forward, so an adapter on it acts on both uses and its merge is one merge:
//
// look-up    e_id = (W + ΔW)_id, or m_id (W + ΔW)_id / ‖(W + ΔW)_id‖ (DoRA, one magnitude for each token)
// head       x Wᵀ + ΔW x, as any layer's
//
// An update that can give single rows of ΔW (Update.DeltaRows) costs n rows; any other is asked for all of them, as ΔW of the identity:
// in·in·out multiplications and two matrices as large as W.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class AdaptedLinear
{
    private readonly RowTable table = new();

    /// <summary>An embedding: a layer without a bias that <see cref="Lookup"/> reads by rows. It starts normal with deviation 1.</summary>
    /// <param name="count">Rows of the weight: tokens of the vocabulary.</param>
    /// <param name="width">Columns: the length of a token's vector.</param>
    /// <param name="isHead">Is its forward the model's head too (tied embeddings)? Adapter files say so.</param>
    /// <param name="dtype">Of the weight; torch's default if not given.</param>
    /// <param name="device">Where it lies; torch's default if not given.</param>
    public static AdaptedLinear Embedding(long count, long width, bool isHead = false, ScalarType? dtype = null, Device? device = null) =>
        new(width, count, hasBias: false, isEmbedding: true, isEmpty: false, dtype, device) { IsTiedHead = isHead };

    /// <summary>As <see cref="Empty"/>.</summary>
    internal static AdaptedLinear EmptyEmbedding(long count, long width, bool isHead, ScalarType? dtype, Device? device) =>
        new(width, count, hasBias: false, isEmbedding: true, isEmpty: true, dtype, device) { IsTiedHead = isHead };

    /// <summary>Is the weight a table that is read by rows?</summary>
    public bool IsEmbedding { get; }

    /// <summary>Is the embedding the model's head too?</summary>
    public bool IsTiedHead { get; private init; }

    /// <summary>Rows of the weight with the active adapters in it. A look-up has no input of which a part could be dropped: dropout
    /// does nothing here, as in PEFT.</summary>
    /// <param name="ids">[...] int64, each at least 0 and below <see cref="OutFeatures"/>.</param>
    /// <returns>[..., in]</returns>
    /// <exception cref="InvalidOperationException">The layer was not made by <see cref="Embedding"/>.</exception>
    public Tensor Lookup(Tensor ids)
    {
        if (!IsEmbedding)
            throw new InvalidOperationException("only an embedding is read by rows; make the layer with AdaptedLinear.Embedding");
        if (ids.dtype != ScalarType.Int64)
            throw new ArgumentException($"ids are {ids.dtype}; an embedding is read by Int64");
        if (Rows is not null) return LookupByRow(ids, Rows);
        return HasWork ? AdaptedRows(ids, [.. Working]) : BaseRows(ids);
    }

    /// <summary>Are adapters at work, so that W alone is not the layer?</summary>
    internal bool HasActiveAdapters => HasWork || (Rows?.Groups.Any(g => g.Name is not null && Find(g.Name) is not null) ?? false);

    /// <summary>A batch whose rows [batch, ...] use different adapters.</summary>
    private Tensor LookupByRow(Tensor ids, BatchRows rows)
    {
        rows.Check(ids);
        using var scope = NewDisposeScope();
        var sorted = rows.Sorted(ids);
        var parts = new List<Tensor>();
        foreach (var (name, start, count) in rows.Groups)
        {
            var part = sorted.narrow(0, start, count);
            parts.Add(name is not null && Find(name) is { } adapter ? AdaptedRows(part, [adapter]) : BaseRows(part));
        }
        return rows.Unsorted(parts.Count == 1 ? parts[0] : cat(parts, 0)).MoveToOuterDisposeScope();
    }

    private Tensor BaseRows(Tensor ids)
    {
        if (Weight.Parameter is { } parameter) return table.Of(parameter, ids);
        using var dense = Weight.Dequantize();
        using var flat = ids.reshape(-1);
        using var found = dense.index_select(0, flat);
        return found.view([.. ids.shape, InFeatures]);
    }

    /// <summary>f ⊙ (W + ΔW)_ids + Σ ΔW_ids [..., in].</summary>
    private Tensor AdaptedRows(Tensor ids, IReadOnlyList<LinearAdapter> working)
    {
        using var scope = NewDisposeScope();
        var flat = ids.reshape(-1);                                             // [n]
        var sum = BaseRows(flat);
        var type = sum.dtype;
        // The decomposed adapter rescales W + its own ΔW; plain ones are added to that.
        foreach (var adapter in working.OrderBy(a => a.Magnitude is null))
        {
            sum = sum.add(adapter.Update.DeltaRows(flat) ?? DeltaRows(adapter, flat));      // in the wider type of both
            if (adapter.Magnitude is not null) sum = sum.mul(FactorOf(adapter, flat));
        }
        return sum.to(type).view([.. ids.shape, InFeatures]).MoveToOuterDisposeScope();
    }

    /// <summary>Rows of ΔW [n, in] among all of them, (ΔW I)ᵀ.</summary>
    private Tensor DeltaRows(LinearAdapter adapter, Tensor ids)
    {
        var identity = eye(InFeatures, dtype: FrozenWeight.Wide(Weight.DataType), device: Weight.Device);
        var columns = AdaptedProduct.OfUpdates(identity, [(this, adapter)])[0];             // [in, in] x [in, out] -> [in, out]
        return columns.t().index_select(0, ids);
    }

    /// <summary>m/C of some rows [n, 1], 1 for a row of zeros; only m gets a gradient (DoRA, eq. 11).</summary>
    private Tensor FactorOf(LinearAdapter adapter, Tensor ids)
    {
        var factor = adapter.Norm.Factor(adapter.Magnitude!, Weight, adapter.Update).index_select(0, ids);
        var norm = adapter.Norm.Of(Weight, adapter.Update).index_select(0, ids);
        var magnitude = adapter.Magnitude!.index_select(0, ids);
        var change = magnitude.sub(magnitude.detach()).div(norm);               // 0, with m's gradient
        return factor.add(change).unsqueeze(1);
    }

    /// <summary>Throws if the update has no meaning on this layer; changes nothing.</summary>
    internal void CheckUpdate(string name, Update update)
    {
        if (!IsEmbedding) return;
        using var offset = update.Offset();
        if (offset is not null)
            throw new ArgumentException(
                $"the adapter \"{name}\" has a bias of its own, which means nothing where rows are looked up; leave out the bias or the embedding");
    }
}
