// The rungs of the 4-bit kernels by name, to be read, compared and timed: what each step from a plain loop to the kernel in use brings.
using System.Diagnostics;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>4-bit dequantizing and multiplying as one rung does it; <see cref="CudaQuantization"/> has the GPU's. The library itself always takes
/// <see cref="CpuRung.AllCores"/>.</summary>
public static class CpuLadder
{
    /// <summary>The rungs that this processor has, from the plainest on.</summary>
    public static IReadOnlyList<CpuRung> Rungs { get; } = [.. Enum.GetValues<CpuRung>().Where(rung => rung <= FourBitKernels.Best || rung == CpuRung.AllCores)];

    /// <summary>Writes the weight into a contiguous tensor of its shape on the CPU: float32, bfloat16, float16 or float64.</summary>
    /// <exception cref="ArgumentException">Another shape, type or device.</exception>
    /// <exception cref="PlatformNotSupportedException">The processor has no such vectors.</exception>
    public static void Dequantize(FourBitTensor weight, Tensor into, CpuRung rung)
    {
        Check(rung);
        weight.DequantizeRows(0, into, rung);
    }

    /// <summary>y = x Wᵀ from the codes, W never written down; products and sums in float32. Where 8 does not divide <c>in</c> (2 for
    /// <see cref="CpuRung.PairTable"/>), the scalar rung does it.</summary>
    /// <param name="x">[tokens, in] of any number of tokens, each of which costs a pass's arithmetic; float32, bfloat16 or float16, contiguous.</param>
    /// <param name="weight">W [out, in].</param>
    /// <param name="y">[tokens, out] as x; written.</param>
    /// <param name="rung">Which kernel.</param>
    /// <exception cref="ArgumentException">Other shapes, types or devices.</exception>
    /// <exception cref="PlatformNotSupportedException">The processor has no such vectors.</exception>
    public static void Multiply(Tensor x, FourBitTensor weight, Tensor y, CpuRung rung)
    {
        Check(rung);
        if (weight.Rows() is not { } rows) throw new ArgumentException($"a product wants a matrix; the weight is [{string.Join(", ", weight.Shape)}]");
        foreach (var (name, tensor, width) in new[] { ("x", x, weight.Shape[1]), ("y", y, weight.Shape[0]) })
        {
            if (tensor.dim() != 2 || tensor.shape[1] != width || tensor.shape[0] != x.shape[0])
                throw new ArgumentException($"for a weight [{string.Join(", ", weight.Shape)}] x is [tokens, in] and y [tokens, out]; {name} is [{string.Join(", ", tensor.shape)}]");
            if (!QuantizedProduct.CanUse(tensor))
                throw new ArgumentException($"{name} is {tensor.dtype} on {tensor.device}; contiguous float32, bfloat16 or float16 on the CPU are wanted");
        }
        if (x.shape[0] > 0) QuantizedProduct.Run(weight, rows, x, y, accumulate: false, rung);
    }

    /// <summary>10⁹ bytes a second in the fastest of several runs, which take a quarter of a second together (or one run).</summary>
    /// <param name="bytes">What a run reads or writes, as you count it: a weight's <see cref="QuantizedTensor.Bytes"/>, or those of the numbers
    /// that it becomes.</param>
    /// <param name="run">What is measured.</param>
    public static double GigabytesPerSecond(long bytes, Action run)
    {
        run();                                                                  // compiled, and its memory touched
        var fastest = double.PositiveInfinity;
        for (var all = Stopwatch.StartNew(); ;)
        {
            var start = Stopwatch.GetTimestamp();
            run();
            fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalSeconds);
            if (all.Elapsed.TotalSeconds > 0.25) return bytes / fastest / 1e9;
        }
    }

    private static void Check(CpuRung rung)
    {
        if (!Rungs.Contains(rung)) throw new PlatformNotSupportedException($"this processor has no {rung}; it has {string.Join(", ", Rungs)}");
    }
}
