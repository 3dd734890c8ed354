// Blockwise storage on a GPU: checks, the choice of a kernel, the launch. The contracts are those of kernels/*.cu, the rules of rounding too.
// Everything is checked before anything is queued. Nothing here waits for the GPU.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>3-bit, 4-bit and 8-bit blockwise storage by CUDA kernels.</summary>
public static class CudaQuantization
{
    internal const int Warps = KernelLaunch.Threads / 32;

    /// <summary>Most tokens that <see cref="Multiply4"/> takes.</summary>
    public const int MaxTokens = 8;

    /// <summary>out[e] = table[code[e]] · absmax[e / blockSize].</summary>
    /// <param name="packed">Bytes, (n + 1) / 2: an even element's code in the high nibble.</param>
    /// <param name="absmax">[⌈n / blockSize⌉] float32.</param>
    /// <param name="table">[16] float32, by code.</param>
    /// <param name="blockSize">A power of two from 32 to 4096.</param>
    /// <param name="output">n elements, float32, bfloat16 or float16; written.</param>
    /// <param name="rung">Which kernel; memory that is not aligned to 16 bytes always takes the first.</param>
    public static void Dequantize4(Tensor packed, Tensor absmax, Tensor table, int blockSize, Tensor output, CudaRung rung = CudaRung.Final) =>
        PlanDequantize4(packed, absmax, table, blockSize, output, rung).Run();

    internal static KernelLaunch PlanDequantize4(Tensor packed, BlockScales scales, Tensor table, int blockSize, Tensor output, CudaRung rung)
    {
        var (device, n, shift) = Check4(packed, scales, blockSize, output, nameof(output));
        Expect(table, device, ScalarType.Float32, 16, nameof(table));
        if (!Aligned(packed, output)) rung = CudaRung.Naive;
        var perThread = rung == CudaRung.Naive ? 1 : 16 / output.ElementSize * (rung == CudaRung.Final ? 4 : 1);
        return new("dequantize4.cu", "dequantize4" + Infix(rung) + TypeName(output), device, Blocks(n, KernelLaunch.Threads * perThread), [packed, .. Arguments(scales), table, output, n, shift]);
    }

    /// <summary>The codes and absmax of x; see <see cref="Dequantize4"/> for the shapes.</summary>
    /// <param name="x">n elements, float32, bfloat16 or float16; finite.</param>
    /// <param name="sorted">[16] float32: the table in ascending order.</param>
    /// <param name="codes">[16] bytes: the code of each value of <paramref name="sorted"/>.</param>
    /// <param name="blockSize">A power of two from 32 to 4096.</param>
    /// <param name="packed">Written.</param>
    /// <param name="absmax">Written.</param>
    public static void Quantize4(Tensor x, Tensor sorted, Tensor codes, int blockSize, Tensor packed, Tensor absmax) =>
        PlanQuantize4(x, sorted, codes, blockSize, packed, absmax).Run();

    internal static KernelLaunch PlanQuantize4(Tensor x, Tensor sorted, Tensor codes, int blockSize, Tensor packed, Tensor absmax)
    {
        var (device, n, shift) = Check4(packed, absmax, blockSize, x, nameof(x));
        Expect(sorted, device, ScalarType.Float32, 16, nameof(sorted));
        Expect(codes, device, ScalarType.Byte, 16, nameof(codes));
        return new("quantize4.cu", "quantize4" + TypeName(x), device, Blocks(Blocks(n, blockSize), Warps), [x, sorted, codes, packed, absmax, n, shift]);
    }

    /// <summary>y = x Wᵀ for a few tokens, W staying in 4 bits; sums in float32.</summary>
    /// <param name="x">[tokens, in], 1 to 8 tokens; float32, bfloat16 or float16.</param>
    /// <param name="packed">W's codes: bytes, (out · in + 1) / 2.</param>
    /// <param name="absmax">[⌈out · in / blockSize⌉] float32.</param>
    /// <param name="table">[16] float32, by code.</param>
    /// <param name="blockSize">A power of two from 32 to 4096.</param>
    /// <param name="y">[tokens, out], x's type; written.</param>
    /// <param name="rung">Which kernel; an <c>in</c> that 32 does not divide, or memory not aligned to 16 bytes, always takes the first.</param>
    /// <param name="accumulate">Add to what y holds.</param>
    public static void Multiply4(Tensor x, Tensor packed, Tensor absmax, Tensor table, int blockSize, Tensor y, CudaRung rung = CudaRung.Final, bool accumulate = false) =>
        PlanMultiply4(x, packed, absmax, table, blockSize, y, rung, accumulate).Run();

    internal static KernelLaunch PlanMultiply4(Tensor x, Tensor packed, BlockScales scales, Tensor table, int blockSize, Tensor y, CudaRung rung, bool accumulate = false)
    {
        if (x.dim() != 2 || y.dim() != 2 || x.shape[0] != y.shape[0] || x.dtype != y.dtype)
            throw new ArgumentException($"x [tokens, in] and y [tokens, out] of one type are wanted; they are {Describe(x)} and {Describe(y)}");
        var (tokens, inFeatures, outFeatures) = (x.shape[0], x.shape[1], y.shape[1]);
        if (tokens is < 1 or > MaxTokens)
            throw new ArgumentException($"x has {tokens} tokens; this product takes 1 to {MaxTokens}: for more, dequantize and multiply");
        if (inFeatures > int.MaxValue || outFeatures > int.MaxValue) throw new ArgumentException($"W [{outFeatures}, {inFeatures}] is too large");
        var device = x.device;
        var shift = Shift(blockSize);
        ExpectFloat(x, device, tokens * inFeatures, nameof(x));
        ExpectFloat(y, device, tokens * outFeatures, nameof(y));
        ExpectStorage(packed, Blocks(outFeatures * inFeatures, 2), scales, device, outFeatures * inFeatures, blockSize);
        Expect(table, device, ScalarType.Float32, 16, nameof(table));
        if (inFeatures % 32 != 0 || !Aligned(packed, x)) rung = CudaRung.Naive;
        var (i, o, add) = ((int)inFeatures, (int)outFeatures, accumulate ? 1 : 0);
        if (rung != CudaRung.Final)
            return new("matvec4.cu", "matvec4" + Infix(rung) + TypeName(x), device, Blocks(o, Warps), [x, packed, .. Arguments(scales), table, y, i, o, shift, add], (int)tokens);
        var compiled = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)tokens);
        return new("matvec4.cu", $"matvec4{TypeName(x)}_t{compiled}", device, Blocks(o, 2 * Warps), [x, packed, .. Arguments(scales), table, y, (int)tokens, i, o, shift, add]);
    }

    /// <summary>The 3-bit codes and absmax of x.</summary>
    /// <param name="x">n elements, float32, bfloat16 or float16; finite.</param>
    /// <param name="table">[8] float32, by code, ascending.</param>
    /// <param name="blockSize">A power of two from 32 to 4096.</param>
    /// <param name="packed">Bytes, 3 ⌈n / 8⌉: eight codes in three, the first in the lowest bits of the first; written.</param>
    /// <param name="absmax">[⌈n / blockSize⌉] float32; written.</param>
    public static void Quantize3(Tensor x, Tensor table, int blockSize, Tensor packed, Tensor absmax) => PlanQuantize3(x, table, blockSize, packed, absmax).Run();

    internal static KernelLaunch PlanQuantize3(Tensor x, Tensor table, int blockSize, Tensor packed, Tensor absmax)
    {
        var (device, n, shift) = Check3(packed, absmax, table, blockSize, x, nameof(x));
        return new("blockwise3.cu", "quantize3" + TypeName(x), device, Blocks(Blocks(n, blockSize), Warps), [x, table, packed, absmax, n, shift]);
    }

    /// <summary>out[e] = table[code[e]] · absmax[e / blockSize]; see <see cref="Quantize3"/>.</summary>
    public static void Dequantize3(Tensor packed, Tensor absmax, Tensor table, int blockSize, Tensor output) => PlanDequantize3(packed, absmax, table, blockSize, output).Run();

    internal static KernelLaunch PlanDequantize3(Tensor packed, BlockScales scales, Tensor table, int blockSize, Tensor output)
    {
        var (device, n, shift) = Check3(packed, scales, table, blockSize, output, nameof(output));
        var (infix, perThread) = Aligned(output, output) ? ("", 4 * 16 / output.ElementSize) : ("_naive", 1);
        return new("blockwise3.cu", "dequantize3" + infix + TypeName(output), device, Blocks(n, KernelLaunch.Threads * perThread), [packed, .. Arguments(scales), table, output, n, shift]);
    }

    /// <summary>codes[e] = the place in <paramref name="map"/> nearest to (x[e] − offset) / absmax of its block.</summary>
    /// <param name="x">n elements, float32, bfloat16 or float16; finite.</param>
    /// <param name="map">[256] float32, ascending.</param>
    /// <param name="offset">[1] float32: double quantization's mean of absmax, else 0.</param>
    /// <param name="blockSize">A power of two from 32 to 4096.</param>
    /// <param name="codes">n bytes; written.</param>
    /// <param name="absmax">[⌈n / blockSize⌉] float32; written.</param>
    public static void Quantize8(Tensor x, Tensor map, Tensor offset, int blockSize, Tensor codes, Tensor absmax) =>
        PlanQuantize8(x, map, offset, blockSize, codes, absmax).Run();

    internal static KernelLaunch PlanQuantize8(Tensor x, Tensor map, Tensor offset, int blockSize, Tensor codes, Tensor absmax)
    {
        var (device, n, shift) = Check8(codes, absmax, map, offset, blockSize, x, nameof(x));
        return new("blockwise8.cu", "quantize8" + TypeName(x), device, Blocks(Blocks(n, blockSize), Warps), [x, map, offset, codes, absmax, n, shift]);
    }

    /// <summary>out[e] = map[codes[e]] · absmax[e / blockSize] + offset; see <see cref="Quantize8"/>.</summary>
    public static void Dequantize8(Tensor codes, Tensor absmax, Tensor map, Tensor offset, int blockSize, Tensor output) =>
        PlanDequantize8(codes, absmax, map, offset, blockSize, output).Run();

    internal static KernelLaunch PlanDequantize8(Tensor codes, Tensor absmax, Tensor map, Tensor offset, int blockSize, Tensor output)
    {
        var (device, n, shift) = Check8(codes, absmax, map, offset, blockSize, output, nameof(output));
        return new("blockwise8.cu", "dequantize8" + TypeName(output), device, Blocks(n, KernelLaunch.Threads), [codes, absmax, map, offset, output, n, shift]);
    }

    private static (Device Device, long Count, int Shift) Check4(Tensor packed, BlockScales scales, int blockSize, Tensor numbers, string name)
    {
        var (device, n, shift) = (numbers.device, numbers.NumberOfElements, Shift(blockSize));
        ExpectFloat(numbers, device, n, name);
        ExpectStorage(packed, Blocks(n, 2), scales, device, n, blockSize);
        return (device, n, shift);
    }

    private static (Device Device, long Count, int Shift) Check3(Tensor packed, BlockScales scales, Tensor table, int blockSize, Tensor numbers, string name)
    {
        var (device, n, shift) = (numbers.device, numbers.NumberOfElements, Shift(blockSize));
        ExpectFloat(numbers, device, n, name);
        ExpectStorage(packed, ThreeBitKernels.Bytes(n), scales, device, n, blockSize);
        Expect(table, device, ScalarType.Float32, 8, nameof(table));
        return (device, n, shift);
    }

    private static (Device Device, long Count, int Shift) Check8(Tensor codes, Tensor absmax, Tensor map, Tensor offset, int blockSize, Tensor numbers, string name)
    {
        var (device, n, shift) = (numbers.device, numbers.NumberOfElements, Shift(blockSize));
        ExpectFloat(numbers, device, n, name);
        Expect(codes, device, ScalarType.Byte, n, nameof(codes));
        Expect(absmax, device, ScalarType.Float32, Blocks(n, blockSize), nameof(absmax));
        Expect(map, device, ScalarType.Float32, 256, nameof(map));
        Expect(offset, device, ScalarType.Float32, 1, nameof(offset));
        return (device, n, shift);
    }

    private static void ExpectStorage(Tensor packed, long bytes, BlockScales scales, Device device, long n, int blockSize)
    {
        var blocks = Blocks(n, blockSize);
        Expect(packed, device, ScalarType.Byte, bytes, nameof(packed));
        Expect(scales.AbsMax, device, scales.Nested is null ? ScalarType.Float32 : ScalarType.Byte, blocks, "absmax");
        if (scales.Nested is { } nested) Expect(nested, device, ScalarType.Float32, Blocks(blocks, BlockScales.NestedBlock), "absmax of absmax");
    }

    /// <summary>What a kernel's SCALES_PARAMETERS take.</summary>
    private static CudaArgument[] Arguments(BlockScales scales) => scales.Nested is { } nested
        ? [nested, scales.AbsMax, CudaTables.Dynamic(nested.device), scales.Offset] : [scales.AbsMax, CudaArgument.Null, CudaArgument.Null, 0f];

    internal static void Expect(Tensor tensor, Device device, ScalarType type, long count, string name)
    {
        if (tensor.dtype != type || tensor.NumberOfElements != count)
            throw new ArgumentException($"{name} is {Describe(tensor)}; {count} elements of {type} are wanted");
        if (tensor.device_type != device.type || tensor.device_index != device.index)
            throw new ArgumentException($"{name} is on {tensor.device}, the others on {device}");
        if (!tensor.is_contiguous()) throw new ArgumentException($"{name} is not contiguous; call .contiguous() first");
    }

    internal static void ExpectFloat(Tensor tensor, Device device, long count, string name)
    {
        if (tensor.dtype is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16))
            throw new ArgumentException($"{name} is {tensor.dtype}; float32, bfloat16 and float16 have kernels");
        Expect(tensor, device, tensor.dtype, count, name);
    }

    internal static long Blocks(long count, long size) => (count + size - 1) / size;

    /// <summary>log₂ of a block size.</summary>
    internal static int Shift(int blockSize) => blockSize is >= 32 and <= 4096 && int.IsPow2(blockSize) ? int.Log2(blockSize)
        : throw new ArgumentOutOfRangeException(nameof(blockSize), blockSize, "a block is 32, 64, 128, …, 4096 elements");

    internal static string TypeName(Tensor tensor) => tensor.dtype switch { ScalarType.Float32 => "_f32", ScalarType.BFloat16 => "_bf16", _ => "_fp16" };

    private static string Infix(CudaRung rung) => rung switch { CudaRung.Naive => "_naive", CudaRung.Vector => "_vector", CudaRung.SharedTable => "_shared", _ => "" };

    private static bool Aligned(Tensor first, Tensor second) => ((CudaArgument.Address(first) | CudaArgument.Address(second)) & 15) == 0;

    private static string Describe(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}] {tensor.dtype}";
}
