// One group of a row in 4-bit integers, all rungs with the same bits:
//   quantize     scale = (max - min) / 15,  zero = -min / scale,  code = round(w / scale + zero) in 0 … 15, two codes a byte
//   dequantize   w = scale (code - zero): 16 values for the whole group, then a look-up for each code
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank;

internal static unsafe class GroupInt4Kernels
{
    /// <summary>A group's scale and zero. Where all are c, or differ by less than float32 can divide by: scale |c| and zero ∓1, so that code 0
    /// gives c exactly.</summary>
    public static (float Scale, float Zero) Range(float* x, int count, CpuRung rung)
    {
        var (least, most) = Ends(x, count, rung);
        var scale = (most - least) / 15;
        if (float.IsInfinity(scale)) scale = most / 15 - least / 15;
        var zero = -least / scale;
        if (float.IsNormal(scale) && float.IsFinite(zero)) return (scale, zero);
        return least == 0 ? (1, 0) : (Math.Abs(least), -Math.Sign(least));
    }

    private static (float Least, float Most) Ends(float* x, int count, CpuRung rung)
    {
        var i = 0;
        float least = x[0], most = x[0];
        if (rung >= CpuRung.Vector256 && count >= 8)
        {
            Vector256<float> low = Vector256.Load(x), high = low;
            for (i = 8; i + 8 <= count; i += 8)
            {
                var v = Vector256.Load(x + i);
                (low, high) = (Avx.Min(low, v), Avx.Max(high, v));
            }
            Vector128<float> l = Sse.Min(low.GetLower(), low.GetUpper()), h = Sse.Max(high.GetLower(), high.GetUpper());
            (l, h) = (Sse.Min(l, Sse.MoveHighToLow(l, l)), Sse.Max(h, Sse.MoveHighToLow(h, h)));
            (l, h) = (Sse.MinScalar(l, Sse3.MoveHighAndDuplicate(l)), Sse.MaxScalar(h, Sse3.MoveHighAndDuplicate(h)));
            (least, most) = (l.ToScalar(), h.ToScalar());
        }
        for (; i < count; i++) (least, most) = (Math.Min(least, x[i]), Math.Max(most, x[i]));
        return (least, most);
    }

    /// <summary>The codes of numbers from a row's place <paramref name="first"/> on, into the row's bytes, which are zeros as yet.</summary>
    public static void Quantize(float* x, int first, int count, float scale, float zero, byte* row, CpuRung rung)
    {
        var i = 0;
        if (first % 2 == 0)
        {
            var to = row + first / 2;
            if (rung == CpuRung.Vector512)
                for (; i + 16 <= count; i += 16)
                {
                    var q = Vector512.Load(x + i) / Vector512.Create(scale) + Vector512.Create(zero);
                    q = Avx512F.Min(Avx512F.Max(q, Vector512<float>.Zero), Vector512.Create(15f));
                    var pairs = Avx512F.ConvertToVector512Int32(q).AsUInt64();                  // first code below, second above
                    *(ulong*)(to + i / 2) = Avx512F.ConvertToVector128Byte(pairs << 4 | pairs >>> 32).AsUInt64().ToScalar();
                }
            if (rung >= CpuRung.Vector256)
                for (; i + 8 <= count; i += 8)
                {
                    var q = Vector256.Load(x + i) / Vector256.Create(scale) + Vector256.Create(zero);
                    q = Avx.Min(Avx.Max(q, Vector256<float>.Zero), Vector256.Create(15f));
                    var pairs = Avx.ConvertToVector256Int32(q).AsUInt64();
                    var bytes = pairs << 4 | pairs >>> 32;
                    for (var pair = 0; pair < 4; pair++) to[i / 2 + pair] = (byte)bytes.GetElement(pair);
                }
        }
        for (; i < count; i++)
        {
            var q = (byte)Math.Clamp(MathF.Round(x[i] / scale + zero), 0, 15);
            row[(first + i) / 2] |= (first + i) % 2 == 0 ? (byte)(q << 4) : q;
        }
    }

    /// <summary>Places [first, first + count) of a row, all of one group.</summary>
    public static void Dequantize(byte* row, int first, int count, float scale, float zero, float* to, CpuRung rung)
    {
        var i = 0;
        if (first % 2 == 0)
        {
            var from = row + first / 2;
            if (rung == CpuRung.Vector512)
                i = FourBitKernels.Dequantize512(from, count, (Integers512 - Vector512.Create(zero)) * scale, to);
            else if (rung == CpuRung.Vector256)
                i = FourBitKernels.Dequantize256(from, count, (Integers256 - Vector256.Create(zero)) * scale, (Integers256 + Vector256.Create(8f) - Vector256.Create(zero)) * scale, to);
        }
        for (; i < count; i++)
        {
            var place = first + i;
            to[i] = scale * ((place % 2 == 0 ? row[place / 2] >> 4 : row[place / 2] & 15) - zero);
        }
    }

    private static Vector512<float> Integers512 => Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    private static Vector256<float> Integers256 => Vector256.Create(0f, 1, 2, 3, 4, 5, 6, 7);
}
