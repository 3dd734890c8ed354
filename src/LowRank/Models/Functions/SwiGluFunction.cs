// silu(gate) ⊙ up with a hand-written backward. With σ = sigmoid(gate) and a = gate σ:
//   ∂up = ∂y ⊙ a,   ∂gate = ∂y ⊙ up ⊙ (σ + a (1 − σ)).
// Kept for backward: gate and up alone; σ is cheap to take again.
using static TorchSharp.torch;

namespace LowRank;

internal sealed class SwiGluFunction : autograd.SingleTensorFunction<SwiGluFunction>
{
    /// <param name="gate">[…, n]</param>
    /// <param name="up">[…, n]</param>
    /// <returns>[…, n]</returns>
    public static Tensor Apply(Tensor gate, Tensor up) => apply(gate, up);

    /// <inheritdoc/>
    public override string Name => nameof(SwiGluFunction);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (gate, up) = ((Tensor)vars[0], (Tensor)vars[1]);
        ctx.save_for_backward([gate, up]);
        if (!CpuRows.Fit(gate, up))
            return gate.silu().mul_(up);
        var result = empty_like(gate);
        SwiGluKernel.Forward(gate, up, result);
        return result;
    }

    /// <summary>What <see cref="Apply"/> gives and keeps, from shapes alone.</summary>
    public static TracedTensor Trace(ActivationTrace trace, TracedTensor gate, TracedTensor up)
    {
        var y = trace.Make(gate.Numbers, gate.RequiresGrad || up.RequiresGrad);
        if (!y.RequiresGrad) return y;
        trace.Keep(gate);
        trace.Keep(up);
        return y;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (gate, up) = (saved[0], saved[1]);
        if (CpuRows.Fit(grad_output, gate, up))
        {
            var (ofGate, ofUp) = (empty_like(gate), empty_like(up));
            SwiGluKernel.Backward(gate, up, grad_output, ofGate, ofUp);
            return [ofGate.MoveToOuterDisposeScope(), ofUp.MoveToOuterDisposeScope()];
        }
        var sigmoid = gate.sigmoid();
        var silu = gate.mul(sigmoid);
        var dup = silu.mul(grad_output);
        var slope = sigmoid.neg().add_(1).mul_(silu).add_(sigmoid);
        var dgate = slope.mul_(up).mul_(grad_output);
        return [dgate.MoveToOuterDisposeScope(), dup.MoveToOuterDisposeScope()];
    }
}
