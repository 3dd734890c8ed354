using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A Llama (2: arXiv 2307.09288; 3: arXiv 2407.21783).</summary>
public sealed record LlamaConfig : LlamaStyleConfig
{
    // What transformers assumes where a file is silent; 0: what follows from other fields.
    private static readonly LlamaConfig Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 0, NormEpsilon = 1e-6, BeginToken = 1, EndToken = 2,
    };

    /// <summary>q, k, v and o have biases.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>gate, up and down have biases.</summary>
    public bool MlpBias { get; init; }

    internal override string ModelType => "llama";

    internal override string ClassPrefix => "Llama";

    internal override bool QkvBias => AttentionBias;

    internal override bool OutputBias => AttentionBias;

    internal override bool GatesBias => MlpBias;

    internal static LlamaConfig Read(ConfigFields file)
    {
        file.Demand("hidden_act", Silu);
        return (LlamaConfig)Read(file, Assumed with { AttentionBias = file.Flag("attention_bias"), MlpBias = file.Flag("mlp_bias") });
    }

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json["attention_bias"] = AttentionBias;
        json["mlp_bias"] = MlpBias;
    }
}
