// Causal self-attention with grouped queries (arXiv 2305.13245): each key and value head serves Heads / KeyValueHeads query heads. The
// families differ in how q, k and v are projected; what the tokens then make of each other is Mix.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Projects, mixes the tokens, projects back: [batch, tokens, hidden] to the same. Rows that hold several texts come with where these
/// are.</summary>
/// <param name="name">Of the module.</param>
/// <param name="headSize">d, the width of a head.</param>
/// <param name="window">How many tokens a token sees, itself counted; null: all before it.</param>
/// <param name="rotary">The rotary positions' angles; null: positions came with the embedding.</param>
internal abstract class Attention(string name, long headSize, long? window, RotaryTable? rotary) : nn.Module<Tensor, AttentionSegments?, Tensor>(name)
{
    /// <summary>Trained keys and values before the tokens' (prefix tuning); null: none.</summary>
    public LayerPrefix? Prefix { get; set; }

    /// <summary>Keys and values of the places before this forward's tokens, while text is generated; null: the tokens are all there is.</summary>
    public LayerCache? Cache { get; set; }

    /// <summary>What each token takes of those it sees.</summary>
    /// <param name="q">[batch, tokens, heads · d]</param>
    /// <param name="k">[batch, tokens, key heads · d]</param>
    /// <param name="v">[batch, tokens, key heads · d]</param>
    /// <param name="segments">The texts that don't see each other; null: each row is one.</param>
    /// <returns>[batch, tokens, heads · d]</returns>
    protected Tensor Mix(Tensor q, Tensor k, Tensor v, AttentionSegments? segments)
    {
        if (Cache is { } cache) return CachedAttention.Apply(q, k, v, rotary, cache, headSize, window);
        return segments is null ? Mix(q, k, v) : segments.Mix(q, k, v, Mix);
    }

    private Tensor Mix(Tensor q, Tensor k, Tensor v)
    {
        var angles = rotary?.Rows(Prefix?.Tokens ?? 0, q.shape[1], q.dtype, q.device);
        return Prefix is { } prefix
            ? PrefixAttention.Apply(q, k, v, angles, prefix, headSize, window)
            : AttentionFunction.Apply(q, k, v, angles, headSize, window);
    }
}

/// <summary>Llama's: a product each for q, k and v. Qwen3 normalizes every head's q and k.</summary>
internal sealed class LlamaAttention : Attention
{
    private readonly AdaptedLinear q_proj, k_proj, v_proj, o_proj;
    private readonly RmsNorm? q_norm, k_norm;

    public LlamaAttention(LlamaStyleConfig config, int layer, RotaryTable rotary, ModelBuild build)
        : base(nameof(LlamaAttention), config.HeadSize, config.WindowOf(layer), rotary)
    {
        long q = config.Heads * config.HeadSize, kv = config.KeyValueHeads * config.HeadSize;
        q_proj = build.Linear(config.HiddenSize, q, config.QkvBias);
        k_proj = build.Linear(config.HiddenSize, kv, config.QkvBias);
        v_proj = build.Linear(config.HiddenSize, kv, config.QkvBias);
        o_proj = build.Linear(q, config.HiddenSize, config.OutputBias);
        if (config.HasHeadNorms) (q_norm, k_norm) = (build.RmsNorm(config.HeadSize, config), build.RmsNorm(config.HeadSize, config));
        RegisterComponents();
    }

    public override Tensor forward(Tensor input, AttentionSegments? segments)
    {
        var outputs = AdaptedLinear.ForwardAll(input, q_proj, k_proj, v_proj);
        return o_proj.forward(Mix(PerHead(q_norm, outputs[0]), PerHead(k_norm, outputs[1]), outputs[2], segments));
    }

    /// <summary>[batch, tokens, heads · d], each head's d numbers normalized.</summary>
    private static Tensor PerHead(RmsNorm? norm, Tensor x) => norm is null ? x : norm.forward(x.view(x.shape[0], x.shape[1], -1, norm.Size)).view(x.shape);
}

/// <summary>Phi-3's: one product for q, k and v.</summary>
internal sealed class FusedAttention : Attention
{
    private readonly AdaptedLinear qkv_proj, o_proj;
    private readonly long[] widths;

    public FusedAttention(LlamaStyleConfig config, int layer, RotaryTable rotary, ModelBuild build)
        : base(nameof(FusedAttention), config.HeadSize, config.WindowOf(layer), rotary)
    {
        long q = config.Heads * config.HeadSize, kv = config.KeyValueHeads * config.HeadSize;
        widths = [q, kv, kv];
        qkv_proj = build.Linear(config.HiddenSize, q + 2 * kv, config.QkvBias);
        o_proj = build.Linear(q, config.HiddenSize, config.OutputBias);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input, AttentionSegments? segments)
    {
        var parts = qkv_proj.forward(input).split(widths, -1);                  // views
        return o_proj.forward(Mix(parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous(), segments));
    }
}

/// <summary>GPT-2's: one product for q, k and v, with other names.</summary>
internal sealed class Gpt2Attention : Attention
{
    private readonly AdaptedLinear c_attn, c_proj;

    public Gpt2Attention(Gpt2Config config, ModelBuild build) : base(nameof(Gpt2Attention), config.HeadSize, null, null)
    {
        c_attn = build.Linear(config.HiddenSize, 3 * config.HiddenSize, true);
        c_proj = build.Linear(config.HiddenSize, config.HiddenSize, true);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input, AttentionSegments? segments)
    {
        var parts = c_attn.forward(input).chunk(3, -1);                         // views
        return c_proj.forward(Mix(parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous(), segments));
    }
}
