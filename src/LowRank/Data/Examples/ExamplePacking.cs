// Puts examples of known lengths into rows of a given one, in a random order, each into the fullest row that it fits into (best fit): within a
// few percent of the fewest rows there can be, in time that hardly grows with their number.

using System.Numerics;

namespace LowRank;

internal sealed class ExamplePacking
{
    private readonly int[] order;  // the examples, row by row
    private readonly int[] starts; // where each row begins in it; one more for the end

    /// <param name="lengths">None above <paramref name="rowLength"/>.</param>
    /// <param name="rowLength">Tokens in a row, at most.</param>
    /// <param name="seed">Chooses which examples meet.</param>
    public ExamplePacking(int[] lengths, int rowLength, long seed)
    {
        var (rowOf, rows) = (new int[lengths.Length], 0);
        var open = new Stack<int>?[rowLength + 1];      // rows by what is left in them
        var some = new ulong[rowLength / 64 + 1];       // which of those stacks are not empty
        foreach (var example in Shuffle.Epochs(lengths.Length, seed, 0, lengths.Length))
        {
            var left = Smallest(lengths[example]);
            var row = left < 0 ? rows++ : open[left]!.Pop();
            if (left >= 0 && open[left]!.Count == 0) some[left / 64] &= ~(1UL << left % 64);
            rowOf[example] = row;
            var remains = (left < 0 ? rowLength : left) - lengths[example];
            if (remains == 0) continue;
            (open[remains] ??= []).Push(row);
            some[remains / 64] |= 1UL << remains % 64;
        }
        starts = new int[rows + 1];
        foreach (var row in rowOf) starts[row + 1]++;
        for (var row = 0; row < rows; row++) starts[row + 1] += starts[row];
        var next = starts[..rows];
        order = new int[lengths.Length];
        for (var example = 0; example < lengths.Length; example++) order[next[rowOf[example]]++] = example;

        int Smallest(int wanted)
        {
            for (var word = wanted / 64; word < some.Length; word++)
            {
                var bits = word == wanted / 64 ? some[word] & (ulong.MaxValue << wanted % 64) : some[word];
                if (bits != 0) return word * 64 + BitOperations.TrailingZeroCount(bits);
            }
            return -1;
        }
    }

    /// <summary>Number of rows.</summary>
    public int Count => starts.Length - 1;

    /// <summary>The examples in a row.</summary>
    public ReadOnlySpan<int> this[int row] => order.AsSpan(starts[row]..starts[row + 1]);
}
