using static TorchSharp.torch;

namespace LowRank;

/// <summary>What a model sees in one step.</summary>
/// <param name="Ids">Token ids, [batch, tokens] int64.</param>
/// <param name="Labels">
/// The ids to predict, [batch, tokens] int64 and not shifted (the model shifts them), -100 where nothing is asked;
/// null: <paramref name="Ids"/> themselves. For a <see cref="SequenceClassifier"/>, each row's class, [batch].
/// </param>
public sealed record Batch(Tensor Ids, Tensor? Labels = null)
{
    /// <summary>The texts that share the rows, where there are several in one; null: each row is a text.</summary>
    public Segments? Segments { get; init; }
}
