// Attention with a prefix, composed of libtorch's operators: autograd makes the backward. AttentionFunction, which has no prefix, stays
// as fast as it is.
//
//   K = [K_p; rope(k)],  V = [V_p; v],  out = softmax(rope(q) Kᵀ/√d + mask) V                  (arXiv 2101.00190, with 1706.03762, eq. 1)
//
// Every token sees all p prefix keys, and the tokens up to itself, or the last of these places that fit a window. Query heads that share a
// key head lie one below the other, so no key or value is repeated.
using static TorchSharp.torch;

namespace LowRank;

internal static class PrefixAttention
{
    /// <param name="q">[batch, tokens, heads · d]</param>
    /// <param name="k">[batch, tokens, key heads · d]</param>
    /// <param name="v">[batch, tokens, key heads · d]</param>
    /// <param name="angles">Of the tokens' positions, which start at p: [tokens, d/2] each; null: nothing is turned.</param>
    /// <param name="prefix">Keys and values [p, key heads · d].</param>
    /// <param name="d">The width of a head.</param>
    /// <param name="window">How many places a token sees, itself counted; null: all before it. The prefix has the first p places.</param>
    /// <returns>[batch, tokens, heads · d]</returns>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, (Tensor Cos, Tensor Sin)? angles, LayerPrefix prefix, long d, long? window = null)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens, p, keyHeads) = (q.shape[0], q.shape[1], prefix.Tokens, k.shape[2] / d);
        Tensor Heads(Tensor x) => x.view(batch, x.shape[1], -1, d).transpose(1, 2);                       // [batch, heads, tokens, d]
        Tensor Front(Tensor x) => Heads(x.to(q.dtype).unsqueeze(0).expand(batch, -1, -1));                // [batch, key heads, p, d]

        Tensor Turned(Tensor x) => angles is var (cos, sin) ? Rotary.Turn(Heads(x), cos, sin) : Heads(x);

        var queries = Turned(q).mul(1 / Math.Sqrt(d)).reshape(batch, keyHeads, -1, d);                     // [b, kh, gt, d]
        var keys = cat([Front(prefix.Keys), Turned(k)], 2);                                        // [b, kh, p + t, d]
        var values = cat([Front(prefix.Values), Heads(v)], 2);

        var hidden = ones(tokens, p + tokens, ScalarType.Bool, q.device).triu_(p + 1);
        if (window < p + tokens) hidden = hidden.logical_or(ones(tokens, p + tokens, ScalarType.Bool, q.device).tril_(p - window.Value));
        var scores = queries.matmul(keys.transpose(2, 3))                                                 // [b, kh, gt, d] x [b, kh, d, p + t] -> [b, kh, gt, p + t]
            .view(batch, -1, tokens, p + tokens).masked_fill(hidden, double.NegativeInfinity);
        var weights = scores.softmax(-1, Precision.Wide(q.dtype)).to(q.dtype).view(batch, keyHeads, -1, p + tokens);
        var mixed = weights.matmul(values);                                                               // [b, kh, gt, p + t] x [b, kh, p + t, d] -> [b, kh, gt, d]
        return mixed.view(batch, -1, tokens, d).transpose(1, 2).reshape(batch, tokens, -1).MoveToOuterDisposeScope();
    }
}
