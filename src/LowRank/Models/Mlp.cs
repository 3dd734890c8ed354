using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The gated feed-forward block (arXiv 2002.05202, eq. 6): <c>down(act(gate(x)) ⊙ up(x))</c>, with SiLU or the tanh form of GELU.</summary>
internal sealed class GatedMlp : nn.Module<Tensor, Tensor>
{
    private readonly AdaptedLinear gate_proj, up_proj, down_proj;
    private readonly string activation;

    public GatedMlp(LlamaStyleConfig config, ModelBuild build) : base(nameof(GatedMlp))
    {
        activation = config.Activation;
        gate_proj = build.Linear(config.HiddenSize, config.IntermediateSize, config.GatesBias);
        up_proj = build.Linear(config.HiddenSize, config.IntermediateSize, config.GatesBias);
        down_proj = build.Linear(config.IntermediateSize, config.HiddenSize, config.GatesBias);
        RegisterComponents();
    }

    /// <param name="input">[batch, tokens, hidden]</param>
    public override Tensor forward(Tensor input)
    {
        var outputs = AdaptedLinear.ForwardAll(input, gate_proj, up_proj);
        return down_proj.forward(Gated(outputs[0], outputs[1], activation));
    }

    /// <summary>act(gate) ⊙ up, [..., intermediate] each.</summary>
    internal static Tensor Gated(Tensor gate, Tensor up, string activation) => activation switch
    {
        LlamaStyleConfig.Silu => SwiGluFunction.Apply(gate, up),
        LlamaStyleConfig.GeluTanh => gate.gelu(GELU.Approximate.tanh).mul(up),
        _ => throw new NotSupportedException($"no gate is built here with the activation \"{activation}\""),
    };
}

/// <summary>Phi-3's: one product for gate and up.</summary>
internal sealed class FusedGatedMlp : nn.Module<Tensor, Tensor>
{
    private readonly AdaptedLinear gate_up_proj, down_proj;
    private readonly string activation;

    public FusedGatedMlp(LlamaStyleConfig config, ModelBuild build) : base(nameof(FusedGatedMlp))
    {
        activation = config.Activation;
        gate_up_proj = build.Linear(config.HiddenSize, 2 * config.IntermediateSize, config.GatesBias);
        down_proj = build.Linear(config.IntermediateSize, config.HiddenSize, config.GatesBias);
        RegisterComponents();
    }

    /// <inheritdoc cref="GatedMlp.forward"/>
    public override Tensor forward(Tensor input)
    {
        var parts = gate_up_proj.forward(input).chunk(2, -1);                   // views
        return down_proj.forward(GatedMlp.Gated(parts[0].contiguous(), parts[1].contiguous(), activation));
    }
}

/// <summary>GPT-2's, without a gate: <c>c_proj(gelu(c_fc(x)))</c>.</summary>
internal sealed class Gpt2Mlp : nn.Module<Tensor, Tensor>
{
    private readonly AdaptedLinear c_fc, c_proj;
    private readonly GELU.Approximate form;

    public Gpt2Mlp(Gpt2Config config, ModelBuild build) : base(nameof(Gpt2Mlp))
    {
        form = config.Activation == Gpt2Activation.GeluTanh ? GELU.Approximate.tanh : GELU.Approximate.none;
        c_fc = build.Linear(config.HiddenSize, config.IntermediateSize, true);
        c_proj = build.Linear(config.IntermediateSize, config.HiddenSize, true);
        RegisterComponents();
    }

    /// <inheritdoc cref="GatedMlp.forward"/>
    public override Tensor forward(Tensor input) => c_proj.forward(c_fc.forward(input).gelu(form));
}
