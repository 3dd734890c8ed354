namespace LowRank;

/// <summary>A Phi-3 (arXiv 2404.14219): a Llama with one product for q, k and v and one for gate and up, and perhaps a window.</summary>
public sealed record Phi3Config : WindowedConfig
{
    private static readonly Phi3Config Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 0, MaxPositions = 4096, NormEpsilon = 1e-5,
        BeginToken = 1, EndToken = 32_000, PaddingToken = 32_000,
    };

    internal override string ModelType => "phi3";

    internal override string ClassPrefix => "Phi3";

    internal override bool IsFused => true;

    internal static Phi3Config Read(ConfigFields file)
    {
        file.Demand("hidden_act", Silu);
        return (Phi3Config)Read(file, Assumed with { SlidingWindow = file.Real(Window) is null ? null : file.Whole(Window) });
    }
}
