// Attention of a few new places over all that are remembered, without gradients: the same formula as AttentionFunction's,
//
//   K = [K_cached; rope(k)],  V = [V_cached; v],  out = softmax(rope(q) Kᵀ/√d + mask) V         (arXiv 1706.03762, eq. 1)
//
// Query heads that share a key head lie one below the other, so no key or value is repeated.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal static class CachedAttention
{
    /// <param name="q">[rows, tokens, heads · d]</param>
    /// <param name="k">[rows, tokens, key heads · d]</param>
    /// <param name="v">[rows, tokens, key heads · d]</param>
    /// <param name="rotary">The angles of the places; null: nothing is turned.</param>
    /// <param name="cache">The layer's; it takes the new keys and values in.</param>
    /// <param name="d">The width of a head.</param>
    /// <param name="window">How many places a token sees, itself counted; null: all before it.</param>
    /// <returns>[rows, tokens, heads · d]</returns>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, RotaryTable? rotary, LayerCache cache, long d, long? window)
    {
        using var scope = NewDisposeScope();
        var (rows, tokens, keyHeads) = (q.shape[0], q.shape[1], k.shape[2] / d);
        var angles = rotary?.At(cache.Whole.Positions, cache.Whole.Used, q.dtype, q.device);             // [rows, tokens, d/2] each
        Tensor Heads(Tensor x) => x.view(rows, tokens, -1, d).transpose(1, 2);                          // [rows, heads, tokens, d]
        Tensor Turned(Tensor x) => angles is var (cos, sin) ? Rotary.Turn(Heads(x), cos.unsqueeze(1), sin.unsqueeze(1)) : Heads(x);

        var (keys, values) = cache.Add(Turned(k), Heads(v));                                            // [rows, kh, used, d]
        var queries = Turned(q).mul(1 / Math.Sqrt(d)).reshape(rows, keyHeads, -1, d);                   // [rows, kh, gt, d]
        var scores = queries.matmul(keys.transpose(2, 3)).view(rows, -1, tokens, keys.shape[2]);        // [rows, kh, gt, d] x [rows, kh, d, used]
        if (cache.Whole.Hidden(window) is { } hidden) scores = scores.masked_fill_(hidden, double.NegativeInfinity);
        var weights = scores.softmax(-1, Precision.Wide(q.dtype)).to(q.dtype).view(rows, keyHeads, -1, keys.shape[2]);
        var mixed = weights.matmul(values);                                                             // [rows, kh, gt, used] x [rows, kh, used, d]
        return mixed.view(rows, -1, tokens, d).transpose(1, 2).reshape(rows, tokens, -1).MoveToOuterDisposeScope();
    }

    /// <summary>Bytes that <see cref="Apply"/> has alive at most beside its arguments and result, from shapes alone.</summary>
    /// <param name="model">Whose heads they are.</param>
    /// <param name="rows">Of the batch.</param>
    /// <param name="tokens">Read in this forward.</param>
    /// <param name="seen">All that are remembered with them.</param>
    /// <param name="dtype">Of activations and cache.</param>
    public static long InPassing(ModelConfig model, long rows, long tokens, long seen, ScalarType dtype)
    {
        var (places, d, size, wide) = (rows * tokens, model.HeadSize, dtype.ElementSize(), Precision.Wide(dtype).ElementSize());
        long q = places * model.Heads * d, k = places * model.KeyValueHeads * d, scores = places * model.Heads * seen;
        var turned = model is LlamaStyleConfig ? places * d + k : 0;                                    // angles, and k turned by them
        var values = Math.Max(0, rows * model.KeyValueHeads * seen * d - q);                            // copied for the product, before the result is there
        var weights = wide == size ? 2 * scores * size : scores * (size + 2 * wide);                    // scores, and their softmax
        return (turned + 3 * q + values) * size + weights + places * seen;                              // the queries twice, mixed; the mask
    }
}
