// The memory test of MoRA's paper (arXiv 2405.12130, section 3): random identifiers in pairs. Nothing in one half tells the other, so whatever
// a model gets right it has stored in the weights that trained.

namespace LowRank;

/// <summary>Pairs of random UUIDs.</summary>
public static class UuidPairs
{
    /// <summary>The first half is the prompt, the second the answer, in lower-case hexadecimal with hyphens. The same seed gives the same pairs on
    /// every machine, and more of them begin with the fewer.</summary>
    public static IReadOnlyList<Question> Make(int count, long seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var state = StableHash.Mix((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(i => new Question(Uuid(4UL * (ulong)i), " " + Uuid(4UL * (ulong)i + 2)))];

        string Uuid(ulong place)
        {
            var (high, low) = (StableHash.Mix(state + place), StableHash.Mix(state + place + 1));
            var digits = $"{high:x16}{low:x16}";
            return $"{digits[..8]}-{digits[8..12]}-{digits[12..16]}-{digits[16..20]}-{digits[20..]}";
        }
    }
}
