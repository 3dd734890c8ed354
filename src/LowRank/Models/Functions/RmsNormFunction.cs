// RMSNorm with a hand-written backward. With r = 1/√(mean(x²) + ε) and n the row's length:
//   y = w ⊙ x r,   ∂x = r (w ⊙ ∂y) − x r³ ⟨w ⊙ ∂y, x⟩ / n,   ∂w = Σ_rows ∂y ⊙ x r.
// Kept for backward: x and r, one number a row. 16-bit inputs are normalized in float32, as the reference does.
using static TorchSharp.torch;

namespace LowRank;

internal sealed class RmsNormFunction : autograd.SingleTensorFunction<RmsNormFunction>
{
    /// <param name="x">[…, size]</param>
    /// <param name="weight">[size]</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <returns>[…, size], of x's type</returns>
    public static Tensor Apply(Tensor x, Tensor weight, double epsilon)
    {
        using var scope = NewDisposeScope();
        return apply(x, weight, epsilon).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string Name => nameof(RmsNormFunction);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, weight, epsilon) = ((Tensor)vars[0], (Tensor)vars[1], (double)vars[2]);
        if (CpuRows.Fit(x, weight))
        {
            var (y, inverse) = (empty_like(x), empty([.. x.shape[..^1], 1], x.dtype));
            RmsNormKernel.Forward(x, weight, epsilon, y, inverse);
            ctx.save_for_backward([x, weight, inverse]);
            return y;
        }
        var wide = Precision.Widen(x);
        var r = wide.square().mean([-1], keepdim: true).add_(epsilon).rsqrt_();   // […, 1]
        ctx.save_for_backward([x, weight, r]);
        var normed = wide.mul(r);
        // Weights in a wider type than x multiply before the result is rounded (Gemma), others after (Llama), as the references do.
        return weight.dtype == x.dtype ? normed.to(x.dtype).mul_(weight) : normed.mul_(weight).to(x.dtype);
    }

    /// <summary>What <see cref="Apply"/> gives and keeps, from shapes alone.</summary>
    /// <param name="trace">The account.</param>
    /// <param name="x">[rows, size]</param>
    /// <param name="rows">Places, as many as r has numbers.</param>
    /// <param name="weightTrains">Does the weight require a gradient?</param>
    public static TracedTensor Trace(ActivationTrace trace, TracedTensor x, long rows, bool weightTrains)
    {
        var y = trace.Make(x.Numbers, x.RequiresGrad || weightTrains);
        if (!y.RequiresGrad) return y;
        trace.Keep(x);
        trace.KeepMade(rows, Precision.Wide(trace.DataType));
        return y;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (x, weight, r) = (saved[0], saved[1], saved[2]);
        var wide = Precision.Widen(x);
        var dy = Precision.Widen(grad_output);
        Tensor? dw = null;
        if (weight.requires_grad)
            dw = dy.mul(wide).mul_(r).flatten(0, -2).sum([0]).to(weight.dtype);      // [rows, size] -> [size]
        if (CpuRows.Fit(grad_output, x, weight))
        {
            var result = empty_like(x);
            RmsNormKernel.Backward(x, weight, r, grad_output, result);
            return [result.MoveToOuterDisposeScope(), dw?.MoveToOuterDisposeScope()!, null!];
        }
        var g = dy.mul(weight);
        var mean = g.mul(wide).mean([-1], keepdim: true).mul_(r).mul_(r);          // […, 1]
        var dx = g.sub_(wide.mul(mean)).mul_(r).to(x.dtype);
        return [dx.MoveToOuterDisposeScope(), dw?.MoveToOuterDisposeScope()!, null!];
    }
}
