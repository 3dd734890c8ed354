// One block of 8-bit codes. The nearest of 256 values is found by a look-up of the number's upper 16 bits, which leaves two neighbours
// to choose from, and one comparison with the boundary between them: the same code as by 256 distances.
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
        var factor = 1 / least;
        fixed (float* boundaries = table.Boundaries)
        fixed (byte* first = table.First)
            for (var i = 0; i < count; i++)
            {
                var scaled = x[i] * factor;
                int code = first[BitConverter.SingleToUInt32Bits(scaled) >> 16];
                to[i] = (byte)(code + (scaled > boundaries[code] ? 1 : 0));
            }
        return absMax;
    }

    public static void Dequantize(EightBitTable table, byte* from, int count, float absMax, float* to)
    {
        fixed (float* values = table.Values)
            for (var i = 0; i < count; i++) to[i] = values[from[i]] * absMax;
    }
}
