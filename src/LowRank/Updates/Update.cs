// How ΔW is parametrized: one of the four axes. An update adds ΔW x to an output, gives gradients for its own tensors, and
// materializes ΔW. It knows nothing of how W is stored, of magnitudes or of dropout; the layer's autograd function calls it with
// gradients off and two-dimensional tensors, n tokens each.
//
// Many updates begin by multiplying x with a small matrix (A in LoRA, VeRA, AdaLoRA, DyLoRA). Such a matrix is the update's
// Reader, and the layer computes reads = x Readerᵀ itself: layers that share their input then share one product.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A tensor of an update under the name that it has in an adapter file, as "lora_A.weight".</summary>
public readonly record struct UpdateTensor(string Name, Parameter Value);

/// <summary>An additive change ΔW [out, in] of a linear layer's weight.</summary>
public abstract class Update(string name, long inFeatures, long outFeatures) : nn.Module(name)
{
    /// <summary>Columns of ΔW.</summary>
    public long InFeatures { get; } = inFeatures;

    /// <summary>Rows of ΔW.</summary>
    public long OutFeatures { get; } = outFeatures;

    /// <summary>The tensors that an adapter file holds, in a fixed order.</summary>
    public abstract IReadOnlyList<UpdateTensor> Tensors { get; }

    /// <summary>Frozen tensors that this update shares with those of other layers, under their names in an adapter file.</summary>
    internal virtual IReadOnlyList<(string Name, Tensor Value)> SharedTensors => [];

    /// <summary>Puts a file's values into the shared tensors.</summary>
    internal virtual void LoadShared(IReadOnlyDictionary<string, Tensor> tensors) =>
        throw new InvalidOperationException($"{GetName()} shares no tensors");

    /// <summary>The matrix [r, in] that reads x, or null if this update wants x itself.</summary>
    public virtual Tensor? Reader => null;

    /// <summary>Does the reader get a gradient?</summary>
    public virtual bool ReaderTrains => false;

    /// <summary>A constant [out] that the update adds to the output, scale included, or null. The caller disposes it.</summary>
    public virtual Tensor? Offset() => null;

    /// <summary>y [n, out] += ΔW x and the offset, in place. x is [n, in]; reads is x Readerᵀ [n, r], or null without a
    /// reader.</summary>
    public abstract void AddTo(Tensor y, Tensor x, Tensor? reads);

    /// <summary>The gradients of one call of <see cref="AddTo"/>.</summary>
    public abstract void Backward(UpdateGradients gradients);

    /// <summary>Takes the reader's gradient [r, in]; called only where <see cref="ReaderTrains"/>.</summary>
    public virtual void ReaderBackward(Tensor gradient, UpdateGradients gradients) =>
        throw new InvalidOperationException($"{GetName()} has no reader that trains");

    /// <summary>Rows of ΔW with gradients, scale included: ids [n] int64 -> [n, in], for a layer that is an embedding. Null where
    /// single rows cost as much as all of them; the layer then makes all.</summary>
    internal virtual Tensor? DeltaRows(Tensor ids) => null;

    /// <summary>ΔW [out, in], scale included. The caller disposes it.</summary>
    public abstract Tensor Delta(ScalarType dtype);

    /// <summary>‖W_o + ΔW_o‖² of each output row [out], in float32 or wider (DoRA's norm). This one materializes ΔW.</summary>
    public virtual Tensor RowNormSquared(FrozenWeight weight)
    {
        using var sum = AddedTo(weight);
        using var norm = linalg.vector_norm(sum, 2, [1]);
        return norm.square();
    }

    /// <summary>dense + ΔW, a new matrix [out, in] in dense's type. The caller disposes it.</summary>
    public virtual Tensor AddedTo(Tensor dense)
    {
        var sum = Delta(dense.dtype);
        sum.add_(dense);
        return sum;
    }

    /// <summary>factor ⊙ (dense + ΔW), factor [out] one number a row: a decomposed layer's weight. The caller disposes it.</summary>
    public virtual Tensor AddedTo(Tensor dense, Tensor factor)
    {
        var sum = AddedTo(dense);
        using var column = factor.unsqueeze(1);
        sum.mul_(column);
        return sum;
    }

    /// <summary>W + ΔW [out, in] in float32 or wider.</summary>
    internal Tensor AddedTo(FrozenWeight weight)
    {
        using var dense = weight.Dequantize(FrozenWeight.Wide(weight.DataType));
        return AddedTo(dense);
    }

    /// <summary>Is ΔW 0 before the first step?</summary>
    internal virtual bool StartsAtZero => true;

    /// <summary>What the layer's weight is stored as from the moment that this update is put on it (LoftQ), once; null leaves it.</summary>
    internal virtual QuantizedTensor? TakeCodes() => null;

    /// <summary>Can it begin anew with ΔW = 0 (<see cref="Restart"/>)?</summary>
    public virtual bool CanRestart => false;

    /// <summary>Draws its tensors anew so that ΔW = 0 and the next step has a gradient: what ReLoRA does when ΔW has gone into W.</summary>
    public virtual void Restart() => throw new NotSupportedException($"{GetName()} can't begin anew");

    /// <summary>Grows whenever something else than the tensors changes ΔW, as a rank that is set.</summary>
    private long revision;

    /// <summary>To be called when something else than the tensors has changed ΔW: what was computed from it is computed again.</summary>
    protected void DeltaChanged() => revision++;

    /// <summary>Stamps of everything that ΔW depends on.</summary>
    internal TensorStamp[] Stamps() => [.. Tensors.Select(t => TensorStamp.Of(t.Value)), new TensorStamp(this, revision)];
}
