// One block of 8-bit codes. The nearest of 256 values is found by a look-up of the number's upper 16 bits, which leaves two neighbours
// to choose from, and one comparison with the boundary between them: the same code as by 256 distances. All rungs give the same bits.
//   quantize     code = first[upper half of x / absmax] + (x / absmax > boundary)
//   dequantize   x = value[code] · absmax
// scalar      a number at a time (the pair table's rung, too)
// 256 bits    look-ups of 8 numbers by gathering
// 512 bits    dequantizing, where bytes can be permuted (AVX-512 VBMI): the table as four times 256 bytes in 16 registers, 64 codes at once
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class EightBitKernels
{
    /// <summary>The codes of a block, and its absmax as it is to be stored. A full block is multiplied with 1 / absmax; a short last one
    /// is divided by it in the source's type, and there 1e-38 stands for an absmax below it. With distances, by the definition: the nearest
    /// value of all 256.</summary>
    public static float Quantize(EightBitTable table, float* x, int count, float absMax, bool full, ScalarType type, byte* to, CpuRung rung, bool distances = false)
    {
        var least = Math.Max(absMax, Blocks.Floor);
        if (distances || !full)
        {
            for (var i = 0; i < count; i++)
            {
                var scaled = full ? x[i] * (1 / least) : Elements.Round(x[i] / least, type);
                to[i] = (byte)(distances ? table.Nearest(scaled) : table.Code(scaled));
            }
            return full ? absMax : least;
        }
        var factor = 1 / least;
        fixed (float* boundaries = table.Boundaries)
        fixed (byte* first = table.First)
        {
            var i = 0;
            if (rung >= CpuRung.Vector256)
                for (; i + 32 <= count; i += 32)
                {
                    Vector256<int> a = Codes(x + i, factor, boundaries, first), b = Codes(x + i + 8, factor, boundaries, first);
                    Vector256<int> c = Codes(x + i + 16, factor, boundaries, first), d = Codes(x + i + 24, factor, boundaries, first);
                    Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).AsByte().Store(to + i);
                }
            for (; i < count; i++)
            {
                var scaled = x[i] * factor;
                int code = first[BitConverter.SingleToUInt32Bits(scaled) >> 16];
                to[i] = (byte)(code + (scaled > boundaries[code] ? 1 : 0));
            }
        }
        return absMax;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Codes(float* x, float factor, float* boundaries, byte* first)
    {
        var scaled = Vector256.Load(x) * factor;
        var code = Avx2.GatherVector256((int*)first, scaled.AsInt32() >>> 16, 1) & Vector256.Create(0xff);
        return code - Vector256.GreaterThan(scaled, Avx2.GatherVector256(boundaries, code, sizeof(float))).AsInt32();
    }

    public static void Dequantize(EightBitTable table, byte* from, int count, float absMax, float* to, CpuRung rung)
    {
        var i = 0;
        fixed (float* values = table.Values)
        {
            if (rung == CpuRung.Vector512 && Avx512Vbmi.IsSupported && count >= 64) i = Dequantize512(table, from, count, absMax, to);
            if (rung >= CpuRung.Vector256)
                for (; i + 8 <= count; i += 8)
                    (Avx2.GatherVector256(values, Avx2.ConvertToVector256Int32(from + i), sizeof(float)) * absMax).Store(to + i);
            for (; i < count; i++) to[i] = values[from[i]] * absMax;
        }
    }

    private static int Dequantize512(EightBitTable table, byte* from, int count, float absMax, float* to)
    {
        // Bytes are put together within quarters of a register; this order brings each 16 neighbours into one of the results.
        var transposed = Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        var i = 0;
        fixed (byte* planes = table.Planes)
            for (; i + 64 <= count; i += 64)
            {
                var codes = Avx512F.PermuteVar16x32(Vector512.Load((int*)(from + i)), transposed).AsByte();
                var upper = Vector512.LessThan(codes.AsSByte(), Vector512<sbyte>.Zero).AsByte();
                Vector512<byte> b0 = Bytes(planes, codes, upper), b1 = Bytes(planes + 256, codes, upper), b2 = Bytes(planes + 512, codes, upper), b3 = Bytes(planes + 768, codes, upper);
                Vector512<ushort> low0 = Avx512BW.UnpackLow(b0, b1).AsUInt16(), high0 = Avx512BW.UnpackHigh(b0, b1).AsUInt16();
                Vector512<ushort> low1 = Avx512BW.UnpackLow(b2, b3).AsUInt16(), high1 = Avx512BW.UnpackHigh(b2, b3).AsUInt16();
                (Avx512BW.UnpackLow(low0, low1).AsSingle() * absMax).Store(to + i);
                (Avx512BW.UnpackHigh(low0, low1).AsSingle() * absMax).Store(to + i + 16);
                (Avx512BW.UnpackLow(high0, high1).AsSingle() * absMax).Store(to + i + 32);
                (Avx512BW.UnpackHigh(high0, high1).AsSingle() * absMax).Store(to + i + 48);
            }
        return i;
    }

    /// <summary>One byte of each value: of the first 128 values' or the other's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Bytes(byte* plane, Vector512<byte> codes, Vector512<byte> upper) => Vector512.ConditionalSelect(upper,
        Avx512Vbmi.PermuteVar64x8x2(Vector512.Load(plane + 128), codes, Vector512.Load(plane + 192)),
        Avx512Vbmi.PermuteVar64x8x2(Vector512.Load(plane), codes, Vector512.Load(plane + 64)));
}
