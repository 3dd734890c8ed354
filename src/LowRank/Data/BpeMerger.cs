// Applies learned merges to one word: of all neighbouring pairs the one learned first is merged, of its places the leftmost
// first, until none is left. A queue of candidate pairs over a linked list makes that n log n, so that a "word" of a million
// characters (a long run of digits, say) takes a moment and not an hour.

namespace LowRank;

internal sealed class BpeMerger
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> merges;
    private readonly int[] byteIds;

    /// <param name="byteIds">The token of each single byte.</param>
    /// <param name="merges">For each pair: when it was learned, and the token that it becomes.</param>
    public BpeMerger(int[] byteIds, Dictionary<(int Left, int Right), (int Rank, int Merged)> merges) =>
        (this.byteIds, this.merges) = (byteIds, merges);

    /// <summary>The tokens of a word given as UTF-8.</summary>
    public int[] Apply(ReadOnlySpan<byte> word)
    {
        var ids = new int[word.Length]; // -1 where a token was merged into the one before it
        var next = new int[word.Length];
        var previous = new int[word.Length];
        for (var i = 0; i < word.Length; i++)
            (ids[i], next[i], previous[i]) = (byteIds[word[i]], i + 1, i - 1);

        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>();
        for (var i = 0; i + 1 < ids.Length; i++) Offer(i);

        var count = ids.Length;
        while (queue.TryDequeue(out var pair, out _))
        {
            var right = next[pair.At];
            if (ids[pair.At] != pair.Left || right >= ids.Length || ids[right] != pair.Right) continue; // merged otherwise meanwhile
            ids[pair.At] = merges[(pair.Left, pair.Right)].Merged;
            ids[right] = -1;
            next[pair.At] = next[right];
            if (next[right] < ids.Length) previous[next[right]] = pair.At;
            count--;
            Offer(pair.At);
            if (previous[pair.At] >= 0) Offer(previous[pair.At]);
        }

        var result = new int[count];
        for (int i = 0, at = 0; at < count; i = next[i]) result[at++] = ids[i];
        return result;

        void Offer(int at)
        {
            if (next[at] < ids.Length && merges.TryGetValue((ids[at], ids[next[at]]), out var merge))
                queue.Enqueue((at, ids[at], ids[next[at]]), (merge.Rank, at));
        }
    }
}
