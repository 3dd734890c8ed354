using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A Phi-3 (arXiv 2404.14219): a Llama with one product for q, k and v and one for gate and up, and perhaps a window.</summary>
public sealed record Phi3Config : LlamaStyleConfig
{
    private static readonly Phi3Config Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 0, MaxPositions = 4096, NormEpsilon = 1e-5,
        BeginToken = 1, EndToken = 32_000, PaddingToken = 32_000,
    };

    /// <summary>How many tokens a token sees, itself counted; null: all before it.</summary>
    public long? SlidingWindow { get; init; }

    internal override string ModelType => "phi3";

    internal override string ClassPrefix => "Phi3";

    internal override bool IsFused => true;

    internal override long? WindowOf(int layer) => SlidingWindow;

    public override void Validate()
    {
        base.Validate();
        RequirePositive("sliding_window", SlidingWindow);
    }

    internal static Phi3Config Read(ConfigFields file)
    {
        file.Demand("hidden_act", Silu);
        return (Phi3Config)Read(file, Assumed with { SlidingWindow = file.Real("sliding_window") is null ? null : file.Whole("sliding_window") });
    }

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json["sliding_window"] = SlidingWindow;
    }
}
