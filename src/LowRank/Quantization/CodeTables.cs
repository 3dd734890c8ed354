// The values that codes stand for, and the boundaries between them. A code is the nearest value's; on a tie the lower one's, so
// code = how many boundaries lie strictly below the scaled number. Sources: QLoRA (arXiv 2305.14314, appendix E) for NF4; FP4 has a sign,
// two bits of exponent and one of mantissa; 8-bit Optimizers (arXiv 2110.02861, section 1.3) for the dynamic map.
namespace LowRank;

/// <summary>A 4-bit code: 16 values in the order of their codes.</summary>
internal sealed class FourBitTable
{
    /// <summary>NF4: quantiles of a normal distribution with an exact 0 and ±1, ascending.</summary>
    public static readonly FourBitTable Nf4 = new("nf4",
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ]);

    /// <summary>FP4: code + 8 is the negative. Codes 0 and 8 both stand for 0, in that order where values are sorted.</summary>
    public static readonly FourBitTable Fp4 = new("fp4",
    [
        0, 0.0625f / 12, 8f / 12, 1, 4f / 12, 6f / 12, 2f / 12, 3f / 12,
        0, -0.0625f / 12, -8f / 12, -1, -4f / 12, -6f / 12, -2f / 12, -3f / 12,
    ]);

    private FourBitTable(string name, float[] values)
    {
        Name = name;
        Values = values;
        Order = [.. Enumerable.Range(0, 16).OrderBy(code => values[code]).ThenBy(code => code)];
        Boundaries = new float[16];
        for (var i = 0; i < 15; i++) Boundaries[i] = (values[Order[i]] + values[Order[i + 1]]) / 2;
        Boundaries[15] = float.PositiveInfinity;
        Pairs = new float[512];
        for (var i = 0; i < 256; i++) (Pairs[2 * i], Pairs[2 * i + 1]) = (values[i >> 4], values[i & 15]);
        ZeroCode = Order[Boundaries.Count(boundary => 0 > boundary)];

        Array.Fill(CellBoundaries, float.PositiveInfinity);
        for (var i = 0; i < 15; i++)
        {
            var cell = Cell(Boundaries[i]);
            for (var above = cell + 1; above < CellCount; above++) CellRanks[above]++;
            if (float.IsInfinity(CellBoundaries[cell])) CellBoundaries[cell] = Boundaries[i];
            else if (float.IsInfinity(CellBoundaries[CellCount + cell])) CellBoundaries[CellCount + cell] = Boundaries[i];
            else throw new InvalidOperationException($"{name} has three boundaries in one cell");
        }
        Simple = Order.SequenceEqual(Enumerable.Range(0, 16)) && CellBoundaries[CellCount..].All(float.IsInfinity);
    }

    /// <summary>[-1, 1] in so many cells of one width.</summary>
    public const int CellCount = 32;

    /// <summary>A cell's number is x · this + half of them, rounded down; so 0 begins one.</summary>
    public const float CellsPerOne = (CellCount - 1) / 2f;

    /// <summary>The cell of a number from -1 to 1 (or one bit beyond); it never falls where the number grows.</summary>
    public static int Cell(float x) => (int)MathF.FusedMultiplyAdd(x, CellsPerOne, CellCount / 2);

    public string Name { get; }

    /// <summary>The value of each code.</summary>
    public float[] Values { get; }

    /// <summary>The codes in ascending order of their values.</summary>
    public int[] Order { get; }

    /// <summary>The 15 midpoints of neighbours in float32, and infinity.</summary>
    public float[] Boundaries { get; }

    /// <summary>Both values of each byte, the high nibble's first.</summary>
    public float[] Pairs { get; }

    /// <summary>How many boundaries lie below each cell.</summary>
    public int[] CellRanks { get; } = new int[CellCount];

    /// <summary>The boundary within each cell, and after all of these the second one; infinity where there is none.</summary>
    public float[] CellBoundaries { get; } = new float[2 * CellCount];

    /// <summary>Do codes ascend with their values, and has no cell two boundaries?</summary>
    public bool Simple { get; }

    /// <summary>What 0 becomes, and what an odd count is filled up with.</summary>
    public int ZeroCode { get; }
}

/// <summary>An 8-bit code: 256 values, ascending.</summary>
internal sealed class EightBitTable
{
    /// <summary>The dynamic map with a sign: 64 steps in the top decade, half as many in each below, down to 1e-7; -0.993 to 1.</summary>
    public static readonly EightBitTable Dynamic = new(DynamicMap(signed: true));

    /// <summary>The dynamic map without: for numbers that are never negative, as Adam's second moment.</summary>
    public static readonly EightBitTable DynamicUnsigned = new(DynamicMap(signed: false));

    private EightBitTable(float[] values)
    {
        Values = values;
        Boundaries = new float[256];
        for (var i = 0; i < 255; i++) Boundaries[i] = Boundary(values[i], values[i + 1]);
        Boundaries[255] = float.PositiveInfinity;
        Planes = new byte[1024];
        for (var i = 0; i < 1024; i++) Planes[i] = (byte)(BitConverter.SingleToInt32Bits(values[i % 256]) >> i / 256 * 8);
        const int Halves = 1 << 16;
        First = new byte[Halves + 3];
        for (var i = 0; i < Halves; i++)
        {
            // Both ends of the numbers with these upper bits; the smaller one of them decides where the search begins.
            var (a, b) = (BitConverter.Int32BitsToSingle(i << 16), BitConverter.Int32BitsToSingle(i << 16 | 0xffff));
            First[i] = float.IsNaN(a) || float.IsNaN(b) ? (byte)0 : (byte)Nearest(Math.Min(a, b));
        }
    }

    /// <summary>The value of each code.</summary>
    public float[] Values { get; }

    /// <summary>The largest number that still gets the lower one of two neighbours; infinity after the last.</summary>
    public float[] Boundaries { get; }

    /// <summary>The values' lowest bytes, then their second ones, …</summary>
    public byte[] Planes { get; }

    /// <summary>The code of the least number with given upper 16 bits. At most one boundary lies among them. 3 bytes more, so that each can be
    /// loaded as the first of four.</summary>
    public byte[] First { get; }

    /// <summary>The nearest value's code by distances in float32, the lower one on a tie: the definition.</summary>
    public int Nearest(float x)
    {
        var (best, least) = (0, float.PositiveInfinity);
        for (var code = 0; code < 256; code++)
            if (Math.Abs(x - Values[code]) is var distance && distance < least) (best, least) = (code, distance);
        return best;
    }

    /// <summary>The same by a look-up and one comparison.</summary>
    public int Code(float x)
    {
        int code = First[BitConverter.SingleToUInt32Bits(x) >> 16];
        return x > Boundaries[code] ? code + 1 : code;
    }

    /// <summary>Distances are rounded, so a boundary is not quite the midpoint; it is found by halving, since rounding is monotone.</summary>
    private static float Boundary(float lower, float upper)
    {
        for (float low = lower, high = upper; ;)
        {
            var middle = (float)(((double)low + high) / 2);
            if (middle == low || middle == high) return low;
            if (Math.Abs(middle - upper) < Math.Abs(middle - lower)) high = middle;
            else low = middle;
        }
    }

    /// <summary>0, 1 and, for each of 7 exponents e, the centres of equal parts of [0.1, 1] times 10^e; with a sign also their negatives,
    /// in half as many parts.</summary>
    private static float[] DynamicMap(bool signed)
    {
        const int Exponents = 7;
        var values = new List<float>();
        for (var i = 0; i < Exponents; i++)
        {
            var parts = signed ? 1 << i : 2 << i;
            var step = (1 - 0.1f) / parts;
            float Edge(int part) => part < (parts + 1) / 2                      // counted from the nearer end, rounded once
                ? MathF.FusedMultiplyAdd(step, part, 0.1f) : MathF.FusedMultiplyAdd(-step, parts - part, 1);
            for (var part = 0; part < parts; part++)
            {
                var centre = (float)Math.Pow(10, i - Exponents + 1) * ((Edge(part) + Edge(part + 1)) / 2);
                values.Add(centre);
                if (signed) values.Add(-centre);
            }
        }
        values.AddRange([0, 1]);
        values.Sort();
        return [.. values];
    }
}
