using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One layer: attention and MLP, each behind a norm and added to the residual stream.</summary>
internal sealed class DecoderLayer : nn.Module<Tensor, Tensor>
{
    private readonly Attention self_attn;
    private readonly GatedMlp mlp;
    private readonly RmsNorm input_layernorm, post_attention_layernorm;

    public DecoderLayer(LlamaConfig config, RotaryTable rotary, ScalarType? dtype, Device? device) : base(nameof(DecoderLayer))
    {
        self_attn = new(config, rotary, dtype, device);
        mlp = new(config, dtype, device);
        input_layernorm = new(config.HiddenSize, config.NormEpsilon, dtype, device);
        post_attention_layernorm = new(config.HiddenSize, config.NormEpsilon, dtype, device);
        RegisterComponents();
    }

    /// <summary>Bottleneck adapters behind attention and MLP; null: none.</summary>
    public BottleneckBlock? AfterAttention { get; set; }

    /// <inheritdoc cref="AfterAttention"/>
    public BottleneckBlock? AfterMlp { get; set; }

    /// <summary>Attention's prefix; null: none.</summary>
    public LayerPrefix? Prefix { get => self_attn.Prefix; set => self_attn.Prefix = value; }

    /// <param name="input">[batch, tokens, hidden]</param>
    public override Tensor forward(Tensor input)
    {
        // When the scope ends, only what backward needs is left, in the graph's own hands.
        using var scope = NewDisposeScope();
        var mixed = self_attn.forward(input_layernorm.forward(input));
        var attended = input + (AfterAttention?.forward(mixed) ?? mixed);
        var fed = mlp.forward(post_attention_layernorm.forward(attended));
        return (attended + (AfterMlp?.forward(fed) ?? fed)).MoveToOuterDisposeScope();
    }
}
