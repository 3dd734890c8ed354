// A shuffle that is a function of its key and the place asked for: no array of indices to keep, and step 1,000 of a run is
// known without the 999 before it. A Feistel network (Luby & Rackoff 1988) permutes the smallest even number of bits that
// holds the count; places outside are walked through until the walk is back inside (Black & Rogaway 2002).

namespace LowRank;

/// <summary>A pseudo-random order of the numbers from 0 to <paramref name="count"/> − 1.</summary>
internal readonly struct Shuffle(long count, ulong key)
{
    private const int Rounds = 4;
    private readonly int halfBits = Math.Max(1, (65 - (int)long.LeadingZeroCount(count - 1)) / 2);

    /// <summary>Places <paramref name="first"/> and on of an endless run of epochs, each of which has every number below <paramref name="count"/> once,
    /// in an order of its own.</summary>
    public static IEnumerable<int> Epochs(int count, long seed, long first, int many) => Enumerable.Range(0, many).Select(i =>
    {
        var (epoch, place) = Math.DivRem(first + i, count);
        return (int)new Shuffle(count, StableHash.Mix(StableHash.Mix((ulong)seed) + (ulong)epoch))[place];
    });

    /// <summary>The number at a place; each number is at one place.</summary>
    public long this[long place]
    {
        get
        {
            do place = Permute(place); while (place >= count);
            return place;
        }
    }

    private long Permute(long place)
    {
        var mask = (1UL << halfBits) - 1;
        var (left, right) = ((ulong)place >> halfBits, (ulong)place & mask);
        for (var round = 0UL; round < Rounds; round++)
            (left, right) = (right, left ^ (StableHash.Mix(StableHash.Mix(key + round) ^ right) & mask));
        return (long)(left << halfBits | right);
    }
}
