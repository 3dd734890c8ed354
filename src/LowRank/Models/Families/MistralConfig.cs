using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A Mistral (arXiv 2310.06825): a Llama whose attention may see a window of the last tokens alone.</summary>
public sealed record MistralConfig : LlamaStyleConfig
{
    private static readonly MistralConfig Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 8, MaxPositions = 4096 * 32, NormEpsilon = 1e-6,
        SlidingWindow = 4096, BeginToken = 1, EndToken = 2,
    };

    /// <summary>How many tokens a token sees, itself counted; null: all before it.</summary>
    public long? SlidingWindow { get; init; }

    internal override string ModelType => "mistral";

    internal override string ClassPrefix => "Mistral";

    internal override long? WindowOf(int layer) => SlidingWindow;

    public override void Validate()
    {
        base.Validate();
        RequirePositive("sliding_window", SlidingWindow);
    }

    internal static MistralConfig Read(ConfigFields file)
    {
        file.Demand("hidden_act", Silu);
        var window = !file.Has("sliding_window") ? Assumed.SlidingWindow : file.Real("sliding_window") is null ? null : (long?)file.Whole("sliding_window");
        return (MistralConfig)Read(file, Assumed with { SlidingWindow = window });
    }

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json["sliding_window"] = SlidingWindow;
    }
}
