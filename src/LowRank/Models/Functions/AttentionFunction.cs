// Causal attention with grouped queries as one differentiable function; with rotary positions, or without (rope does nothing then), and
// perhaps with a window (arXiv 2310.06825: token t sees the tokens t − window + 1 … t).
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
    private const string Window = "window";

    /// <param name="q">[batch, tokens, heads · d]</param>
    /// <param name="k">[batch, tokens, key heads · d]</param>
    /// <param name="v">[batch, tokens, key heads · d]</param>
    /// <param name="angles">Cosines and sines of the positions, [tokens, d/2] each; null: q and k are not turned.</param>
    /// <param name="headSize">d</param>
    /// <param name="window">How many tokens a token sees, itself counted; null: all before it.</param>
    /// <returns>[batch, tokens, heads · d]</returns>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, (Tensor Cos, Tensor Sin)? angles, long headSize, long? window = null)
    {
        using var scope = NewDisposeScope();   // frees what forward made once the graph holds its own references
        var seen = (int)Math.Min(window ?? long.MaxValue, q.shape[1]);
        return apply(q, k, v, angles?.Cos!, angles?.Sin!, headSize, seen).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string Name => nameof(AttentionFunction);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (q, k, v, d, window) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (long)vars[5], (int)vars[6]);
        var angles = vars[3] is Tensor cos ? (cos, (Tensor)vars[4]) : ((Tensor Cos, Tensor Sin)?)null;
        var (batch, tokens) = (q.shape[0], q.shape[1]);
        var (heads, keyHeads) = (q.shape[2] / d, k.shape[2] / d);

        var queries = HeadLayout.Split(q, angles, d, 1 / Math.Sqrt(d)).view(batch * keyHeads, heads / keyHeads * tokens, d);
        var keys = HeadLayout.Split(k, angles, d, 1).view(batch * keyHeads, tokens, d);
        var values = HeadLayout.Split(v, null, d, 1).view(batch * keyHeads, tokens, d);

        var scores = queries.bmm(keys.transpose(1, 2));                  // [bk, gt, d] x [bk, d, t] -> [bk, gt, t]
        var p = Softmax(scores, tokens, window);
        var mixed = p.bmm(values);                                       // [bk, gt, t] x [bk, t, d] -> [bk, gt, d]
        ctx.save_for_backward(angles is { } turned ? [queries, keys, values, p, turned.Cos, turned.Sin] : [queries, keys, values, p]);
        ctx.save_data(Window, window);
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
        var (queries, keys, values, p) = (saved[0], saved[1], saved[2], saved[3]);
        var angles = saved.Count > 4 ? (saved[4], saved[5]) : ((Tensor Cos, Tensor Sin)?)null;
        var (batch, tokens, d) = (grad_output.shape[0], grad_output.shape[1], keys.shape[2]);

        var dmixed = HeadLayout.Split(grad_output, null, d, 1).view(queries.shape);     // [bk, gt, d]
        var dvalues = p.transpose(1, 2).bmm(dmixed);                     // [bk, t, gt] x [bk, gt, d] -> [bk, t, d]
        var dscores = dmixed.bmm(values.transpose(1, 2));                // [bk, gt, d] x [bk, d, t] -> [bk, gt, t], ∂P so far
        SoftmaxBackward(dscores, p, (int)ctx.get_data(Window));
        var dqueries = dscores.bmm(keys);                                // [bk, gt, t] x [bk, t, d] -> [bk, gt, d]
        var dkeys = dscores.transpose(1, 2).bmm(queries);                // [bk, t, gt] x [bk, gt, d] -> [bk, t, d]

        var dq = HeadLayout.Join(dqueries, angles, batch, tokens, d, 1 / Math.Sqrt(d));
        var dk = HeadLayout.Join(dkeys, angles, batch, tokens, d, 1);
        var dv = HeadLayout.Join(dvalues, null, batch, tokens, d, 1);
        return [dq.MoveToOuterDisposeScope(), dk.MoveToOuterDisposeScope(), dv.MoveToOuterDisposeScope(), null!, null!, null!, null!];
    }

    /// <summary>Scores [bk, gt, t] -> probabilities over what each token may look at; the scores' memory is used.</summary>
    private static Tensor Softmax(Tensor scores, long tokens, int window)
    {
        if (CpuRows.Fit(scores))
        {
            SoftmaxKernel.CausalForward(scores, window);
            return scores;
        }
        var hidden = ones(tokens, tokens, ScalarType.Bool, scores.device).triu_(1);
        if (window < tokens) hidden = hidden.logical_or(ones(tokens, tokens, ScalarType.Bool, scores.device).tril_(-window));
        scores.view(-1, tokens, tokens).masked_fill_(hidden, double.NegativeInfinity);
        return scores.softmax(-1, Precision.Wide(scores.dtype)).to(scores.dtype);
    }

    /// <summary>∂P becomes ∂S.</summary>
    private static void SoftmaxBackward(Tensor gradient, Tensor p, int window)
    {
        if (CpuRows.Fit(gradient, p))
            SoftmaxKernel.CausalBackward(p, gradient, window);
        else
            gradient.mul_(p).addcmul_(p, gradient.sum(-1, keepdim: true), -1);
    }
}
