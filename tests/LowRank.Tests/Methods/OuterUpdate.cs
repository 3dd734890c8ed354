// The guide's method (src/LowRank/Updates/README.md), word for word; MethodList.cs has it checked and measured as any other.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Methods;

/// <summary>ΔW = u vᵀ with u [out, 1] and v [1, in]: the simplest change of all.</summary>
public sealed class OuterUpdate : MaterializedUpdate
{
    private readonly Parameter u, v;

    public OuterUpdate(long inFeatures, long outFeatures, ScalarType? dtype, Device? device)
        : base(nameof(OuterUpdate), inFeatures, outFeatures)
    {
        u = new Parameter(zeros(outFeatures, 1, dtype, device));    // ΔW = 0 at the start
        v = new Parameter(ones(1, inFeatures, dtype, device));
        RegisterComponents();
    }

    public override IReadOnlyList<UpdateTensor> Tensors => [new("outer_u", u), new("outer_v", v)];

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        return u.to(dtype).mm(v.to(dtype));                         // [out, 1] x [1, in] -> [out, in]
    }

    protected override void DeltaBackward(Tensor delta, UpdateGradients gradients)
    {
        gradients.Set(0, delta.mm(v.detach().to(delta.dtype).t()).to(u.dtype));     // ∂u = G vᵀ
        gradients.Set(1, u.detach().to(delta.dtype).t().mm(delta).to(v.dtype));     // ∂v = uᵀ G
    }
}
