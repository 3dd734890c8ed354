// Batches of examples: a row begins with the token that begins texts, ends with the one that ends them, and only what is to be learned has
// labels. Which examples stand in batch number n is a function of the seed and n alone, so a run that was interrupted goes on as if it had not been.

using static TorchSharp.torch;

namespace LowRank;

/// <summary>How <see cref="ExampleBatches"/> puts examples into rows and batches.</summary>
public enum Rows
{
    /// <summary>An example a row, in random order.</summary>
    Single,

    /// <summary>An example a row, those of similar length in one batch (transformers' group_by_length): less is filled up. Examples are
    /// encoded once beforehand to measure them.</summary>
    ByLength,

    /// <summary>Several examples a row, as many as fit (best fit): nearly nothing is filled up, and short examples train several times faster.
    /// Each sees itself alone and counts its positions from 0 (<see cref="Batch.Segments"/>), so that a batch's loss is that of its examples in
    /// rows of their own. Which share a row is the same in each epoch. Examples are encoded once beforehand to measure them.</summary>
    Packed,
}

/// <summary>Batches of <see cref="Example"/>s for <see cref="Trainer"/>. <see cref="At"/> is for training, <see cref="InOrder"/> for evaluation.</summary>
public sealed class ExampleBatches
{
    private const int BatchesSortedAtOnce = 50;

    private readonly Tokenizer tokenizer;
    private readonly IReadOnlyList<Example> examples;
    private readonly int batchSize, maximumTokens;
    private readonly long seed;
    private readonly bool learnPrompts;
    private readonly Device? device;
    private readonly int[]? lengths;
    private readonly ExamplePacking? packing;

    /// <summary>Examples are encoded when they are asked for, and with <see cref="Rows.ByLength"/> or <see cref="Rows.Packed"/> once before.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="examples">At least one: <see cref="Examples"/>, or a list.</param>
    /// <param name="batchSize">Rows in a batch.</param>
    /// <param name="maximumTokens">Of a row. A longer example is cut at its end, or at its beginning where nothing to learn would be left.</param>
    /// <param name="rows">One example a row, or more.</param>
    /// <param name="seed">Chooses the order of each epoch.</param>
    /// <param name="learnPrompts">Prompts, and all turns of a conversation, are learned too.</param>
    /// <param name="device">Where the tensors are; the CPU if left out.</param>
    /// <exception cref="ArgumentException">There are no examples.</exception>
    public ExampleBatches(Tokenizer tokenizer, IReadOnlyList<Example> examples, int batchSize, int maximumTokens, Rows rows = Rows.Single, long seed = 0, bool learnPrompts = false, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumTokens, 2);
        if (examples.Count == 0) throw new ArgumentException("there are no examples", nameof(examples));
        (this.tokenizer, this.examples, this.batchSize, this.maximumTokens, this.seed, this.learnPrompts, this.device) =
            (tokenizer, examples, batchSize, maximumTokens, seed, learnPrompts, device);
        if (rows != Rows.Single) lengths = [.. Enumerable.Range(0, examples.Count).Select(index => Row(index).Ids.Length)];
        if (rows == Rows.Packed) packing = new(lengths!, maximumTokens, seed);
    }

    /// <summary>Rows that an epoch shows, each once: as many as examples, or fewer if they are packed.</summary>
    public int RowsPerEpoch => packing?.Count ?? examples.Count;

    /// <summary>Batches that show every row about once.</summary>
    public long BatchesPerEpoch => ((long)RowsPerEpoch + batchSize - 1) / batchSize;

    /// <summary>The most tokens that a row can have: of the longest example, where they were measured.</summary>
    public int LongestRow => lengths is null || packing is not null ? maximumTokens : lengths.Max();

    /// <summary>The most tokens that an example of a packed row has; null where rows are not packed.</summary>
    public int? LongestPacked => packing is null ? null : lengths!.Max();

    /// <summary>Training batch number <paramref name="step"/>, from 0, without end: each epoch has every row once, in an order of its own.
    /// Ids [batch, tokens] int64, and labels of the same shape, −100 where nothing is asked; of packed rows where each example lies too, for
    /// <see cref="CausalLm.Loss(Batch)"/>.</summary>
    public Batch At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var places = lengths is not null && packing is null ? OfSimilarLength(step) : Shuffle.Epochs(RowsPerEpoch, seed, step * batchSize, batchSize);
        return ToBatch(places);
    }

    /// <summary>Every row, in the order given or packed; the last batch may be smaller.</summary>
    public IEnumerable<Batch> InOrder() => Enumerable.Range(0, RowsPerEpoch).Chunk(batchSize).Select(ToBatch);

    private Batch ToBatch(IEnumerable<int> rows) =>
        TokenRow.ToBatch([.. rows.Select(row => packing is null ? Row(row) : Joined(packing[row]))], tokenizer.PaddingToken ?? tokenizer.Separator, device);

    private TokenRow Row(int index) => ExampleTokens.Of(tokenizer, examples[index], learnPrompts).Cut(maximumTokens);

    /// <summary>Examples side by side, each as it is in a row of its own.</summary>
    private TokenRow Joined(ReadOnlySpan<int> indices)
    {
        TokenRow[] rows = [.. indices.ToArray().Select(Row)];
        return new([.. rows.SelectMany(row => row.Ids)], [.. rows.SelectMany(row => row.Learned)]) { Texts = [.. rows.Select(row => row.Ids.Length)] };
    }

    /// <summary>The epoch's order in stretches of 50 batches, each sorted by length and cut into batches, and those in an order of their own.</summary>
    private IEnumerable<int> OfSimilarLength(long step)
    {
        var (perEpoch, atOnce) = (BatchesPerEpoch, Math.Min(BatchesSortedAtOnce, BatchesPerEpoch));
        var (epoch, batch) = Math.DivRem(step, perEpoch);
        var (stretch, within) = Math.DivRem(batch, atOnce);
        var first = stretch * atOnce * batchSize;
        var many = (int)Math.Min(atOnce * batchSize, examples.Count - first);
        var sorted = Shuffle.Epochs(examples.Count, seed, epoch * examples.Count + first, many).OrderByDescending(index => lengths![index]).Chunk(batchSize).ToArray();
        return sorted[new Shuffle(sorted.Length, StableHash.Mix(StableHash.Mix((ulong)seed + 1) + (ulong)(epoch * perEpoch + stretch)))[within]];
    }
}
