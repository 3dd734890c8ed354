using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>
/// A Gemma (the first, arXiv 2403.08295): a Llama whose embedded tokens are multiplied with √hidden, whose norms multiply with 1 + weight,
/// and whose MLP has the tanh form of GELU on its gate.
/// </summary>
public sealed record GemmaConfig : LlamaStyleConfig
{
    private static readonly GemmaConfig Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 16, HeadSize = 256, MaxPositions = 8192, NormEpsilon = 1e-6,
        TiedEmbeddings = true, BeginToken = 2, EndToken = 1, PaddingToken = 0,
    };

    /// <summary>q, k, v and o have biases.</summary>
    public bool AttentionBias { get; init; }

    internal override string ModelType => "gemma";

    internal override string ClassPrefix => "Gemma";

    internal override bool QkvBias => AttentionBias;

    internal override bool OutputBias => AttentionBias;

    internal override bool NormsAddOne => true;

    internal override double EmbeddingScale => Math.Sqrt(HiddenSize);

    internal override string Activation => GeluTanh;

    internal static GemmaConfig Read(ConfigFields file)
    {
        // The first files say "gelu" and mean the tanh form, which the models were trained with; "hidden_activation" came later to say so.
        file.Demand("hidden_act", GeluTanh, "gelu");
        file.Demand("hidden_activation", GeluTanh);
        file.Demand("use_bidirectional_attention", false);
        return (GemmaConfig)Read(file, Assumed with { AttentionBias = file.Flag("attention_bias") });
    }

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json["attention_bias"] = AttentionBias;
        json["hidden_activation"] = Activation;
    }
}
