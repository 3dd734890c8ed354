// Applies learned merges to one word: of all neighbouring pairs the one learned first is merged, of its places the leftmost
// first, until none is left. A queue of candidate pairs over a linked list makes that n log n, so that a "word" of a million
// characters (a long run of digits, say) takes a moment and not an hour.

namespace LowRank;

internal sealed class BpeMerger
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> merges;

    /// <param name="merges">For each pair: when it was learned, and the token that it becomes.</param>
    public BpeMerger(Dictionary<(int Left, int Right), (int Rank, int Merged)> merges) => this.merges = merges;

    /// <summary>The tokens of a word given as ids, each with a length; a merged one has the sum. Both arrays given are used up.</summary>
    public (int[] Ids, int[] Lengths) Apply(int[] ids, int[] lengths)
    {
        var next = new int[ids.Length];     // ids: −1 where a token was merged into the one before it
        var previous = new int[ids.Length];
        for (var i = 0; i < ids.Length; i++) (next[i], previous[i]) = (i + 1, i - 1);

        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>();
        for (var i = 0; i + 1 < ids.Length; i++) Offer(i);

        var count = ids.Length;
        while (queue.TryDequeue(out var pair, out _))
        {
            var right = next[pair.At];
            if (ids[pair.At] != pair.Left || right >= ids.Length || ids[right] != pair.Right) continue; // merged otherwise meanwhile
            ids[pair.At] = merges[(pair.Left, pair.Right)].Merged;
            ids[right] = -1;
            lengths[pair.At] += lengths[right];
            next[pair.At] = next[right];
            if (next[right] < ids.Length) previous[next[right]] = pair.At;
            count--;
            Offer(pair.At);
            if (previous[pair.At] >= 0) Offer(previous[pair.At]);
        }

        if (count == ids.Length) return (ids, lengths);
        var (keptIds, keptLengths) = (new int[count], new int[count]);
        for (int i = 0, at = 0; at < count; i = next[i]) (keptIds[at], keptLengths[at++]) = (ids[i], lengths[i]);
        return (keptIds, keptLengths);

        void Offer(int at)
        {
            if (next[at] < ids.Length && merges.TryGetValue((ids[at], ids[next[at]]), out var merge))
                queue.Enqueue((at, ids[at], ids[next[at]]), (merge.Rank, at));
        }
    }
}
