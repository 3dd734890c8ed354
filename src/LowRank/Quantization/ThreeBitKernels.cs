// Runs of 3-bit codes: eight of them are a number of 24 bits, three bytes with the lowest first, and the first code in its lowest bits.
//   quantize     code = how many boundaries lie below x / absmax, in 3 comparisons
//   dequantize   x = value[code] · absmax
// With vectors the 8 values, and the 8 codes of three bytes, are one register each: a permutation is the look-up, and it reads the lowest
// three bits of an index alone. Both ways give the same bits.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank;

internal static unsafe class ThreeBitKernels
{
    /// <summary>Codes in three bytes.</summary>
    public const int Group = 8;

    /// <summary>The value of each code, ascending: see <see cref="Nf3"/>.</summary>
    public static readonly float[] Values = [-1, -0.5350227355957031f, -0.24693143367767334f, 0, 0.1833374798297882f, 0.38199394941329956f, 0.6229857206344604f, 1];

    /// <summary>The 7 midpoints of neighbours in float32, and infinity. A number on one gets the lower value.</summary>
    public static readonly float[] Boundaries = [.. Values.Zip(Values.Skip(1), (low, high) => (low + high) / 2), float.PositiveInfinity];

    /// <summary>What 0 becomes, and what a group is filled up with.</summary>
    public const int ZeroCode = 3;

    /// <summary>Has this processor the vectors?</summary>
    public static bool HasVectors { get; } = Avx2.IsSupported;

    private static Vector256<uint> Shifts => Vector256.Create(0u, 3, 6, 9, 12, 15, 18, 21);

    /// <summary>The definition: the nearest value's code, the lower value on a tie.</summary>
    public static int Code(float scaled)
    {
        var code = 0;
        for (var step = 4; step > 0; step /= 2)
            if (scaled > Boundaries[code + step - 1]) code += step;
        return code;
    }

    /// <summary>Bytes that so many codes take.</summary>
    public static long Bytes(long count) => (count + Group - 1) / Group * 3;

    /// <summary>The codes of x[i] · factor; a last group is filled up with the code of 0.</summary>
    public static void Quantize(float* x, int count, float factor, byte* to, bool vectors)
    {
        var i = 0;
        if (vectors)
            fixed (float* boundaries = Boundaries)
            {
                Vector256<float> bounds = Vector256.Load(boundaries), middle = Vector256.Create(boundaries[3]), scale = Vector256.Create(factor);
                Vector256<int> one = Vector256<int>.One, two = one + one, four = two + two;
                for (; i + Group <= count; i += Group, to += 3)
                {
                    var v = Vector256.Load(x + i) * scale;
                    var code = Vector256.GreaterThan(v, middle).AsInt32() & four;
                    code += Vector256.GreaterThan(v, Avx2.PermuteVar8x32(bounds, code + one)).AsInt32() & two;
                    code += Vector256.GreaterThan(v, Avx2.PermuteVar8x32(bounds, code)).AsInt32() & one;
                    var placed = Avx2.ShiftLeftLogicalVariable(code.AsUInt32(), Shifts);
                    var half = placed.GetLower() | placed.GetUpper();
                    var pair = half.AsUInt64().ToScalar() | half.AsUInt64().GetElement(1);
                    Write((uint)pair | (uint)(pair >> 32), to);
                }
            }
        for (; i < count; i += Group, to += 3)
        {
            var bits = 0u;
            for (var j = 0; j < Group; j++) bits |= (uint)(i + j < count ? Code(x[i + j] * factor) : ZeroCode) << (3 * j);
            Write(bits, to);
        }
    }

    /// <summary>Elements [skip, skip + count) of a block whose codes begin at <paramref name="from"/>.</summary>
    public static void Dequantize(byte* from, int skip, int count, float absMax, float* to, bool vectors)
    {
        var i = 0;
        if (vectors)
        {
            for (; i < count && (skip + i) % Group != 0; i++) to[i] = One(from, skip + i, absMax);
            var scaled = Vector256.Create(Values) * absMax;                     // the products, once a block
            var codes = from + (skip + i) / Group * 3;
            for (; i + Group <= count; i += Group, codes += 3)
                Avx2.PermuteVar8x32(scaled, Avx2.ShiftRightLogicalVariable(Vector256.Create(Read(codes)), Shifts).AsInt32()).Store(to + i);
        }
        for (; i < count; i++) to[i] = One(from, skip + i, absMax);
    }

    private static float One(byte* from, int element, float absMax) => Values[Read(from + element / Group * 3) >> (element % Group * 3) & 7] * absMax;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Read(byte* from) => *(ushort*)from | (uint)from[2] << 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(uint bits, byte* to)
    {
        *(ushort*)to = (ushort)bits;
        to[2] = (byte)(bits >> 16);
    }
}
