// W in a storage format: codes and scales instead of numbers. It never trains. Every product dequantizes it anew, in backward too
// (QLoRA, arXiv 2305.14314, section 3), so nothing out×in is alive between forward and backward.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A quantized weight [out, in].</summary>
public sealed class QuantizedWeight : FrozenWeight
{
    private QuantizedTensor stored;
    private bool kept;                                  // by somebody who will put it back
    private long version;

    /// <summary>Takes the quantized tensor over.</summary>
    public QuantizedWeight(QuantizedTensor stored)
    {
        if (stored.Shape.Count != 2) throw new ArgumentException($"a layer's weight is a matrix; the quantized tensor is [{string.Join(", ", stored.Shape)}]");
        this.stored = stored.DetachFromDisposeScope();
    }

    /// <summary>Codes and scales.</summary>
    public QuantizedTensor Stored => stored;

    public override long OutFeatures => stored.Shape[0];

    public override long InFeatures => stored.Shape[1];

    public override long Bytes => stored.Bytes;

    public override Device Device => stored.Codes.device;

    public override ScalarType DataType => stored.SourceType;

    internal override TensorStamp Stamp => new(this, version);

    public override Tensor Dequantize(ScalarType? dtype = null) => stored.Dequantize(dtype);

    /// <summary>Writes x Wᵀ into y, or adds it: x [n, in], y [n, out]. A few rows go through a kernel that reads the codes: on a GPU
    /// CudaStorage's, on the CPU QuantizedProduct's; everything else through the dense weight.</summary>
    public override void Multiply(Tensor x, Tensor y, bool accumulate = false)
    {
        if (x.device_type != stored.Codes.device_type || x.device_index != stored.Codes.device_index)
            throw new ArgumentException($"x is on {x.device}, the layer's weight on {Device}; move one of them with .to(...)");
        if (stored.TryMultiply(x, y, accumulate)) return;
        if (QuantizedProduct.Fits(stored, x, y, out var rows)) QuantizedProduct.Run(stored, rows, x, y, accumulate);
        else base.Multiply(x, y, accumulate);
    }

    /// <summary>Takes what <see cref="QuantizedTensor.To"/> made of <see cref="Stored"/>: the same bytes on a device, or the same object.</summary>
    internal void Take(QuantizedTensor moved)
    {
        if (!ReferenceEquals(moved, stored)) Replace(moved);
    }

    protected override void Store(Tensor dense)
    {
        using var guard = no_grad();
        using var typed = dense.detach().to(stored.SourceType, Device);
        Replace(stored.Format.Encode(typed));
    }

    internal override object Keep()
    {
        kept = true;
        return stored;
    }

    internal override void Restore(object content)
    {
        var device = Device;
        Replace((QuantizedTensor)content);
        Take(stored.To(device));                        // the layer may have been moved since
    }

    /// <summary>
    /// W with an adapter in it and every code untouched, or null where that can't be: QA-LoRA's ΔW is constant over each group of int4, so it
    /// moves the zeros, z ← z − ΔW/scale (arXiv 2309.14717, section 3.3); a magnitude multiplies the scales by m/C.
    /// </summary>
    internal QuantizedTensor? WithInside(IReadOnlyList<LinearAdapter> adapters)
    {
        if (adapters is not [{ Update: PooledUpdate update } adapter] || stored is not GroupInt4Tensor grouped
            || update.GroupSize != grouped.Format.GroupSize) return null;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var scales = grouped.Scales.to(ScalarType.Float64);
        var zeros = grouped.Zeros.to(ScalarType.Float64).sub(update.DeltaOfGroups().div(scales));           // [out, groups]
        if (adapter.Magnitude is { } magnitude)
            scales = scales.mul(adapter.Norm.Factor(magnitude, this, update).to(ScalarType.Float64).unsqueeze(1));
        return grouped.With(scales, zeros).DetachFromDisposeScope();
    }

    /// <summary>Puts another quantized W of the same shape in place of this one.</summary>
    internal void Replace(QuantizedTensor next)
    {
        if (!kept) stored.Dispose();
        (stored, kept) = (next.DetachFromDisposeScope(), false);
        version++;
        Invalidate();
    }
}
