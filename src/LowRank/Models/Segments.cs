// The texts that share the rows of a batch. They are told apart where tokens meet or have a place: in attention (AttentionSegments), in positions,
// and in the loss, where no text's last token is asked for the next one's first. All other parts of a model see one token at a time.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Where the texts of packed rows begin and end. A model that is given them treats each text as if it had a row of its own: it sees itself
/// alone, behind the soft prompt or prefix if there is one, and its positions begin anew.</summary>
public sealed class Segments
{
    private readonly List<((long Tokens, long Front, string Device) Of, AttentionSegments Made)> made = [];

    /// <param name="lengths">Of each row the lengths of its texts, which lie side by side from the row's first token on. What is behind them is filling.</param>
    /// <exception cref="ArgumentException">A length is below 1, or there is none at all.</exception>
    public Segments(IReadOnlyList<IReadOnlyList<int>> lengths)
    {
        if (lengths.Count == 0 || lengths.All(row => row.Count == 0)) throw new ArgumentException("there are no texts; leave the segments out", nameof(lengths));
        if (lengths.SelectMany(row => row).Min() is < 1 and var bad) throw new ArgumentException($"a text of {bad} tokens is none; lengths are at least 1", nameof(lengths));
        Lengths = [.. lengths.Select(row => row.ToArray())];
        Longest = Lengths.SelectMany(row => row).Max();
    }

    /// <summary>The lengths of each row's texts, in their order.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Lengths { get; }

    /// <summary>Tokens of the longest text.</summary>
    public int Longest { get; }

    /// <summary>What attention and learned positions need, made at the first call for a shape and kept.</summary>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Of a row, without what stands in front.</param>
    /// <param name="front">Places of a soft prompt before each row, which all its texts see.</param>
    /// <param name="device">Where the batch is.</param>
    internal AttentionSegments For(long rows, long tokens, long front, Device device)
    {
        Check(rows, tokens);
        var of = (tokens, front, device.ToString());
        var index = made.FindIndex(one => one.Of == of);
        if (index < 0)
        {
            index = made.Count;
            made.Add((of, new(Lengths, tokens, front, device)));
        }
        return made[index].Made;
    }

    /// <summary>Takes the first label of each text away, in place: nothing stands before it that could predict it.</summary>
    /// <param name="labels">[rows, tokens] int64</param>
    internal void LeaveFirstsOut(Tensor labels)
    {
        Check(labels.shape[0], labels.shape[1]);
        using var scope = NewDisposeScope();
        var firsts = Lengths.SelectMany((row, r) => row.Select((_, i) => r * labels.shape[1] + row.Take(i).Sum())).ToArray();
        labels.view(-1).index_fill_(0, tensor(firsts, device: labels.device), NextTokenLoss.Ignored);
    }

    /// <summary>The lengths, each row's behind a −1: by what a batch is told from another.</summary>
    internal Tensor ToTensor() => tensor(Lengths.SelectMany(row => row.Prepend(-1)).Select(length => (long)length).ToArray());

    private void Check(long rows, long tokens)
    {
        if (Lengths.Count != rows) throw new ArgumentException($"the segments are of {Lengths.Count} rows; the batch has {rows}");
        if (Lengths.Max(row => row.Sum()) is var most && most > tokens) throw new ArgumentException($"a row's segments come to {most} tokens; the batch's rows have {tokens}");
    }
}
