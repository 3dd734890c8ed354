// Functions of nn whose operator differs between libtorch 1.13 and 2.x.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            static readonly Operator Attention = new("scaled_dot_product_attention"), AttentionWithWeights = new("_scaled_dot_product_attention");
            static readonly bool HasAttention = Attention.Exists;

            /// <summary>
            /// softmax(query keyᵀ / √width) value: query [..., heads, tokens, width], key and value [..., heads, sources, width] -> [..., heads, tokens, width].
            /// <paramref name="attn_mask"/> is added to the scores, or, if bool, true where attention is allowed; <paramref name="is_casual"/> hides later tokens.
            /// </summary>
            public static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0, bool is_casual = false)
            {
                if (HasAttention) return Attention.Call(query, key, value, attn_mask, p, is_casual);
                var both = AttentionWithWeights.CallList(query, key, value, attn_mask, p, false, is_casual);   // 1.13: output and weights
                both[1]?.Dispose();
                return both[0];
            }
        }
    }
}
