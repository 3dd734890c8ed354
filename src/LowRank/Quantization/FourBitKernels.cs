// One block of 4-bit codes, in rungs from what can be read at a glance to what runs at the speed of memory. All give the same bits.
//   quantize     code = order[how many boundaries lie below x / absmax], two codes a byte, the first in the high nibble
//   dequantize   x = value[code] · absmax
// scalar      a search of 4 comparisons; a look-up for each code
// pair table  a byte gives both its values at once
// 256 bits    the 16 values in two registers, a permutation is the look-up
// 512 bits    the 16 values in one; quantizing, a cell of [-1, 1] leaves one boundary to compare with, or two
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class FourBitKernels
{
    /// <summary>The best rung that this processor has.</summary>
    public static CpuRung Best { get; } =
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? CpuRung.Vector512 : Avx2.IsSupported ? CpuRung.Vector256 : CpuRung.PairTable;

    /// <summary>The bit pattern of max|x| over count numbers: from 0x7f800000 on where one of them is not finite.</summary>
    public static int AbsMaxBits(float* x, int count, CpuRung rung)
    {
        var (i, most) = (0, 0);
        if (rung == CpuRung.Vector512) (i, most) = (count - count % 32, AbsMaxBits512(x, count - count % 32));
        else if (rung == CpuRung.Vector256 && count >= 16)
        {
            Vector256<int> mask = Vector256.Create(int.MaxValue), first = default, second = default;
            for (; i + 16 <= count; i += 16)
            {
                first = Vector256.Max(first, Vector256.Load((int*)x + i) & mask);
                second = Vector256.Max(second, Vector256.Load((int*)x + i + 8) & mask);
            }
            most = Largest(Vector256.Max(first, second));
        }
        for (; i < count; i++) most = Math.Max(most, ((int*)x)[i] & int.MaxValue);
        return most;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int AbsMaxBits512(float* x, int count)
    {
        Vector512<int> mask = Vector512.Create(int.MaxValue), first = default, second = default;
        for (var i = 0; i < count; i += 32)
        {
            first = Vector512.Max(first, Vector512.Load((int*)x + i) & mask);
            second = Vector512.Max(second, Vector512.Load((int*)x + i + 16) & mask);
        }
        first = Vector512.Max(first, second);
        return Largest(Vector256.Max(first.GetLower(), first.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Largest(Vector256<int> v)
    {
        var four = Vector128.Max(v.GetLower(), v.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2))).ToScalar();    // no branch that could go either way
    }

    /// <summary>The codes of x[i] · factor, which lie in [-1, 1], for an even count; a count that vectors do not divide ends in scalars.</summary>
    public static void Quantize(FourBitTable table, float* x, int count, float factor, byte* to, CpuRung rung)
    {
        var i = 0;
        fixed (float* boundaries = table.Boundaries)
        fixed (int* order = table.Order, ranks = table.CellRanks)
        fixed (float* cells = table.CellBoundaries)
        {
            if (rung == CpuRung.Vector512) i = Quantize512(x, count, factor, to, cells, ranks, table.Simple, Vector512.Load(order));
            else if (rung == CpuRung.Vector256)
            {
                Vector256<float> low = Vector256.Load(boundaries), high = Vector256.Load(boundaries + 8), middle = Vector256.Create(boundaries[7]), scale = Vector256.Create(factor);
                Vector256<float> lowCodes = Vector256.Load(order).AsSingle(), highCodes = Vector256.Load(order + 8).AsSingle();
                Vector256<int> one = Vector256<int>.One, two = one + one, three = two + one, four = two + two, eight = four + four;
                for (; i + 8 <= count; i += 8)
                {
                    var v = Vector256.Load(x + i) * scale;
                    var rank = Vector256.GreaterThan(v, middle).AsInt32() & eight;
                    rank += Vector256.GreaterThan(v, Lookup(low, high, rank + three)).AsInt32() & four;
                    rank += Vector256.GreaterThan(v, Lookup(low, high, rank + one)).AsInt32() & two;
                    rank += Vector256.GreaterThan(v, Lookup(low, high, rank)).AsInt32() & one;
                    var pairs = Lookup(lowCodes, highCodes, rank).AsUInt64();
                    var bytes = pairs << 4 | pairs >>> 32;
                    for (var pair = 0; pair < 4; pair++) to[i / 2 + pair] = (byte)bytes.GetElement(pair);
                }
            }
        }
        for (; i < count; i += 2) to[i / 2] = (byte)(Code(table, x[i] * factor) << 4 | Code(table, x[i + 1] * factor));
    }

    /// <summary>A cell of [-1, 1] leaves one boundary (or two) to compare with: no search whose steps wait for each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Quantize512(float* x, int count, float factor, byte* to, float* boundaries, int* ranks, bool simple, Vector512<int> order)
    {
        Vector512<float> low = Vector512.Load(boundaries), high = Vector512.Load(boundaries + 16), scale = Vector512.Create(factor);
        Vector512<float> secondLow = Vector512.Load(boundaries + 32), secondHigh = Vector512.Load(boundaries + 48);
        Vector512<int> lowRanks = Vector512.Load(ranks), highRanks = Vector512.Load(ranks + 16);
        Vector512<float> perOne = Vector512.Create(FourBitTable.CellsPerOne), middle = Vector512.Create(FourBitTable.CellCount / 2f);
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var v = Vector512.Load(x + i) * scale;
            var cell = Avx512F.ConvertToVector512Int32WithTruncation(Vector512.FusedMultiplyAdd(v, perOne, middle));
            var code = Avx512F.PermuteVar16x32x2(lowRanks, cell, highRanks);
            code -= Vector512.GreaterThan(v, Avx512F.PermuteVar16x32x2(low, cell, high)).AsInt32();
            if (!simple)
            {
                code -= Vector512.GreaterThan(v, Avx512F.PermuteVar16x32x2(secondLow, cell, secondHigh)).AsInt32();
                code = Avx512F.PermuteVar16x32(order, code);
            }
            var pairs = code.AsUInt64();                                                     // first code below, second above
            *(ulong*)(to + i / 2) = Avx512F.ConvertToVector128Byte(pairs << 4 | pairs >>> 32).AsUInt64().ToScalar();
        }
        return i;
    }

    /// <summary>Codes and scales of whole blocks: each is scaled by 1 / absmax, of which <see cref="Blocks.Floor"/> is the least. False:
    /// one of the numbers is not finite.</summary>
    public static bool QuantizeBlocks(FourBitTable table, float* x, int blocks, int size, float* absMax, byte* to, CpuRung rung)
    {
        var most = 0;
        fixed (float* cells = table.CellBoundaries)
        fixed (int* order = table.Order, ranks = table.CellRanks)
            for (var block = 0; block < blocks; block++, x += size, to += size / 2)
            {
                var bits = rung == CpuRung.Vector512 ? AbsMaxBits512(x, size) : AbsMaxBits(x, size, rung);
                most = Math.Max(most, bits);
                absMax[block] = BitConverter.Int32BitsToSingle(bits);
                var factor = 1 / Math.Max(absMax[block], Blocks.Floor);
                if (rung == CpuRung.Vector512) Quantize512(x, size, factor, to, cells, ranks, table.Simple, Vector512.Load(order));
                else Quantize(table, x, size, factor, to, rung);
            }
        return most < Blocks.NotFinite;
    }

    /// <summary>The same for a short last block, which is divided by its absmax in the source's type, as the reference does; an odd count
    /// is filled up with the code of 0.</summary>
    public static void QuantizeShort(FourBitTable table, float* x, int count, float absMax, ScalarType type, byte* to)
    {
        for (var i = 0; i < count; i += 2) to[i / 2] = (byte)(Short(i) << 4 | (i + 1 < count ? Short(i + 1) : table.ZeroCode));

        int Short(int i) => Code(table, Elements.Round(x[i] / absMax, type));
    }

    /// <summary>The definition: the nearest value's code, the lower value on a tie.</summary>
    public static int Code(FourBitTable table, float scaled)
    {
        var (boundaries, rank) = (table.Boundaries, 0);
        for (var step = 8; step > 0; step /= 2)
            if (scaled > boundaries[rank + step - 1]) rank += step;
        return table.Order[rank];
    }

    /// <summary>Elements [skip, skip + count) of a block whose codes begin at <paramref name="from"/>.</summary>
    public static void Dequantize(FourBitTable table, byte* from, int skip, int count, float absMax, float* to, CpuRung rung)
    {
        var (values, i) = (table.Values, 0);
        if (rung != CpuRung.Scalar && skip % 2 == 0)
        {
            var codes = from + skip / 2;
            // The products, once a block.
            if (rung == CpuRung.Vector512) i = Dequantize512(codes, count, Vector512.Create(values) * absMax, to);
            else if (rung == CpuRung.Vector256) i = Dequantize256(codes, count, Vector256.Create(values, 0) * absMax, Vector256.Create(values, 8) * absMax, to);
            fixed (float* pairs = table.Pairs)
                for (; i + 2 <= count; i += 2)
                {
                    var pair = pairs + 2 * codes[i / 2];
                    (to[i], to[i + 1]) = (pair[0] * absMax, pair[1] * absMax);
                }
        }
        for (; i < count; i++)
        {
            var pair = from[(skip + i) / 2];
            to[i] = values[(skip + i) % 2 == 0 ? pair >> 4 : pair & 15] * absMax;
        }
    }

    /// <summary>The numbers of codes that stand for 16 values, as many as vectors divide; gives back how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Dequantize512(byte* codes, int count, Vector512<float> values, float* to)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var pairs = Avx512F.ConvertToVector512UInt64(Vector128.CreateScalarUnsafe(*(ulong*)(codes + i / 2)).AsByte());
            Avx512F.PermuteVar16x32(values, (pairs >>> 4 | pairs << 32).AsInt32()).Store(to + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Dequantize256(byte* codes, int count, Vector256<float> low, Vector256<float> high, float* to)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
        {
            var pairs = Avx2.ConvertToVector256Int64(Vector128.CreateScalarUnsafe(*(uint*)(codes + i / 2)).AsByte());
            Lookup(low, high, (pairs >>> 4 | pairs << 32).AsInt32()).Store(to + i);
        }
        return i;
    }

    /// <summary>Entry (index mod 16) of a table in two registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Lookup(Vector256<float> low, Vector256<float> high, Vector256<int> index) =>
        Avx.BlendVariable(Avx2.PermuteVar8x32(low, index), Avx2.PermuteVar8x32(high, index), (index << 28).AsSingle());
}
