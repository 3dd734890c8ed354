// One row of codes times a few rows of x, without the row's numbers ever being written down:
//   y_t = Σ_blocks scale_b · Σ_i (value[code_i] − zero_b) x_ti        t < tokens, all in float32
// scalar      the definition: a look-up and a product for each code, in their order
// pair table  a byte gives both its values at once; even and odd places are summed apart
// 256 bits    64 codes are 8 lanes of 8 neighbours: a shift, a permutation and a product take one of each lane. 8 partial sums
// 512 bits    128 codes are 16 lanes of 8. 16 partial sums
// For the vectors x lies in the order in which codes come out of their lanes (Pack): once a call, for all rows. A lane's 8 neighbours lie in
// one block, so a scale multiplies their sum. Rounding: with u = 2^-24 a row of k numbers is off by at most
//   (k / lanes / 8 + 16) u Σ_i |scale| (|value_i| + |zero|) |x_i|,   lanes = 16 or 8; (k + 16) u in place of that for the others.
// The order is fixed: whatever the threads, the same bits.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank;

internal static unsafe class CodeProductKernels
{
    /// <summary>Bytes from here to what is fetched from memory meanwhile: the hardware does not look beyond its page.</summary>
    private const int Ahead = 3072;

    /// <summary>Codes that a rung takes at once; rows of x are filled up to a multiple of it.</summary>
    public static int Unit(CpuRung rung) => rung switch { CpuRung.Vector512 => 128, CpuRung.Vector256 => 64, _ => 1 };

    /// <summary>x [k] in the order in which the rung's vectors meet it, filled up with zeros; the sums of its lanes behind it.</summary>
    public static void Pack(float* x, int k, bool fourBit, float* to, float* laneSums, CpuRung rung)
    {
        var unit = Unit(rung);
        var lanes = unit / 8;
        for (var start = 0; start < k; start += unit, to += unit, laneSums += lanes)
            for (var lane = 0; lane < lanes; lane++)
            {
                var sum = 0f;
                for (var i = 0; i < 8; i++)
                {
                    // The low nibble comes first, and holds the second of a byte's two.
                    var place = start + (fourBit ? 8 * lane + (i ^ 1) : i * lanes + lane);
                    var value = place < k ? x[place] : 0;
                    to[i * lanes + lane] = value;
                    sum += value;
                }
                laneSums[lane] = sum;
            }
    }

    /// <summary>The definition. <paramref name="x"/> [tokens, k], <paramref name="y"/> [tokens]; <paramref name="odd"/>: the row begins in
    /// the middle of a byte.</summary>
    public static void Scalar(byte* codes, bool odd, float[]? table, float* scales, float* zeros, int phase, int shift, float* x, int k, int tokens, float* y)
    {
        for (var t = 0; t < tokens; t++, x += k)
        {
            var total = 0f;
            for (var i = 0; i < k;)
            {
                var block = phase + i >> shift;
                var end = (int)Math.Min(k, ((long)block + 1 << shift) - phase);
                float sum = 0, ones = 0;
                for (; i < end; i++)
                {
                    var place = i + (odd ? 1 : 0);
                    var value = table is null ? ((sbyte*)codes)[i] : table[place % 2 == 0 ? codes[place / 2] >> 4 : codes[place / 2] & 15];
                    sum += value * x[i];
                    ones += x[i];
                }
                total += (zeros is null ? sum : sum - zeros[block] * ones) * scales[block];
            }
            y[t] = total;
        }
    }

    /// <summary>Two values a byte. The row begins with a byte, and blocks have an even size.</summary>
    public static void Pairs(byte* codes, float[] pairTable, float* scales, int phase, int shift, float* x, int k, int tokens, float* y)
    {
        fixed (float* pairs = pairTable)
            for (var t = 0; t < tokens; t++, x += k)
            {
                var total = 0f;
                for (var i = 0; i < k;)
                {
                    var block = phase + i >> shift;
                    var end = (int)Math.Min(k, ((long)block + 1 << shift) - phase);
                    float even = 0, odd = 0;
                    for (; i + 2 <= end; i += 2)
                    {
                        var pair = pairs + 2 * codes[i / 2];
                        even += pair[0] * x[i];
                        odd += pair[1] * x[i + 1];
                    }
                    if (i < end) even += pairs[2 * codes[i / 2]] * x[i++];
                    total += (even + odd) * scales[block];
                }
                y[t] = total;
            }
    }

    /// <summary>Units of 128 codes. x and laneSums as <see cref="Pack"/> makes them, [tokens, units · 128] and [tokens, units · 16]; 16
    /// scales may be read from any block on. <paramref name="last"/>: the last unit's codes, filled up, and 3 bytes behind them.</summary>
    public static void Row512(byte* codes, byte* last, float* table, float* scales, float* zeros, int phase, int shift,
        float* x, float* laneSums, int units, int tokens, float* y)
    {
        var values = table is null ? default : Vector512.Load(table);
        var places = Vector512.Create(0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120);
        var steady = shift <= 7 || phase % 128 == 0;                           // then lanes fall into blocks alike in every unit
        var index = Vector512.Create(phase & (1 << shift) - 1) + places >>> shift;
        var first = Vector512<float>.Zero;                                      // the first token's sums stay in a register
        var sums = stackalloc Vector512<float>[tokens];
        for (var t = 0; t < tokens; t++) sums[t] = default;
        for (var unit = 0; unit < units; unit++)
        {
            var from = unit == units - 1 ? last : codes + (table is null ? 128L : 64L) * unit;
            Sse.Prefetch0(from + Ahead);
            Vector512<float> w0, w1, w2, w3, w4, w5, w6, w7;
            if (table is not null)
            {
                // Of an index 4 bits count, so what a shift would bring in from the next byte may as well be loaded.
                Vector512<int> v0 = Vector512.Load((int*)from), v1 = Vector512.Load((int*)(from + 1)), v2 = Vector512.Load((int*)(from + 2)), v3 = Vector512.Load((int*)(from + 3));
                (w0, w1) = (Avx512F.PermuteVar16x32(values, v0), Avx512F.PermuteVar16x32(values, v0 >>> 4));
                (w2, w3) = (Avx512F.PermuteVar16x32(values, v1), Avx512F.PermuteVar16x32(values, v1 >>> 4));
                (w4, w5) = (Avx512F.PermuteVar16x32(values, v2), Avx512F.PermuteVar16x32(values, v2 >>> 4));
                (w6, w7) = (Avx512F.PermuteVar16x32(values, v3), Avx512F.PermuteVar16x32(values, v3 >>> 4));
            }
            else
            {
                Sse.Prefetch0(from + Ahead + 64);
                (w0, w1, w2, w3) = (Bytes512(from), Bytes512(from + 16), Bytes512(from + 32), Bytes512(from + 48));
                (w4, w5, w6, w7) = (Bytes512(from + 64), Bytes512(from + 80), Bytes512(from + 96), Bytes512(from + 112));
            }
            var at = phase + 128 * unit;
            var block = at >> shift;
            if (!steady) index = Vector512.Create(at - (block << shift)) + places >>> shift;
            var scale = Avx512F.PermuteVar16x32(Vector512.Load(scales + block), index);
            var zero = zeros is null ? default : Avx512F.PermuteVar16x32(Vector512.Load(zeros + block), index);
            var part = Part512(w0, w1, w2, w3, w4, w5, w6, w7, x + 128L * unit);
            if (zeros is not null) part -= zero * Vector512.Load(laneSums + 16L * unit);
            first = Vector512.FusedMultiplyAdd(part, scale, first);
            for (var t = 1; t < tokens; t++)
            {
                var place = (long)t * units + unit;
                part = Part512(w0, w1, w2, w3, w4, w5, w6, w7, x + 128 * place);
                if (zeros is not null) part -= zero * Vector512.Load(laneSums + 16 * place);
                sums[t] = Vector512.FusedMultiplyAdd(part, scale, sums[t]);
            }
        }
        sums[0] = first;
        for (var t = 0; t < tokens; t++) y[t] = Vector512.Sum(sums[t]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Bytes512(byte* from) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)from)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Part512(Vector512<float> w0, Vector512<float> w1, Vector512<float> w2, Vector512<float> w3,
        Vector512<float> w4, Vector512<float> w5, Vector512<float> w6, Vector512<float> w7, float* x)
    {
        var sum = w0 * Vector512.Load(x);
        sum = Vector512.FusedMultiplyAdd(w1, Vector512.Load(x + 16), sum);
        sum = Vector512.FusedMultiplyAdd(w2, Vector512.Load(x + 32), sum);
        sum = Vector512.FusedMultiplyAdd(w3, Vector512.Load(x + 48), sum);
        sum = Vector512.FusedMultiplyAdd(w4, Vector512.Load(x + 64), sum);
        sum = Vector512.FusedMultiplyAdd(w5, Vector512.Load(x + 80), sum);
        sum = Vector512.FusedMultiplyAdd(w6, Vector512.Load(x + 96), sum);
        return Vector512.FusedMultiplyAdd(w7, Vector512.Load(x + 112), sum);
    }

    /// <summary>The same with units of 64 codes and 8 lanes: x [tokens, units · 64], laneSums [tokens, units · 8]; 8 scales may be read.</summary>
    public static void Row256(byte* codes, byte* last, float* table, float* scales, float* zeros, int phase, int shift,
        float* x, float* laneSums, int units, int tokens, float* y)
    {
        Vector256<float> low = table is null ? default : Vector256.Load(table), high = table is null ? default : Vector256.Load(table + 8);
        var places = Vector256.Create(0, 8, 16, 24, 32, 40, 48, 56);
        var sums = stackalloc Vector256<float>[tokens];
        for (var t = 0; t < tokens; t++) sums[t] = default;
        var w = stackalloc Vector256<float>[8];                                // 16 registers do not hold them beside the rest
        for (var unit = 0; unit < units; unit++)
        {
            var from = unit == units - 1 ? last : codes + (table is null ? 64L : 32L) * unit;
            Sse.Prefetch0(from + Ahead);
            if (table is not null)
            {
                var v = Vector256.Load((int*)from);
                for (var i = 0; i < 8; i++) w[i] = FourBitKernels.Lookup(low, high, v >>> 4 * i);
            }
            else
                for (var i = 0; i < 8; i++) w[i] = Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32((sbyte*)from + 8 * i));
            var at = phase + 64 * unit;
            var block = at >> shift;
            var index = Vector256.Create(at - (block << shift)) + places >>> shift;
            var scale = Avx2.PermuteVar8x32(Vector256.Load(scales + block), index);
            var zero = zeros is null ? default : Avx2.PermuteVar8x32(Vector256.Load(zeros + block), index);
            for (var t = 0; t < tokens; t++)
            {
                var place = (long)t * units + unit;
                var v = x + 64 * place;
                var part = w[0] * Vector256.Load(v);
                for (var i = 1; i < 8; i++) part = Vector256.FusedMultiplyAdd(w[i], Vector256.Load(v + 8 * i), part);
                if (zeros is not null) part -= zero * Vector256.Load(laneSums + 8 * place);
                sums[t] = Vector256.FusedMultiplyAdd(part, scale, sums[t]);
            }
        }
        for (var t = 0; t < tokens; t++) y[t] = Vector256.Sum(sums[t]);
    }
}
