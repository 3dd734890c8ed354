// W as torch keeps it: the layer's own parameter, in float64, float32, bfloat16 or float16. It may train (full fine-tuning).
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A dense weight over a parameter [out, in].</summary>
public sealed class DenseWeight(Parameter parameter) : FrozenWeight
{
    internal override Parameter Parameter => parameter;

    public override long OutFeatures => parameter.shape[0];

    public override long InFeatures => parameter.shape[1];

    public override long Bytes => parameter.numel() * parameter.ElementSize;

    public override Device Device => parameter.device;

    public override ScalarType DataType => parameter.dtype;

    internal override TensorStamp Stamp => TensorStamp.Of(parameter);

    public override Tensor Dequantize(ScalarType? dtype = null)
    {
        using var alias = parameter.detach();
        return alias.to(dtype ?? parameter.dtype);
    }

    internal override object Keep()
    {
        using var alias = parameter.detach();
        return alias.clone().DetachFromDisposeScope();
    }

    internal override void Restore(object content)
    {
        using var before = (Tensor)content;
        Assign(before);
    }

    public override void Multiply(Tensor x, Tensor y, bool accumulate = false)
    {
        using var alias = parameter.detach();
        if (!FewRows.Fit(x, alias))
        {
            base.Multiply(x, y, accumulate);
            return;
        }
        using var product = FewRows.Times(x, alias);
        if (accumulate) y.add_(product);
        else y.copy_(product);
    }

    protected override void Store(Tensor dense)
    {
        using var grad = no_grad();
        parameter.copy_(dense);
    }
}
