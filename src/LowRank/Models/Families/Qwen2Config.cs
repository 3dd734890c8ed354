namespace LowRank;

/// <summary>A Qwen2 or Qwen2.5 (arXiv 2407.10671): a Llama with biases on q, k and v.</summary>
public sealed record Qwen2Config : QwenConfig
{
    private static readonly Qwen2Config Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 32, MaxPositions = 32_768, NormEpsilon = 1e-6,
    };

    internal override string ModelType => "qwen2";

    internal override string ClassPrefix => "Qwen2";

    internal override bool QkvBias => true;

    internal static Qwen2Config Read(ConfigFields file) => (Qwen2Config)Read(file, Assumed);
}
