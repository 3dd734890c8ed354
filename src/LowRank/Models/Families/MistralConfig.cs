namespace LowRank;

/// <summary>A Mistral (arXiv 2310.06825): a Llama whose attention may see a window of the last tokens alone.</summary>
public sealed record MistralConfig : WindowedConfig
{
    private static readonly MistralConfig Assumed = new()
    {
        VocabularySize = 0, HiddenSize = 0, IntermediateSize = 0, Layers = 0, Heads = 0, KeyValueHeads = 8, MaxPositions = 4096 * 32, NormEpsilon = 1e-6,
        SlidingWindow = 4096, BeginToken = 1, EndToken = 2,
    };

    internal override string ModelType => "mistral";

    internal override string ClassPrefix => "Mistral";

    internal static MistralConfig Read(ConfigFields file)
    {
        file.Demand("hidden_act", Silu);
        var window = !file.Has(Window) ? Assumed.SlidingWindow : file.Real(Window) is null ? null : (long?)file.Whole(Window);
        return (MistralConfig)Read(file, Assumed with { SlidingWindow = window });
    }
}
