// How a layer's weight W [out, in] is stored: one of the four axes. A storage knows its shape, multiplies, gives W back as an
// ordinary matrix and counts its bytes; it knows nothing of adapters. Everything here runs with gradients off: the layer's own
// autograd function calls it.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The weight W [out, in] of a linear layer in some storage.</summary>
public abstract class FrozenWeight
{
    private const long ElementsPerChunk = 1 << 20;

    private Tensor? rowNormSquared;
    private TensorStamp normStamp;

    /// <summary>Rows of W: the layer's outputs.</summary>
    public abstract long OutFeatures { get; }

    /// <summary>Columns of W: the layer's inputs.</summary>
    public abstract long InFeatures { get; }

    /// <summary>Bytes that the storage takes, scales and tables included.</summary>
    public abstract long Bytes { get; }

    /// <summary>The device W lies on.</summary>
    public abstract Device Device { get; }

    /// <summary>The element type that <see cref="Dequantize"/> gives when none is asked for.</summary>
    public abstract ScalarType DataType { get; }

    /// <summary>The tensor that trains with this storage, or null: then W gets no gradient.</summary>
    internal virtual TorchSharp.Modules.Parameter? Parameter => null;

    /// <summary>W as a dense matrix [out, in]. It may share the storage's memory: read it only, and dispose it.</summary>
    public abstract Tensor Dequantize(ScalarType? dtype = null);

    /// <summary>Puts another W [out, in] in place of this one, converting it to the storage's form.</summary>
    public void Assign(Tensor dense)
    {
        if (!dense.shape.SequenceEqual([OutFeatures, InFeatures]))
            throw new ArgumentException(
                $"the weight is [{OutFeatures}, {InFeatures}]; the new one is [{string.Join(", ", dense.shape)}]");
        Store(dense);
        Invalidate();
    }

    /// <summary>Writes a dense W of the right shape into the storage.</summary>
    protected abstract void Store(Tensor dense);

    /// <summary>W as it is stored now, for <see cref="Restore"/> to put back bit for bit after an <see cref="Assign"/>.</summary>
    internal abstract object Keep();

    /// <summary>Puts back what <see cref="Keep"/> gave, which is then the storage's again.</summary>
    internal abstract void Restore(object content);

    /// <summary>A stamp of W's present content; equal stamps mean equal content (see <see cref="TensorStamp"/>).</summary>
    internal abstract TensorStamp Stamp { get; }

    /// <summary>Writes x Wᵀ into y, or adds it: x [n, in], y [n, out].</summary>
    public virtual void Multiply(Tensor x, Tensor y, bool accumulate = false)
    {
        using var dense = Dequantize(x.dtype);
        using var transposed = dense.t();
        y.addmm_(x, transposed, accumulate ? 1 : 0);      // [n, in] x [in, out] -> [n, out]
    }

    /// <summary>Writes dy W into dx, or adds it: dy [n, out], dx [n, in]. Quantized storages dequantize again here.</summary>
    public virtual void MultiplyTransposed(Tensor dy, Tensor dx, bool accumulate = false)
    {
        using var dense = Dequantize(dy.dtype);
        dx.addmm_(dy, dense, accumulate ? 1 : 0);         // [n, out] x [out, in] -> [n, in]
    }

    /// <summary>‖W_o‖² of each output row [out], in float32 or wider. Kept until W changes; it belongs to the weight, not to the
    /// caller.</summary>
    public Tensor RowNormSquared()
    {
        var now = Stamp;
        if (rowNormSquared is not null && now.Matches(normStamp)) return rowNormSquared;
        using var grad = no_grad();
        Invalidate();
        rowNormSquared = OverRows(rows =>
        {
            using var norm = linalg.vector_norm(rows, 2, [1]);
            return norm.square();
        }).DetachFromDisposeScope();
        normStamp = now;
        return rowNormSquared;
    }

    /// <summary>Calls a function of some rows of W, [m, in] in float32 or wider, for all rows in chunks, and joins its results
    /// along rows.</summary>
    internal Tensor OverRows(Func<Tensor, Tensor> function) => OverRows((rows, _) => function(rows));

    /// <summary>The same, of the rows from which the second argument is the first.</summary>
    internal Tensor OverRows(Func<Tensor, long, Tensor> function)
    {
        using var dense = Dequantize();
        var wide = Wide(dense.dtype);
        if (dense.dtype == wide) return function(dense, 0);

        // A 16-bit W is widened a chunk at a time: no second, wide copy of it exists at once.
        var step = Math.Max(1, ElementsPerChunk / Math.Max(1, InFeatures));
        var parts = new List<Tensor>();
        for (long row = 0; row < OutFeatures; row += step)
        {
            using var chunk = dense.narrow(0, row, Math.Min(step, OutFeatures - row));
            using var widened = chunk.to(wide);
            parts.Add(function(widened, row));
        }
        var joined = cat(parts, 0);
        foreach (var part in parts) part.Dispose();
        return joined;
    }

    /// <summary>Forgets what was computed from W.</summary>
    internal void Invalidate()
    {
        rowNormSquared?.Dispose();
        rowNormSquared = null;
    }

    /// <summary>The type in which norms are summed: float64 for float64, float32 for everything narrower.</summary>
    internal static ScalarType Wide(ScalarType dtype) => dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
}
