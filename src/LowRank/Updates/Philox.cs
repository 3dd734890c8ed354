// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter goes in, four 32-bit numbers come
// out, and that is all there is to it. Any element can be computed alone, in any order, on any machine, with the same result.
namespace LowRank;

/// <summary>The library's own generator, where numbers must be the same everywhere.</summary>
public static class Philox
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>The four numbers of one counter under one key.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var (p0, p1) = ((ulong)Multiplier0 * c0, (ulong)Multiplier1 * c2);
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>
    /// Numbers uniform in [low, high). Number i is word i mod 4 of the block with the counter (⌊i/4⌋ low, high; stream; 0) and the
    /// seed as key; its upper 24 bits are divided by 2²⁴ and scaled in float32.
    /// </summary>
    public static float[] Uniform(long count, ulong seed, uint stream, float low, float high)
    {
        var result = new float[count];
        var (k0, k1) = ((uint)seed, (uint)(seed >> 32));
        for (long block = 0; block * 4 < count; block++)
        {
            var (x0, x1, x2, x3) = Block((uint)block, (uint)(block >> 32), stream, 0, k0, k1);
            ReadOnlySpan<uint> words = [x0, x1, x2, x3];
            for (var i = 0; i < 4 && block * 4 + i < count; i++)
                result[block * 4 + i] = low + (high - low) * ((words[i] >> 8) * (1.0f / (1 << 24)));
        }
        return result;
    }
}
