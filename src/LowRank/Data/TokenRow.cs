// A row of a batch before it becomes tensors: ids, and which of them are asked for.

using static TorchSharp.torch;

namespace LowRank;

internal readonly record struct TokenRow(int[] Ids, bool[] Learned)
{
    /// <summary>Where the row holds several texts, their lengths; null: it is one.</summary>
    public int[]? Texts { get; init; }

    /// <summary>At most so many tokens: the end is cut off, or, where then nothing to learn would be left, as much of the beginning that the
    /// first token to learn stands in the middle.</summary>
    public TokenRow Cut(int maximum)
    {
        if (Ids.Length <= maximum) return this;
        var first = Array.IndexOf(Learned, true, 1); // the first token of a row is not predicted
        var start = first >= 0 && first >= maximum ? Math.Min(first - maximum / 2, Ids.Length - maximum) : 0;
        return new(Ids[start..(start + maximum)], Learned[start..(start + maximum)]);
    }

    /// <summary>Ids [rows, longest] int64, filled up with <paramref name="padding"/> on the right, where a causal model does not see it, and
    /// labels of the same shape, −100 where nothing is asked.</summary>
    public static Batch ToBatch(IReadOnlyList<TokenRow> rows, int padding, Device? device)
    {
        var width = rows.Max(row => row.Ids.Length);
        long[] ids = new long[rows.Count * width], labels = new long[ids.Length];
        Array.Fill(ids, padding);
        Array.Fill(labels, NextTokenLoss.Ignored);
        for (var r = 0; r < rows.Count; r++)
            for (var i = 0; i < rows[r].Ids.Length; i++)
            {
                ids[r * width + i] = rows[r].Ids[i];
                if (rows[r].Learned[i]) labels[r * width + i] = rows[r].Ids[i];
            }
        return new(tensor(ids, [rows.Count, width], device: device), tensor(labels, [rows.Count, width], device: device))
        {
            Segments = rows.Any(row => row.Texts is { Length: > 1 }) ? new([.. rows.Select(row => row.Texts ?? [row.Ids.Length])]) : null,
        };
    }
}
