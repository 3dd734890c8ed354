// One block of 8-bit codes. The nearest of 256 values is found by a look-up of the number's upper 16 bits, which leaves two neighbours
// to choose from, and one comparison with the boundary between them: the same code as by 256 distances. Eight numbers at a time where
// the processor gathers from tables; the bits are the same.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class EightBitKernels
{
    /// <summary>The codes of a block, and its absmax as it is to be stored. A full block is multiplied with 1 / absmax; a short last one
    /// is divided by it in the source's type, and there 1e-38 stands for an absmax below it. With distances, by the definition: the nearest
    /// value of all 256.</summary>
    public static float Quantize(EightBitTable table, float* x, int count, float absMax, bool full, ScalarType type, byte* to, bool distances = false)
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
        Codes(table, x, count, 1 / least, to, Avx2.IsSupported);
        return absMax;
    }

    /// <summary>The codes of x[i] · factor, which lie in [-1, 1] but for a rounding.</summary>
    public static void Codes(EightBitTable table, float* x, int count, float factor, byte* to, bool vectors)
    {
        fixed (float* boundaries = table.Boundaries)
        fixed (byte* first = table.First)
        {
            var i = 0;
            if (vectors)
                for (; i + 8 <= count; i += 8)
                {
                    var scaled = Vector256.Load(x + i) * factor;
                    // Four bytes are read where one is wanted; numbers near 1 leave the table's end far away.
                    var code = Avx2.GatherVector256((int*)first, (scaled.AsUInt32() >>> 16).AsInt32(), 1) & Vector256.Create(255);
                    code -= Vector256.GreaterThan(scaled, Avx2.GatherVector256(boundaries, code, sizeof(float))).AsInt32();     // true is -1
                    var words = Vector128.Narrow(code.GetLower().AsUInt32(), code.GetUpper().AsUInt32());
                    *(ulong*)(to + i) = Vector128.Narrow(words, words).AsUInt64().ToScalar();
                }
            for (; i < count; i++)
            {
                var scaled = x[i] * factor;
                int code = first[BitConverter.SingleToUInt32Bits(scaled) >> 16];
                to[i] = (byte)(code + (scaled > boundaries[code] ? 1 : 0));
            }
        }
    }

    public static void Dequantize(EightBitTable table, byte* from, int count, float absMax, float* to)
    {
        fixed (float* values = table.Values)
        {
            var i = 0;
            if (Avx2.IsSupported)
                for (; i + 8 <= count; i += 8)
                    (Avx2.GatherVector256(values, Avx2.ConvertToVector256Int32(from + i), sizeof(float)) * absMax).Store(to + i);
            for (; i < count; i++) to[i] = values[from[i]] * absMax;
        }
    }
}
