// The methods that the LoRA papers compare with and that are no update of a linear layer, by the names of their papers.
namespace LowRank;

/// <summary>Configurations of baselines: <c>model.Adapt(Baseline.Prefix(tokens: 20))</c>. They go beside adapters, or alone.</summary>
public static class Baseline
{
    /// <summary>Bottleneck adapters (arXiv 1902.00751): h + up(act(down(h))) behind attention and MLP. They start as nothing: up is 0.</summary>
    /// <param name="size">m, the width between down and up.</param>
    /// <param name="placement">Behind attention and MLP, or behind the MLP alone.</param>
    /// <param name="activation">act.</param>
    public static BottleneckConfig Bottleneck(long size = 16, BottleneckPlacement placement = BottleneckPlacement.Houlsby,
        BottleneckActivation activation = BottleneckActivation.Gelu) =>
        new() { Size = size, Placement = placement, Activation = activation };

    /// <summary>A soft prompt (prompt tuning, arXiv 2104.08691): trained vectors in front of the embedded tokens.</summary>
    /// <param name="tokens">p, how many.</param>
    /// <param name="init">How they start.</param>
    public static SoftPromptConfig SoftPrompt(long tokens = 20, SoftPromptInit init = SoftPromptInit.Vocabulary) =>
        new() { Tokens = tokens, Init = init };

    /// <summary>A soft prompt that starts as the embedding of a text's tokens.</summary>
    /// <param name="tokens">p; the text's tokens are cut off there, or begun again until they are so many.</param>
    /// <param name="text">What the model's tokenizer splits.</param>
    public static SoftPromptConfig SoftPrompt(long tokens, string text) => new() { Tokens = tokens, Text = text };

    /// <summary>Prefix tuning (arXiv 2101.00190): trained keys and values in front of every layer's own.</summary>
    /// <param name="tokens">p, how many of each in a layer.</param>
    /// <param name="deviation">Standard deviation of the first keys and values; 0: all 0.</param>
    public static PrefixConfig Prefix(long tokens = 20, double deviation = 0.02) => new() { Tokens = tokens, Deviation = deviation };
}
