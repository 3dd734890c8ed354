// "No tensor q_porj; nearest: q_proj": what an error about a name adds.

namespace LowRank;

internal static class NearestNames
{
    /// <summary>"; nearest: a, b, c", the three names that the fewest single-character edits lead to, or "" if there are no names.</summary>
    public static string Suggest(string name, IEnumerable<string> names)
    {
        var nearest = names.Distinct().OrderBy(other => Edits(name, other)).ThenBy(other => other, StringComparer.Ordinal).Take(3).ToList();
        return nearest.Count == 0 ? "" : $"; nearest: {string.Join(", ", nearest)}";
    }

    /// <summary>Levenshtein's distance, one row of its table at a time; only the first 200 characters count.</summary>
    internal static int Edits(string left, string right)
    {
        left = left[..Math.Min(left.Length, 200)];
        right = right[..Math.Min(right.Length, 200)];
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (left[i - 1] == right[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[right.Length];
    }
}
