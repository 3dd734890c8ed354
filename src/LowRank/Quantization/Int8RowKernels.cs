// One row of 8-bit integers, all rungs with the same bits:
//   quantize     code = round(half(x) · 127 / absmax), to nearest even
//   dequantize   x = code · scale
// The rounding to float16 stays in float32: a number of 2^-14 or more keeps 10 bits of its mantissa, a smaller one becomes a multiple of 2^-24.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank;

internal static unsafe class Int8RowKernels
{
    private const float LeastNormal = 1f / (1 << 14);

    /// <summary>Numbers as float16 holds them; what it can't hold comes out above 65504.</summary>
    public static void RoundToHalf(float* x, int count, float* to, CpuRung rung)
    {
        var i = 0;
        if (rung == CpuRung.Vector512)
            for (; i + 16 <= count; i += 16)
            {
                var bits = Vector512.Load((uint*)x + i);
                var magnitude = Vector512.Abs(Vector512.Load(x + i));
                var normal = bits + Vector512.Create(0xfffu) + (bits >>> 13 & Vector512<uint>.One) & Vector512.Create(~0x1fffu);
                var small = (magnitude + Vector512.Create(0.5f) - Vector512.Create(0.5f)).AsUInt32() | bits & Vector512.Create(0x80000000u);
                Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(LeastNormal)).AsUInt32(), small, normal).Store((uint*)to + i);
            }
        if (rung >= CpuRung.Vector256)
            for (; i + 8 <= count; i += 8)
            {
                var bits = Vector256.Load((uint*)x + i);
                var magnitude = Vector256.Abs(Vector256.Load(x + i));
                var normal = bits + Vector256.Create(0xfffu) + (bits >>> 13 & Vector256<uint>.One) & Vector256.Create(~0x1fffu);
                var small = (magnitude + Vector256.Create(0.5f) - Vector256.Create(0.5f)).AsUInt32() | bits & Vector256.Create(0x80000000u);
                Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(LeastNormal)).AsUInt32(), small, normal).Store((uint*)to + i);
            }
        for (; i < count; i++)
        {
            var half = (float)(Half)x[i];
            to[i] = float.IsFinite(half) ? half : x[i];
        }
    }

    /// <summary>One row's codes; zeros for a row of zeros.</summary>
    public static void Quantize(float* x, int count, float absMax, sbyte* to, CpuRung rung)
    {
        var factor = absMax == 0 ? 0 : 127 / absMax;
        var i = 0;
        if (rung == CpuRung.Vector512)
            for (; i + 16 <= count; i += 16)
                Avx512F.ConvertToVector128SByte(Avx512F.ConvertToVector512Int32(Vector512.Load(x + i) * factor)).Store(to + i);
        if (rung >= CpuRung.Vector256)
            for (; i + 32 <= count; i += 32)
            {
                var (a, b, c, d) = (Eight(x + i, factor), Eight(x + i + 8, factor), Eight(x + i + 16, factor), Eight(x + i + 24, factor));
                Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).Store(to + i);
            }
        for (; i < count; i++) to[i] = (sbyte)MathF.Round(x[i] * factor);
    }

    /// <summary>To nearest even, as the processor converts unless told.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Eight(float* x, float factor) => Avx.ConvertToVector256Int32(Vector256.Load(x) * factor);

    public static void Dequantize(sbyte* from, int count, float scale, float* to, CpuRung rung)
    {
        var i = 0;
        if (rung == CpuRung.Vector512)
            for (; i + 16 <= count; i += 16) (Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(from + i))) * scale).Store(to + i);
        if (rung >= CpuRung.Vector256)
            for (; i + 8 <= count; i += 8) (Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(from + i)) * scale).Store(to + i);
        for (; i < count; i++) to[i] = from[i] * scale;
    }
}
