// Batches of token ids for training and evaluation. Rows are slices of the corpus's one array; a batch is one new array and
// one tensor. Which rows stand in training batch number n is a function of the seed and n alone.

using static TorchSharp.torch;

namespace LowRank;

/// <summary>Batches over a <see cref="TokenCorpus"/>: <see cref="Windows"/> of its stream, or whole <see cref="Texts"/>.
/// <see cref="At"/> is for training, <see cref="InOrder"/> for evaluation.</summary>
public sealed class TokenBatches
{
    private readonly TokenCorpus corpus;
    private readonly int batchSize;
    private readonly long rowsPerEpoch;
    private readonly Func<long, long, ReadOnlyMemory<int>> row; // (epoch, place in it) -> ids
    private readonly IEnumerable<ReadOnlyMemory<int>> rowsInOrder;
    private readonly Device? device;

    private TokenBatches(TokenCorpus corpus, int batchSize, long rowsPerEpoch, Func<long, long, ReadOnlyMemory<int>> row, IEnumerable<ReadOnlyMemory<int>> rowsInOrder, Device? device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        (this.corpus, this.batchSize, this.rowsPerEpoch, this.row, this.rowsInOrder, this.device) = (corpus, batchSize, rowsPerEpoch, row, rowsInOrder, device);
    }

    /// <summary>Windows of the stream, texts running into each other: nothing is padded, so every position trains.
    /// An epoch's windows are side by side from a random offset on, in a random order; each epoch has its own.</summary>
    /// <param name="corpus">For training at least <paramref name="tokens"/> ids long.</param>
    /// <param name="batchSize">Windows in a batch.</param>
    /// <param name="tokens">Ids in a window, at least 2.</param>
    /// <param name="seed">Chooses offsets and orders.</param>
    /// <param name="device">Where the tensors are; the CPU if left out.</param>
    public static TokenBatches Windows(TokenCorpus corpus, int batchSize, int tokens, long seed = 0, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 2);
        var stream = corpus.Tokens;
        var count = Math.Max(1, stream.Length / tokens - 1);
        var slack = stream.Length - count * tokens + 1;

        ReadOnlyMemory<int> Row(long epoch, long place)
        {
            if (slack <= 0) throw new InvalidOperationException($"the corpus has {stream.Length} tokens, fewer than one training window of {tokens}");
            var key = Key(seed, epoch);
            var offset = (int)(StableHash.Mix(key) % (ulong)slack);
            return stream.Slice(offset + (int)new Shuffle(count, key)[place] * tokens, tokens);
        }
        // Each token but the first is predicted once: a window begins with the last id of the one before it.
        var inOrder = Enumerable.Range(0, (stream.Length - 2 + tokens - 1) / (tokens - 1))
            .Select(i => stream[(i * (tokens - 1))..Math.Min(stream.Length, i * (tokens - 1) + tokens)]);
        return new(corpus, batchSize, count, Row, inOrder, device);
    }

    /// <summary>One text a row, from separator to separator, padded to the longest of the batch; padding is not trained on
    /// (label −100) and stands on the right, where a causal model does not see it.</summary>
    /// <param name="corpus">At least one text.</param>
    /// <param name="batchSize">Texts in a batch.</param>
    /// <param name="maximumTokens">Longer texts are cut.</param>
    /// <param name="seed">Chooses the order of each epoch.</param>
    /// <param name="device">Where the tensors are; the CPU if left out.</param>
    public static TokenBatches Texts(TokenCorpus corpus, int batchSize, int maximumTokens, long seed = 0, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumTokens, 2);
        if (corpus.Count == 0) throw new ArgumentException("the corpus has no text", nameof(corpus));
        ReadOnlyMemory<int> Text(long index) => corpus.Text((int)index) is { Length: var length } ids && length > maximumTokens ? ids[..maximumTokens] : corpus.Text((int)index);
        return new(corpus, batchSize, corpus.Count, (epoch, place) => Text(new Shuffle(corpus.Count, Key(seed, epoch))[place]),
            Enumerable.Range(0, corpus.Count).Select(index => Text(index)), device);
    }

    /// <summary>Training batch number <paramref name="step"/>, from 0, without end: each epoch has every row once.
    /// Ids are <c>[batch, tokens]</c> int64; labels are null where no row was padded.</summary>
    public Batch At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var rows = new ReadOnlyMemory<int>[batchSize];
        for (var i = 0; i < batchSize; i++)
        {
            var (epoch, place) = Math.DivRem(step * batchSize + i, rowsPerEpoch);
            rows[i] = row(epoch, place);
        }
        return ToBatch(rows);
    }

    /// <summary>Every row in the corpus's order; the last batch may be smaller. Of windows, each token but the first is
    /// predicted exactly once.</summary>
    public IEnumerable<Batch> InOrder() => rowsInOrder.Chunk(batchSize).Select(ToBatch);

    /// <summary>Batches that show every row about once.</summary>
    public long BatchesPerEpoch => (rowsPerEpoch + batchSize - 1) / batchSize;

    private static ulong Key(long seed, long epoch) => StableHash.Mix(StableHash.Mix((ulong)seed) + (ulong)epoch);

    private Batch ToBatch(IReadOnlyList<ReadOnlyMemory<int>> rows)
    {
        var width = rows.Max(ids => ids.Length);
        var padded = rows.Any(ids => ids.Length < width);
        var separator = corpus.Tokens.Span[0];
        var ids = new long[rows.Count * width];
        var labels = padded ? new long[ids.Length] : [];
        for (var r = 0; r < rows.Count; r++)
        {
            var source = rows[r].Span;
            for (var i = 0; i < width; i++)
            {
                var inside = i < source.Length;
                ids[r * width + i] = inside ? source[i] : separator;
                if (padded) labels[r * width + i] = inside ? source[i] : -100;
            }
        }
        long[] shape = [rows.Count, width];
        return new(tensor(ids, shape, device: device), padded ? tensor(labels, shape, device: device) : null);
    }
}
