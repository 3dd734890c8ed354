// Batches of texts and their classes, for a SequenceClassifier: tokens, then the separator to fill rows up; one label a row.

using static TorchSharp.torch;

namespace LowRank;

/// <summary>Batches of labelled texts. <see cref="At"/> is for training, <see cref="InOrder"/> for evaluation.</summary>
public sealed class ClassBatches
{
    private readonly List<(int[] Ids, int Class)> rows;
    private readonly int batchSize, padding;
    private readonly long seed;
    private readonly Device? device;

    /// <summary>Encodes the texts once.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="texts">Texts with their classes, from 0; at least one. An empty text counts as a separator.</param>
    /// <param name="batchSize">Texts in a batch.</param>
    /// <param name="maximumTokens">Longer texts are cut off there.</param>
    /// <param name="seed">Chooses the order of each epoch.</param>
    /// <param name="padding">The id that fills rows up; the tokenizer's end of text if left out. It has to be the model's padding token.</param>
    /// <param name="device">Where the tensors are; the CPU if left out.</param>
    public ClassBatches(Tokenizer tokenizer, IEnumerable<(string Text, int Class)> texts, int batchSize, int maximumTokens, long seed = 0, int? padding = null, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumTokens);
        this.padding = padding ?? tokenizer.Separator;
        rows = [.. texts.Select(text => text.Class < 0 ? throw new ArgumentException($"\"{text.Text}\" has the class {text.Class}; classes are counted from 0")
            : (tokenizer.Encode(text.Text) is { Length: > 0 } ids ? ids[..Math.Min(ids.Length, maximumTokens)] : [this.padding], text.Class))];
        if (rows.Count == 0) throw new ArgumentException("there are no texts");
        (this.batchSize, this.seed, this.device) = (batchSize, seed, device);
    }

    /// <summary>WordNet's definitions with the number of their domain in <see cref="WordNet.Domains"/>.</summary>
    public static IEnumerable<(string Text, int Class)> Domains(IEnumerable<Gloss> glosses)
    {
        var number = WordNet.Domains.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        return glosses.Select(gloss => (gloss.Definition, number[gloss.Domain]));
    }

    /// <summary>Training batch number <paramref name="step"/>, from 0, without end: each epoch has every text once, in an order of its own.</summary>
    public Batch At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return ToBatch([.. Shuffle.Epochs(rows.Count, seed, step * batchSize, batchSize).Select(place => rows[place])]);
    }

    /// <summary>Every text in the order given; the last batch may be smaller.</summary>
    public IEnumerable<Batch> InOrder() => rows.Chunk(batchSize).Select(ToBatch);

    private Batch ToBatch(IReadOnlyList<(int[] Ids, int Class)> some)
    {
        var width = some.Max(row => row.Ids.Length);
        var ids = new long[some.Count * width];
        Array.Fill(ids, padding);
        for (var r = 0; r < some.Count; r++)
            for (var i = 0; i < some[r].Ids.Length; i++) ids[r * width + i] = some[r].Ids[i];
        return new(tensor(ids, [some.Count, width], device: device), tensor(some.Select(row => (long)row.Class).ToArray(), device: device));   // [batch, tokens], [batch]
    }
}
