// A pass over a weight in pieces that fit the first-level cache: nothing of the weight's size is made beside it. A NaN or an infinity is an
// error that names the tensor and the place, found before anything is handed out.
using System.Buffers;
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class Blocks
{
    /// <summary>The least number that is divided by.</summary>
    public const float Floor = 1e-38f;

    /// <summary>Elements taken at once: the largest block.</summary>
    public const int Unit = 4096;

    /// <summary>The smallest block.</summary>
    public const int Smallest = 32;

    /// <summary>From this bit pattern on, a number without its sign is an infinity or no number.</summary>
    public const int NotFinite = 0x7f800000;

    /// <summary>What is done with elements [start, start + count), as float32. False: one of them is not finite.</summary>
    public delegate bool Pass(long start, int count, float* values);

    public static void CheckSize(int blockSize)
    {
        if (blockSize is < Smallest or > Unit || !int.IsPow2(blockSize))
            throw new ArgumentException($"a block has 32, 64, … or 4096 elements, a power of two; asked for {blockSize}");
    }

    /// <summary>Can this tensor be quantized?</summary>
    public static void CheckSource(Tensor weight, string? name)
    {
        if (weight.dtype is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16))
            throw new ArgumentException($"{Named(name)} is of {weight.dtype}; quantize float32, bfloat16 or float16: .to(...) first");
        if (weight.device_type != TorchSharp.DeviceType.CPU && !KernelLauncher.Has(weight))
            throw new ArgumentException($"{Named(name)} is on {weight.device}; codes are made on the CPU and on CUDA devices: .cpu() first");
        if (weight.numel() == 0) throw new ArgumentException($"{Named(name)} is empty: [{string.Join(", ", weight.shape)}]");
    }

    /// <summary>Calls a pass for pieces of <paramref name="unit"/> elements, on several threads. The weight is contiguous.</summary>
    public static void Run(Tensor weight, int unit, string? name, Pass pass)
    {
        var (start, type, elements, bad) = (Elements.Start(weight), weight.dtype, weight.numel(), long.MaxValue);
        CpuRows.For((elements + unit - 1) / unit, unit, (begin, end) =>
        {
            var rented = type == ScalarType.Float32 ? null : ArrayPool<float>.Shared.Rent(unit);
            fixed (float* buffer = rented)
                for (var piece = begin; piece < end; piece++)
                {
                    var (first, count) = (piece * unit, (int)Math.Min(unit, elements - piece * unit));
                    var values = Elements.Read(start, type, first, count, buffer);
                    if (!pass(first, count, values)) Lower(ref bad, first + FirstNotFinite(values, count));
                }
            if (rented is not null) ArrayPool<float>.Shared.Return(rented);
        });
        GC.KeepAlive(weight);
        if (bad == long.MaxValue) return;
        throw NotFiniteAt(weight, bad, name);
    }

    public static ArgumentException NotFiniteAt(Tensor weight, long index, string? name)
    {
        using var flat = weight.view(-1);
        using var found = flat[index];
        using var wide = found.to(ScalarType.Float32);
        return new($"{Named(name)} has {wide.item<float>()} at flat index {index} of {weight.numel()}; only finite numbers can be quantized");
    }

    public static string Named(string? name) => name is null ? "the weight" : $"\"{name}\"";

    private static int FirstNotFinite(float* values, int count)
    {
        var i = 0;
        while (i < count - 1 && float.IsFinite(values[i])) i++;
        return i;
    }

    private static void Lower(ref long least, long value)
    {
        for (var seen = Volatile.Read(ref least); value < seen;)
        {
            var before = Interlocked.CompareExchange(ref least, value, seen);
            if (before == seen) return;
            seen = before;
        }
    }
}
