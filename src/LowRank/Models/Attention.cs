using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// Causal self-attention with rotary positions and grouped queries (arXiv 2305.13245): each key and value head serves
/// <c>Heads / KeyValueHeads</c> query heads.
/// </summary>
internal sealed class Attention : nn.Module<Tensor, Tensor>
{
    private readonly AdaptedLinear q_proj, k_proj, v_proj, o_proj;
    private readonly LlamaConfig config;
    private readonly RotaryTable rotary;

    public Attention(LlamaConfig config, RotaryTable rotary, ScalarType? dtype, Device? device) : base(nameof(Attention))
    {
        (this.config, this.rotary) = (config, rotary);
        AdaptedLinear Linear(long from, long to) => new(from, to, config.AttentionBias, dtype, device);
        q_proj = Linear(config.HiddenSize, config.Heads * config.HeadSize);
        k_proj = Linear(config.HiddenSize, config.KeyValueHeads * config.HeadSize);
        v_proj = Linear(config.HiddenSize, config.KeyValueHeads * config.HeadSize);
        o_proj = Linear(config.Heads * config.HeadSize, config.HiddenSize);
        RegisterComponents();
    }

    /// <summary>Trained keys and values before the tokens' (prefix tuning); null: none.</summary>
    public LayerPrefix? Prefix { get; set; }

    /// <param name="input">[batch, tokens, hidden]</param>
    public override Tensor forward(Tensor input)
    {
        var (cos, sin) = rotary.Rows(Prefix?.Tokens ?? 0, input.shape[1], input.dtype, input.device);
        var outputs = AdaptedLinear.ForwardAll(input, q_proj, k_proj, v_proj);
        var mixed = Prefix is { } prefix
            ? PrefixAttention.Apply(outputs[0], outputs[1], outputs[2], cos, sin, prefix, config.HeadSize)
            : AttentionFunction.Apply(outputs[0], outputs[1], outputs[2], cos, sin, config.HeadSize);
        return o_proj.forward(mixed);
    }
}
