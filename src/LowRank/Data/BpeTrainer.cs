// Learns the merges of byte-pair encoding (Sennrich et al. 2016): again and again the most frequent pair of neighbouring
// tokens becomes one token. The pair counts are kept up to date instead of being counted anew: a merge visits only the words
// that hold the pair. Choices and ties are those of Hugging Face's `tokenizers`, so equal texts give equal files:
// the most frequent pair, of equally frequent ones the pair with the smaller ids (left first).

using System.Runtime.InteropServices;

namespace LowRank;

internal static class BpeTrainer
{
    /// <summary>Learns merges over words given as byte-level characters, with how often each occurs.</summary>
    /// <returns>The tokens by id (special tokens, the 256 characters, then the merged ones) and the merges in the order learned.</returns>
    public static (List<string> Tokens, List<(int Left, int Right)> Merges) Train(
        IReadOnlyDictionary<string, long> words, int vocabularySize, IReadOnlyList<string> specialTokens)
    {
        var tokens = new List<string>(specialTokens);
        tokens.AddRange(ByteLevel.Alphabet.Select(character => character.ToString()).Where(token => !tokens.Contains(token)));
        var ids = tokens.Index().ToDictionary(pair => pair.Item, pair => pair.Index, StringComparer.Ordinal);

        var (pieces, counts) = (new List<int>[words.Count], new long[words.Count]);
        foreach (var (index, (word, count)) in words.OrderBy(pair => pair.Key, StringComparer.Ordinal).Index())
            (pieces[index], counts[index]) = ([.. word.Select(character => ids[character.ToString()])], count);

        var pairCounts = new Dictionary<(int Left, int Right), long>();
        var found = new Dictionary<(int, int), List<int>>(); // pair -> words that it newly occurs in, ascending
        for (var word = 0; word < pieces.Length; word++)
            for (var i = 0; i + 1 < pieces[word].Count; i++)
                Change((pieces[word][i], pieces[word][i + 1]), counts[word], word);

        var queue = new PriorityQueue<(int Left, int Right, long Count, List<int> Words), (long, int, int)>();
        Enqueue();

        var merges = new List<(int Left, int Right)>();
        while (tokens.Count < vocabularySize && queue.TryDequeue(out var top, out _))
        {
            var pair = (top.Left, top.Right);
            var current = pairCounts[pair];
            if (current < 1) continue;
            if (current != top.Count) // counted before other merges took some of its places: back into the queue
            {
                queue.Enqueue(top with { Count = current }, (-current, top.Left, top.Right));
                continue;
            }

            var text = tokens[top.Left] + tokens[top.Right];
            if (!ids.TryGetValue(text, out var merged)) // two ways may lead to one token
            {
                ids.Add(text, merged = tokens.Count);
                tokens.Add(text);
            }
            merges.Add(pair);
            foreach (var word in top.Words) Merge(pieces[word], pair, merged, word);
            Enqueue();
        }

        // A pair learned twice keeps its last place.
        var last = merges.Index().GroupBy(merge => merge.Item).Select(group => group.Last()).OrderBy(merge => merge.Index);
        return (tokens, [.. last.Select(merge => merge.Item)]);

        void Change((int, int) pair, long change, int word)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(pairCounts, pair, out _) += change;
            if (change < 0) return;
            var where = CollectionsMarshal.GetValueRefOrAddDefault(found, pair, out _) ??= [];
            if (where.Count == 0 || where[^1] != word) where.Add(word);
        }

        void Enqueue()
        {
            foreach (var ((left, right), where) in found)
                if (pairCounts[(left, right)] is > 0 and var count)
                    queue.Enqueue((left, right, count, where), (-count, left, right));
            found.Clear();
        }

        void Merge(List<int> piece, (int Left, int Right) pair, int merged, int word)
        {
            var count = counts[word];
            var kept = 0; // piece[..kept] is the word's new beginning
            for (var i = 0; i < piece.Count; i++, kept++)
            {
                if (piece[i] != pair.Left || i + 1 == piece.Count || piece[i + 1] != pair.Right)
                {
                    piece[kept] = piece[i];
                    continue;
                }
                if (kept > 0)
                {
                    Change((piece[kept - 1], pair.Left), -count, word);
                    Change((piece[kept - 1], merged), count, word);
                }
                piece[kept] = merged;
                i++;
                if (i + 1 < piece.Count)
                {
                    Change((pair.Right, piece[i + 1]), -count, word);
                    Change((merged, piece[i + 1]), count, word);
                }
            }
            piece.RemoveRange(kept, piece.Count - kept);
        }
    }
}
