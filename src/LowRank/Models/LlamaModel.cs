using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The decoder of Llama and its descendants. Fields are named as in a state dict.</summary>
internal sealed class LlamaModel : Decoder
{
    private readonly AdaptedLinear embed_tokens;
    private readonly ModuleList<LlamaLayer> layers;
    private readonly RmsNorm norm;

    /// <param name="config">The shape.</param>
    /// <param name="tied">Is the embedding the model's head too?</param>
    /// <param name="build">How its parts are made.</param>
    public LlamaModel(LlamaStyleConfig config, bool tied, ModelBuild build) : base(nameof(LlamaModel), config)
    {
        var rotary = new RotaryTable(config.HeadSize, config.RopeTheta, config.RopeScaling);
        embed_tokens = build.Embedding(config, tied);
        layers = new(Enumerable.Range(0, config.Layers).Select(index => new LlamaLayer(config, index, rotary, build)).ToArray());
        norm = build.RmsNorm(config.HiddenSize, config);
        RegisterComponents();
    }

    public override AdaptedLinear Embedding => embed_tokens;

    public override IReadOnlyList<DecoderLayer> Layers => [.. layers];

    protected override nn.Module<Tensor, Tensor> FinalNorm => norm;
}

/// <summary>A layer of it.</summary>
internal sealed class LlamaLayer : DecoderLayer
{
    private readonly Attention self_attn;
    private readonly nn.Module<Tensor, Tensor> mlp;
    private readonly RmsNorm input_layernorm, post_attention_layernorm;

    public LlamaLayer(LlamaStyleConfig config, int index, RotaryTable rotary, ModelBuild build) : base(nameof(LlamaLayer))
    {
        self_attn = config.IsFused ? new FusedAttention(config, index, rotary, build) : new LlamaAttention(config, index, rotary, build);
        mlp = config.IsFused ? new FusedGatedMlp(config, build) : new GatedMlp(config, build);
        input_layernorm = build.RmsNorm(config.HiddenSize, config);
        post_attention_layernorm = build.RmsNorm(config.HiddenSize, config);
        RegisterComponents();
    }

    protected override Attention Attention => self_attn;

    protected override nn.Module<Tensor, Tensor> Mlp => mlp;

    protected override nn.Module<Tensor, Tensor> AttentionNorm => input_layernorm;

    protected override nn.Module<Tensor, Tensor> MlpNorm => post_attention_layernorm;
}
