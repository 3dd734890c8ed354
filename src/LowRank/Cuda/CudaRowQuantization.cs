// Storage with a scale for each row (int8), or for groups of a row (int4 with zeros), on a GPU: checks and launches of rows8.cu and group4.cu.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Row-wise int8 and group-wise int4 by CUDA kernels. Matrices are [rows, width], contiguous.</summary>
public static class CudaRowQuantization
{
    /// <summary>codes = round(127 x / absmax of the row), x taken in float16.</summary>
    /// <param name="x">[rows, width], float32, bfloat16 or float16; a number that is not finite in float16 leaves its row's absmax not finite.</param>
    /// <param name="codes">[rows, width] int8; written.</param>
    /// <param name="absmax">[rows] float32; written.</param>
    public static void QuantizeRows8(Tensor x, Tensor codes, Tensor absmax) => PlanQuantizeRows8(x, codes, absmax).Run();

    internal static KernelLaunch PlanQuantizeRows8(Tensor x, Tensor codes, Tensor absmax)
    {
        var (device, rows, width) = CheckRows(x, codes, absmax, nameof(x));
        return new("rows8.cu", "quantize_rows8" + CudaQuantization.TypeName(x), device, Warps(rows), [x, codes, absmax, rows, width]);
    }

    /// <summary>output = codes · (absmax of the row / 127); see <see cref="QuantizeRows8"/>.</summary>
    public static void DequantizeRows8(Tensor codes, Tensor absmax, Tensor output) => PlanDequantizeRows8(codes, absmax, output).Run();

    internal static KernelLaunch PlanDequantizeRows8(Tensor codes, Tensor absmax, Tensor output)
    {
        var (device, rows, width) = CheckRows(output, codes, absmax, nameof(output));
        return new("rows8.cu", "dequantize_rows8" + CudaQuantization.TypeName(output), device, Warps(rows), [codes, absmax, output, rows, width]);
    }

    /// <summary>codes = round(x / scale + zero) in 0 … 15, with scale and zero of each group of neighbours in a row.</summary>
    /// <param name="x">[rows, width], float32, bfloat16 or float16; a number that is not finite makes its group's scale a NaN.</param>
    /// <param name="groupSize">From 1 on; a row's last group may be shorter.</param>
    /// <param name="codes">[rows, ⌈width / 2⌉] bytes, an even input in the high nibble; written.</param>
    /// <param name="scales">[rows, ⌈width / groupSize⌉] float32; written.</param>
    /// <param name="zeros">As the scales; written.</param>
    public static void QuantizeGroups4(Tensor x, int groupSize, Tensor codes, Tensor scales, Tensor zeros) => PlanQuantizeGroups4(x, groupSize, codes, scales, zeros).Run();

    internal static KernelLaunch PlanQuantizeGroups4(Tensor x, int groupSize, Tensor codes, Tensor scales, Tensor zeros)
    {
        var (device, rows, width) = CheckGroups(x, groupSize, codes, scales, zeros, nameof(x));
        return new("group4.cu", "quantize_group4" + CudaQuantization.TypeName(x), device, Warps(rows), [x, codes, scales, zeros, rows, width, groupSize]);
    }

    /// <summary>output = scale · (code − zero); see <see cref="QuantizeGroups4"/>.</summary>
    public static void DequantizeGroups4(Tensor codes, Tensor scales, Tensor zeros, int groupSize, Tensor output) =>
        PlanDequantizeGroups4(codes, scales, zeros, groupSize, output).Run();

    internal static KernelLaunch PlanDequantizeGroups4(Tensor codes, Tensor scales, Tensor zeros, int groupSize, Tensor output)
    {
        var (device, rows, width) = CheckGroups(output, groupSize, codes, scales, zeros, nameof(output));
        return new("group4.cu", "dequantize_group4" + CudaQuantization.TypeName(output), device, Warps(rows), [codes, scales, zeros, output, rows, width, groupSize]);
    }

    private static (Device Device, int Rows, int Width) CheckRows(Tensor numbers, Tensor codes, Tensor absmax, string name)
    {
        var (device, rows, width) = CheckMatrix(numbers, name);
        CudaQuantization.Expect(codes, device, ScalarType.Int8, (long)rows * width, nameof(codes));
        CudaQuantization.Expect(absmax, device, ScalarType.Float32, rows, nameof(absmax));
        return (device, rows, width);
    }

    private static (Device Device, int Rows, int Width) CheckGroups(Tensor numbers, int groupSize, Tensor codes, Tensor scales, Tensor zeros, string name)
    {
        if (groupSize < 1) throw new ArgumentOutOfRangeException(nameof(groupSize), groupSize, "a group has at least one input");
        var (device, rows, width) = CheckMatrix(numbers, name);
        var groups = CudaQuantization.Blocks(width, groupSize);
        CudaQuantization.Expect(codes, device, ScalarType.Byte, rows * CudaQuantization.Blocks(width, 2), nameof(codes));
        CudaQuantization.Expect(scales, device, ScalarType.Float32, rows * groups, nameof(scales));
        CudaQuantization.Expect(zeros, device, ScalarType.Float32, rows * groups, nameof(zeros));
        return (device, rows, width);
    }

    private static (Device Device, int Rows, int Width) CheckMatrix(Tensor numbers, string name)
    {
        var shape = numbers.shape;
        if (shape.Length != 2 || shape[0] > int.MaxValue || shape[1] is < 1 or > int.MaxValue)
            throw new ArgumentException($"{name} is [{string.Join(", ", shape)}]; a matrix [rows, width] is wanted, each below 2^31 and a width of 1 at least");
        CudaQuantization.ExpectFloat(numbers, numbers.device, numbers.NumberOfElements, name);
        return (numbers.device, (int)shape[0], (int)shape[1]);
    }

    private static long Warps(int rows) => CudaQuantization.Blocks(rows, CudaQuantization.Warps);
}
