using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The gated feed-forward block (SwiGLU, arXiv 2002.05202, eq. 6): <c>down(silu(gate(x)) ⊙ up(x))</c>.</summary>
internal sealed class GatedMlp : nn.Module<Tensor, Tensor>
{
    private readonly AdaptedLinear gate_proj, up_proj, down_proj;

    public GatedMlp(LlamaConfig config, ScalarType? dtype, Device? device) : base(nameof(GatedMlp))
    {
        AdaptedLinear Linear(long from, long to) => new(from, to, config.MlpBias, dtype, device);
        gate_proj = Linear(config.HiddenSize, config.IntermediateSize);
        up_proj = Linear(config.HiddenSize, config.IntermediateSize);
        down_proj = Linear(config.IntermediateSize, config.HiddenSize);
        RegisterComponents();
    }

    /// <param name="input">[batch, tokens, hidden]</param>
    public override Tensor forward(Tensor input)
    {
        var outputs = AdaptedLinear.ForwardAll(input, gate_proj, up_proj);
        return down_proj.forward(SwiGluFunction.Apply(outputs[0], outputs[1]));
    }
}
