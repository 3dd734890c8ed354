// IA³ (arXiv 2205.05638): y = l ⊙ (W x + b), or W (l ⊙ x) on a feed-forward block's last matrix, with l = 1 at the start. As a change of
// the weight: ΔW = diag(l − 1) W and l − 1 times the bias, or W diag(l − 1). It is the one update that depends on W.
// With G = dyᵀ x [out, in]:  ∂l_o = Σ_i G_oi W_oi + b_o Σ_n dy_no,   or  ∂l_i = Σ_o G_oi W_oi.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A factor for every output of a layer (its bias too), or for every input.</summary>
public sealed class ScalingUpdate : MaterializedUpdate
{
    private readonly Parameter ia3_l;
    private readonly Owner owner;

    /// <param name="layer">The layer whose weight is scaled.</param>
    /// <param name="scalesInput">One factor an input instead of one an output.</param>
    public ScalingUpdate(AdaptedLinear layer, bool scalesInput) : base(nameof(ScalingUpdate), layer.InFeatures, layer.OutFeatures)
    {
        owner = new(layer);
        ScalesInput = scalesInput;
        var dtype = FrozenWeight.Wide(layer.Weight.DataType);
        ia3_l = new Parameter(scalesInput ? ones(1, InFeatures, dtype, layer.Weight.Device) : ones(OutFeatures, 1, dtype, layer.Weight.Device));
        RegisterComponents();
    }

    /// <summary>Does l stand at the inputs?</summary>
    public bool ScalesInput { get; }

    /// <summary>l, [out, 1] or [1, in].</summary>
    public Parameter L => ia3_l;

    public override IReadOnlyList<UpdateTensor> Tensors => [new("ia3_l", ia3_l)];

    public override Tensor? Offset()
    {
        if (ScalesInput || owner.Layer.Bias is null) return null;
        using var change = Change(FrozenWeight.Wide(owner.Layer.Weight.DataType));
        using var flat = change.view(-1);
        using var bias = owner.Layer.Bias.detach();
        return bias.mul(flat);
    }

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        base.AddTo(y, x, reads);
        using var offset = Offset();
        if (offset is not null) y.add_(offset);
    }

    protected override void DeltaBackward(Tensor delta, UpdateGradients gradients)
    {
        using var dense = owner.Layer.Weight.Dequantize(delta.dtype);
        delta.mul_(dense);
        var sums = delta.sum(ScalesInput ? 0L : 1L, keepdim: true, type: ia3_l.dtype);
        if (!ScalesInput && owner.Layer.Bias is not null)
        {
            using var dy = gradients.Dy.sum(0L, type: ia3_l.dtype);
            using var bias = owner.Layer.Bias.detach();
            using var column = bias.mul(dy).unsqueeze(1);
            sums.add_(column);
        }
        gradients.Set(0, sums);
    }

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var dense = owner.Layer.Weight.Dequantize(dtype);
        using var change = Change(dtype);
        return dense.mul(change);                                               // [out, in] ⊙ [out, 1] or [1, in]
    }

    private Tensor Change(ScalarType dtype)
    {
        using var constant = ia3_l.detach();
        using var typed = constant.to(dtype);
        return typed.sub(1);
    }

    /// <summary>Keeps the layer from being taken for a part of the update, which is a part of the layer.</summary>
    private sealed record Owner(AdaptedLinear Layer);
}
