using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A Qwen3 (arXiv 2505.09388): a Llama that normalizes each head's query and key.</summary>
public sealed record Qwen3Config : QwenConfig
{
    private static readonly Qwen3Config Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 32, HeadSize = 128, MaxPositions = 32_768, NormEpsilon = 1e-6,
    };

    /// <summary>q, k, v and o have biases.</summary>
    public bool AttentionBias { get; init; }

    internal override string ModelType => "qwen3";

    internal override string ClassPrefix => "Qwen3";

    internal override bool QkvBias => AttentionBias;

    internal override bool OutputBias => AttentionBias;

    internal override bool HasHeadNorms => true;

    internal static Qwen3Config Read(ConfigFields file) => (Qwen3Config)Read(file, Assumed with { AttentionBias = file.Flag("attention_bias") });

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json["attention_bias"] = AttentionBias;
    }
}
