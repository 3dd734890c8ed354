namespace LowRank;

/// <summary>How text is drawn from a model. What is drawn from goes through <see cref="RepetitionPenalty"/>, <see cref="Temperature"/>,
/// <see cref="TopK"/> and <see cref="TopP"/>, in this order, as in Hugging Face's generate.</summary>
public sealed record GenerationOptions
{
    /// <summary>At most so many tokens are added.</summary>
    public int MaxNewTokens { get; init; } = 40;

    /// <summary>Divides the logits before drawing; 0 always takes the likeliest token (greedy).</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws among so many of the likeliest tokens; 0: among all.</summary>
    public int TopK { get; init; }

    /// <summary>Draws among the likeliest tokens that together have this probability (nucleus sampling, arXiv 1904.09751); 1: among all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Logits of tokens that the text already has are divided by it where positive, multiplied where negative (arXiv 1909.05858,
    /// section 4.1); 1 leaves them, 1.2 is usual.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Tokens that end the text, beside those of the model's configuration and its tokenizer's.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>The same seed draws the same text. In a batch, row r draws as alone with <c>Seed + r</c>.</summary>
    public long Seed { get; init; }

    /// <summary>Always the likeliest token.</summary>
    public static GenerationOptions Greedy { get; } = new() { Temperature = 0 };

    internal void Validate()
    {
        if (!(Temperature >= 0 && double.IsFinite(Temperature))) throw new ArgumentException($"Temperature is {Temperature}; it must be finite and not negative");
        if (TopK < 0) throw new ArgumentException($"TopK is {TopK}; it must not be negative (0: all tokens)");
        if (!(TopP is > 0 and <= 1)) throw new ArgumentException($"TopP is {TopP}; it must be above 0 and at most 1");
        if (!(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty))) throw new ArgumentException($"RepetitionPenalty is {RepetitionPenalty}; it must be finite and positive (1: none)");
        if (MaxNewTokens < 0) throw new ArgumentException($"MaxNewTokens is {MaxNewTokens}; it must not be negative");
    }
}
