// One step of AdamW whose moments are 8-bit codes in blocks of 256 ("8-bit Optimizers", arXiv 2110.02861), on the CPU: what
// adamw8.cu does on a GPU, and the same bits.
//   m = β₁ m + (1 − β₁) g;  v = β₂ v + (1 − β₂) g²;  p = decay · p − stepSize · m / (√v + ε');  m and v are coded again
// The parameter moves by the moments before they are rounded. A block's moments are float32 in the first-level cache only, 2 KB for each
// thread. A short last block is filled up with zeros, so that no loop has a rest.
using System.Numerics;
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class AdamW8Kernel
{
    public const int Block = CudaSteps.MomentBlock;

    public static long Blocks(long elements) => (elements + Block - 1) / Block;

    /// <summary>What a step multiplies by; both bias corrections are in <see cref="StepSize"/> and <see cref="Epsilon"/>.</summary>
    public readonly struct Rates(long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay)
    {
        public readonly float Beta1 = (float)beta1, Rest1 = (float)(1 - beta1), Beta2 = (float)beta2, Rest2 = (float)(1 - beta2);
        public readonly float Decay = (float)(1 - learningRate * weightDecay);
        public readonly float StepSize = (float)(learningRate * Math.Sqrt(1 - Math.Pow(beta2, step)) / (1 - Math.Pow(beta1, step)));
        public readonly float Epsilon = (float)(epsilon * Math.Sqrt(1 - Math.Pow(beta2, step)));
    }

    /// <summary>Steps contiguous tensors; all but the gradient are changed where they lie.</summary>
    /// <param name="values">[n] float32, bfloat16 or float16.</param>
    /// <param name="gradient">As the values.</param>
    /// <param name="first">The first moment: [n] bytes and [⌈n / 256⌉] float32.</param>
    /// <param name="second">The second moment.</param>
    /// <param name="rates">The rates.</param>
    /// <returns>Where the first block begins that has a moment that is not finite, or -1. Such a block is left as it was.</returns>
    public static long Run(Tensor values, Tensor gradient, (Tensor Codes, Tensor AbsMax) first, (Tensor Codes, Tensor AbsMax) second, Rates rates)
    {
        var (p, g, type, n) = (Elements.Start(values), Elements.Start(gradient), values.dtype, values.NumberOfElements);
        byte* codes1 = Elements.Bytes(first.Codes), codes2 = Elements.Bytes(second.Codes);
        float* absMax1 = Elements.Singles(first.AbsMax), absMax2 = Elements.Singles(second.AbsMax);
        var (bad, gate) = (long.MaxValue, new Lock());
        CpuRows.For(Blocks(n), Block, (begin, end) =>
        {
            var buffers = stackalloc float[4 * Block];
            for (var block = begin; block < end; block++)
            {
                var start = block * Block;
                var count = (int)Math.Min(Block, n - start);
                if (count < Block) new Span<float>(buffers, 4 * Block).Clear();
                float* weights = Read(p, type, start, count, buffers), slopes = Read(g, type, start, count, buffers + Block);
                var finite = Step(weights, slopes, codes1 + start, codes2 + start, ref absMax1[block], ref absMax2[block], count,
                    buffers + 2 * Block, buffers + 3 * Block, rates);
                if (!finite)
                    lock (gate) bad = Math.Min(bad, start);
                else if (weights == buffers) Elements.Write(buffers, p, type, start, count);
            }
        });
        GC.KeepAlive((values, gradient, first, second));
        return bad == long.MaxValue ? -1 : bad;
    }

    /// <summary>The numbers where they lie, or in the buffer: another type, and a short block, behind which the buffer has zeros.</summary>
    private static float* Read(nint from, ScalarType type, long start, int count, float* buffer)
    {
        var x = Elements.Read(from, type, start, count, buffer);
        if (count == Block || x == buffer) return x;
        new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(buffer, count));
        return buffer;
    }

    /// <summary>One block: the moments come from their codes, are mixed with the gradient, move the weights and are coded again. False, and
    /// nothing is changed: one of them is not finite.</summary>
    private static bool Step(float* p, float* g, byte* codes1, byte* codes2, ref float absMax1, ref float absMax2, int count, float* m, float* v, in Rates r)
    {
        EightBitKernels.Dequantize(EightBitTable.Dynamic, codes1, count, absMax1, m, FourBitKernels.Best);
        EightBitKernels.Dequantize(EightBitTable.DynamicUnsigned, codes2, count, absMax2, v, FourBitKernels.Best);
        for (var i = 0; i < Block; i += Vector<float>.Count)
        {
            var gradient = Vector.Load(g + i);
            Vector.Store(Vector.Load(m + i) * r.Beta1 + gradient * r.Rest1, m + i);
            Vector.Store(Vector.Load(v + i) * r.Beta2 + gradient * gradient * r.Rest2, v + i);
        }
        var (most1, most2) = (FourBitKernels.AbsMaxBits(m, Block, FourBitKernels.Best), FourBitKernels.AbsMaxBits(v, Block, FourBitKernels.Best));
        if (Math.Max(most1, most2) >= LowRank.Blocks.NotFinite) return false;
        var epsilon = new Vector<float>(r.Epsilon);
        for (var i = 0; i < Block; i += Vector<float>.Count)
            Vector.Store(Vector.Load(p + i) * r.Decay - Vector.Load(m + i) / (Vector.SquareRoot(Vector.Load(v + i)) + epsilon) * r.StepSize, p + i);
        absMax1 = Encode(EightBitTable.Dynamic, m, most1, codes1);
        absMax2 = Encode(EightBitTable.DynamicUnsigned, v, most2, codes2);
        return true;

        float Encode(EightBitTable table, float* x, int most, byte* to) =>
            EightBitKernels.Quantize(table, x, count, BitConverter.Int32BitsToSingle(most), full: count == Block, ScalarType.Float32, to, FourBitKernels.Best);
    }

    /// <summary>Codes as float32 numbers.</summary>
    public static void Decode(EightBitTable table, Tensor codes, Tensor absMax, Tensor to)
    {
        var n = codes.NumberOfElements;
        var from = Elements.Bytes(codes);
        float* scale = Elements.Singles(absMax), x = Elements.Singles(to);
        for (long start = 0; start < n; start += Block)
            EightBitKernels.Dequantize(table, from + start, (int)Math.Min(Block, n - start), scale[start / Block], x + start, FourBitKernels.Best);
        GC.KeepAlive((codes, absMax, to));
    }

    /// <summary>Codes of float32 numbers. A block whose codes stand for its numbers already keeps them bit for bit, as coding twice would
    /// not: -1 has no code, so the largest magnitude shrinks where it is negative.</summary>
    public static void Encode(EightBitTable table, Tensor from, Tensor codes, Tensor absMax)
    {
        var n = codes.NumberOfElements;
        var to = Elements.Bytes(codes);
        float* x = Elements.Singles(from), scale = Elements.Singles(absMax);
        var before = stackalloc float[Block];
        for (long start = 0; start < n; start += Block)
        {
            var count = (int)Math.Min(Block, n - start);
            EightBitKernels.Dequantize(table, to + start, count, scale[start / Block], before, FourBitKernels.Best);
            if (new ReadOnlySpan<float>(x + start, count).SequenceEqual(new ReadOnlySpan<float>(before, count))) continue;
            var most = BitConverter.Int32BitsToSingle(FourBitKernels.AbsMaxBits(x + start, count, FourBitKernels.Best));
            scale[start / Block] = EightBitKernels.Quantize(table, x + start, count, most, full: count == Block, ScalarType.Float32, to + start, FourBitKernels.Best);
        }
        GC.KeepAlive((from, codes, absMax));
    }
}
