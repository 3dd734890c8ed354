// Causal attention with rotary positions and grouped queries as one differentiable function.
//
//   Q = rope(q), K = rope(k),   P = softmax(Q Kᵀ/√d + causal mask),   out = P V          (arXiv 1706.03762, eq. 1)
//   ∂V = Pᵀ ∂out,   ∂P = ∂out Vᵀ,   ∂S = P ⊙ (∂P − rowsum(∂P ⊙ P)),   ∂Q = ∂S K/√d,   ∂K = ∂Sᵀ Q/√d,   ∂q = rope⁻¹(∂Q) …
//
// The query heads that share a key head lie one below the other ([group · tokens, d]), so no key or value is ever repeated, and the
// products' inner sums add the group's gradients up. The scale 1/√d goes into Q's angles: once a position instead of once a score.
// Kept for backward: Q, K, V and P.
using static TorchSharp.torch;

namespace LowRank;

internal sealed class AttentionFunction : autograd.SingleTensorFunction<AttentionFunction>
{
    /// <param name="q">[batch, tokens, heads · d]</param>
    /// <param name="k">[batch, tokens, key heads · d]</param>
    /// <param name="v">[batch, tokens, key heads · d]</param>
    /// <param name="cos">[tokens, d/2]</param>
    /// <param name="sin">[tokens, d/2]</param>
    /// <param name="headSize">d</param>
    /// <returns>[batch, tokens, heads · d]</returns>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, long headSize)
    {
        using var scope = NewDisposeScope();   // frees what forward made once the graph holds its own references
        return apply(q, k, v, cos, sin, headSize).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string Name => nameof(AttentionFunction);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (q, k, v, cos, sin, d) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Tensor)vars[3], (Tensor)vars[4], (long)vars[5]);
        var (batch, tokens) = (q.shape[0], q.shape[1]);
        var (heads, keyHeads) = (q.shape[2] / d, k.shape[2] / d);

        var queries = HeadLayout.Split(q, (cos, sin), d, 1 / Math.Sqrt(d)).view(batch * keyHeads, heads / keyHeads * tokens, d);
        var keys = HeadLayout.Split(k, (cos, sin), d, 1).view(batch * keyHeads, tokens, d);
        var values = HeadLayout.Split(v, null, d, 1).view(batch * keyHeads, tokens, d);

        var scores = queries.bmm(keys.transpose(1, 2));                  // [bk, gt, d] x [bk, d, t] -> [bk, gt, t]
        var p = Softmax(scores, tokens);
        var mixed = p.bmm(values);                                       // [bk, gt, t] x [bk, t, d] -> [bk, gt, d]
        ctx.save_for_backward([queries, keys, values, p, cos, sin]);
        return HeadLayout.Join(mixed, null, batch, tokens, d, 1);
    }

    /// <summary>What <see cref="Apply"/> gives and keeps, from shapes alone: its own copies of q, k and v, and P.</summary>
    public static TracedTensor Trace(ActivationTrace trace, TracedTensor q, TracedTensor k, TracedTensor v, long tokens, long headSize)
    {
        var y = trace.Make(q.Numbers, q.RequiresGrad || k.RequiresGrad || v.RequiresGrad);
        if (!y.RequiresGrad) return y;
        foreach (var x in (ReadOnlySpan<TracedTensor>)[q, k, v]) trace.KeepMade(x.Numbers);
        trace.KeepMade(q.Numbers / headSize * tokens);                   // [batch · heads · tokens, tokens]
        return y;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (queries, keys, values, p, cos, sin) = (saved[0], saved[1], saved[2], saved[3], saved[4], saved[5]);
        var (batch, tokens, d) = (grad_output.shape[0], grad_output.shape[1], keys.shape[2]);

        var dmixed = HeadLayout.Split(grad_output, null, d, 1).view(queries.shape);     // [bk, gt, d]
        var dvalues = p.transpose(1, 2).bmm(dmixed);                     // [bk, t, gt] x [bk, gt, d] -> [bk, t, d]
        var dscores = dmixed.bmm(values.transpose(1, 2));                // [bk, gt, d] x [bk, d, t] -> [bk, gt, t], ∂P so far
        SoftmaxBackward(dscores, p);
        var dqueries = dscores.bmm(keys);                                // [bk, gt, t] x [bk, t, d] -> [bk, gt, d]
        var dkeys = dscores.transpose(1, 2).bmm(queries);                // [bk, t, gt] x [bk, gt, d] -> [bk, t, d]

        var dq = HeadLayout.Join(dqueries, (cos, sin), batch, tokens, d, 1 / Math.Sqrt(d));
        var dk = HeadLayout.Join(dkeys, (cos, sin), batch, tokens, d, 1);
        var dv = HeadLayout.Join(dvalues, null, batch, tokens, d, 1);
        return [dq.MoveToOuterDisposeScope(), dk.MoveToOuterDisposeScope(), dv.MoveToOuterDisposeScope(), null!, null!, null!];
    }

    /// <summary>Scores [bk, gt, t] -> probabilities over what each token may look at; the scores' memory is used.</summary>
    private static Tensor Softmax(Tensor scores, long tokens)
    {
        if (CpuRows.Fit(scores))
        {
            SoftmaxKernel.CausalForward(scores);
            return scores;
        }
        var hidden = ones(tokens, tokens, ScalarType.Bool, scores.device).triu_(1);
        scores.view(-1, tokens, tokens).masked_fill_(hidden, double.NegativeInfinity);
        return scores.softmax(-1, Precision.Wide(scores.dtype)).to(scores.dtype);
    }

    /// <summary>∂P becomes ∂S.</summary>
    private static void SoftmaxBackward(Tensor gradient, Tensor p)
    {
        if (CpuRows.Fit(gradient, p))
            SoftmaxKernel.CausalBackward(p, gradient);
        else
            gradient.mul_(p).addcmul_(p, gradient.sum(-1, keepdim: true), -1);
    }
}
