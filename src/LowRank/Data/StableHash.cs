// string.GetHashCode differs from run to run; these do not.

using System.Text;

namespace LowRank;

internal static class StableHash
{
    /// <summary>FNV-1a, 64 bits, over UTF-8.</summary>
    public static ulong Of(string text)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var value in Encoding.UTF8.GetBytes(text)) hash = (hash ^ value) * 0x100000001B3UL;
        return hash;
    }

    /// <summary>SplitMix64's finalizer (Steele et al. 2014): a bijection of 64-bit numbers under which neighbours part ways.</summary>
    public static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15UL;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }
}
