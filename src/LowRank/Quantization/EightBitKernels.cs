// One block of 8-bit codes. The nearest of 256 values is found by a look-up of the number's upper 16 bits, which leaves two neighbours
// to choose from, and one comparison with the boundary between them: the same code as by 256 distances.
namespace LowRank;

internal static unsafe class EightBitKernels
{
    /// <summary>The codes of a block, and its absmax as it is to be stored. A full block is multiplied with 1 / absmax; a short last one
    /// is divided by it, and there 1e-38 stands for an absmax below it.</summary>
    public static float Quantize(EightBitTable table, float* x, int count, float absMax, bool full, byte* to)
    {
        var stored = full ? absMax : Math.Max(absMax, Blocks.Floor);
        var factor = 1 / Math.Max(absMax, Blocks.Floor);
        fixed (float* boundaries = table.Boundaries)
        fixed (byte* first = table.First)
            for (var i = 0; i < count; i++)
            {
                var scaled = full ? x[i] * factor : x[i] / stored;
                int code = first[BitConverter.SingleToUInt32Bits(scaled) >> 16];
                to[i] = (byte)(scaled > boundaries[code] ? code + 1 : code);
            }
        return stored;
    }

    /// <summary>The same by the definition, for comparison.</summary>
    public static float QuantizeByDistances(EightBitTable table, float* x, int count, float absMax, bool full, byte* to)
    {
        var stored = full ? absMax : Math.Max(absMax, Blocks.Floor);
        var factor = 1 / Math.Max(absMax, Blocks.Floor);
        for (var i = 0; i < count; i++) to[i] = (byte)table.Nearest(full ? x[i] * factor : x[i] / stored);
        return stored;
    }

    public static void Dequantize(EightBitTable table, byte* from, int count, float absMax, float* to)
    {
        fixed (float* values = table.Values)
            for (var i = 0; i < count; i++) to[i] = values[from[i]] * absMax;
    }
}
