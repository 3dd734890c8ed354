// The storage formats on a GPU. What Quantization/*.cs does in loops over host memory, kernels do here on the weight's own device; codes and scales
// are the same bytes, so a weight may be quantized on either side and moved. Only sums may differ in their last bit: double quantization's mean.
// Nothing of a weight goes to the host but the answer to "is every number finite?" and that mean.
//
// The way of a product from a layer to a kernel:
//   QuantizedWeight.Multiply       a few rows of x by kernel; more of them by Dequantize (down the same way) and torch's own product
//   CudaStorage.TryMultiply        here: eight rows at a time
//   CudaQuantization.PlanMultiply4 checks devices, types and shapes; chooses kernel and grid: a KernelLaunch
//   KernelLauncher.Launch          the driver's, or a test's emulation
//   CudaModule                     NVRTC compiles the source at first use, CubinCache keeps the code, the driver loads it
//   CudaKernel.Launch              addresses, numbers, torch's current stream
//   kernels/matvec4.cu             the kernel
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Quantizing, dequantizing and multiplying by kernels, format by format.</summary>
internal static class CudaStorage
{
    /// <summary>Up to here the kernel reads its 4 bits a number (twice, above eight rows), where a dense product writes and reads 16 or 32 more.</summary>
    private const int MostRows = 2 * CudaQuantization.MaxTokens;

    public static FourBitTensor Quantize(FourBitFormat format, Tensor weight, string? name)
    {
        using var scope = NewDisposeScope();
        var (elements, device) = (weight.numel(), weight.device);
        var codes = empty([CudaQuantization.Blocks(elements, 2)], ScalarType.Byte, device);
        var absMax = empty([CudaQuantization.Blocks(elements, format.BlockSize)], ScalarType.Float32, device);
        var (_, sorted, order) = CudaTables.Of(format.Table, device);
        CudaQuantization.Quantize4(weight, sorted, order, format.BlockSize, codes, absMax);
        RequireFinite(absMax, weight, name);
        return Handed(new FourBitTensor(format, weight.shape, weight.dtype, codes, format.DoubleQuantization ? BlockScales.Double(absMax, name) : BlockScales.Plain(absMax)));
    }

    public static ThreeBitTensor Quantize(Nf3 format, Tensor weight, string? name)
    {
        using var scope = NewDisposeScope();
        var (elements, device) = (weight.numel(), weight.device);
        var codes = empty([ThreeBitKernels.Bytes(elements)], ScalarType.Byte, device);
        var absMax = empty([CudaQuantization.Blocks(elements, format.BlockSize)], ScalarType.Float32, device);
        CudaQuantization.Quantize3(weight, CudaTables.ThreeBits(device), format.BlockSize, codes, absMax);
        RequireFinite(absMax, weight, name);
        return Handed(new ThreeBitTensor(format, weight.shape, weight.dtype, codes, format.DoubleQuantization ? BlockScales.Double(absMax, name) : BlockScales.Plain(absMax)));
    }

    public static Int8DynamicTensor Quantize(Int8Dynamic format, Tensor weight, string? name)
    {
        using var scope = NewDisposeScope();
        var device = weight.device;
        var codes = empty(weight.shape, ScalarType.Byte, device);
        var absMax = empty([CudaQuantization.Blocks(weight.numel(), format.BlockSize)], ScalarType.Float32, device);
        CudaQuantization.Quantize8(weight, CudaTables.Dynamic(device), CudaTables.Zero(device), format.BlockSize, codes, absMax);
        RequireFinite(absMax, weight, name);
        return Handed(new Int8DynamicTensor(format, weight.shape, weight.dtype, codes, absMax));
    }

    public static Int8RowsTensor Quantize(Int8Rows format, Tensor weight, string? name)
    {
        using var scope = NewDisposeScope();
        var codes = empty(weight.shape, ScalarType.Int8, weight.device);
        var absMax = empty([weight.shape[0]], ScalarType.Float32, weight.device);
        CudaRowQuantization.QuantizeRows8(weight, codes, absMax);
        RequireFinite(absMax, weight, name, () => Int8Rows.BeyondFloat16(name));
        return Handed(new Int8RowsTensor(format, weight.shape, weight.dtype, codes, absMax));
    }

    public static GroupInt4Tensor Quantize(GroupInt4 format, Tensor weight, string? name)
    {
        using var scope = NewDisposeScope();
        var (rows, width, device) = (weight.shape[0], weight.shape[1], weight.device);
        var codes = empty([rows, CudaQuantization.Blocks(width, 2)], ScalarType.Byte, device);
        var scales = empty([rows, CudaQuantization.Blocks(width, format.GroupSize)], ScalarType.Float32, device);
        var zeros = empty_like(scales);
        CudaRowQuantization.QuantizeGroups4(weight, format.GroupSize, codes, scales, zeros);
        RequireFinite(scales, weight, name);
        return Handed(new GroupInt4Tensor(format, weight.shape, weight.dtype, codes, scales, zeros));
    }

    /// <summary>Writes elements [start, start + n) of the flat weight into n float32, bfloat16 or float16 numbers on its device.</summary>
    public static void Dequantize(FourBitTensor weight, long start, Tensor into)
    {
        var (table, size) = (CudaTables.Of(weight.Format.Table, into.device).Values, weight.Format.BlockSize);
        WholeBlocks(weight.Elements, size, start, into, (first, to) =>
        {
            using var codes = weight.Codes.narrow(0, first / 2, CudaQuantization.Blocks(to.numel(), 2));
            WithScales(weight.Scales, size, first, to, scales => CudaQuantization.PlanDequantize4(codes, scales, table, size, to, CudaRung.Final).Run());
        });
    }

    public static void Dequantize(ThreeBitTensor weight, long start, Tensor into)
    {
        var (table, size) = (CudaTables.ThreeBits(into.device), weight.Format.BlockSize);
        WholeBlocks(weight.Elements, size, start, into, (first, to) =>
        {
            using var codes = weight.Codes.narrow(0, ThreeBitKernels.Bytes(first), ThreeBitKernels.Bytes(to.numel()));
            WithScales(weight.Scales, size, first, to, scales => CudaQuantization.PlanDequantize3(codes, scales, table, size, to).Run());
        });
    }

    public static void Dequantize(Int8DynamicTensor weight, long start, Tensor into)
    {
        var size = weight.Format.BlockSize;
        WholeBlocks(weight.Elements, size, start, into, (first, to) =>
        {
            using var flat = weight.Codes.view(-1);
            using var codes = flat.narrow(0, first, to.numel());
            using var absMax = weight.AbsMax.narrow(0, first / size, CudaQuantization.Blocks(to.numel(), size));
            CudaQuantization.Dequantize8(codes, absMax, CudaTables.Dynamic(to.device), CudaTables.Zero(to.device), size, to);
        });
    }

    public static void Dequantize(Int8RowsTensor weight, long start, Tensor into)
    {
        var first = start / weight.Shape[1];
        using var codes = weight.Codes.narrow(0, first, into.shape[0]);
        using var absMax = weight.AbsMax.narrow(0, first, into.shape[0]);
        CudaRowQuantization.DequantizeRows8(codes, absMax, into);
    }

    public static void Dequantize(GroupInt4Tensor weight, long start, Tensor into)
    {
        var first = start / weight.Shape[1];
        using var codes = weight.Codes.narrow(0, first, into.shape[0]);
        using var scales = weight.Scales.narrow(0, first, into.shape[0]);
        using var zeros = weight.Zeros.narrow(0, first, into.shape[0]);
        CudaRowQuantization.DequantizeGroups4(codes, scales, zeros, weight.Format.GroupSize, into);
    }

    /// <summary>y [n, out] = x [n, in] Wᵀ, or added to y, W staying in 4 bits. False, and nothing done, for more rows than that pays for and
    /// for a type that no kernel has.</summary>
    public static bool TryMultiply(FourBitTensor weight, Tensor x, Tensor y, bool accumulate)
    {
        var n = x.shape[0];
        if (n > MostRows || x.dtype is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16) || x.dtype != y.dtype || !y.is_contiguous()) return false;
        using var rows = x.contiguous();
        var table = CudaTables.Of(weight.Format.Table, x.device).Values;
        for (long row = 0; row < n; row += CudaQuantization.MaxTokens)
        {
            var count = Math.Min(CudaQuantization.MaxTokens, n - row);
            using var from = rows.narrow(0, row, count);
            using var to = y.narrow(0, row, count);
            CudaQuantization.PlanMultiply4(from, weight.Codes, weight.Scales, table, weight.Format.BlockSize, to, CudaRung.Final, accumulate).Run();
        }
        return true;
    }

    /// <summary>Has [start, start + n) decoded as whole blocks: in place where it is that, else with what lies around it, and copied.</summary>
    private static void WholeBlocks(long elements, int size, long start, Tensor into, Action<long, Tensor> decode)
    {
        var end = start + into.numel();
        var (first, last) = (start / size * size, Math.Min(elements, CudaQuantization.Blocks(end, size) * size));
        if (first == start && last == end)
        {
            decode(first, into);
            return;
        }
        using var whole = empty([last - first], into.dtype, into.device);
        decode(first, whole);
        using var part = whole.narrow(0, start - first, into.numel());
        using var shaped = part.view(into.shape);
        into.copy_(shaped);
    }

    /// <summary>Has the blocks from element <paramref name="first"/> on decoded with their scales: all of them as they are, or some in float32,
    /// since quantized ones lie in blocks of their own, which begin elsewhere.</summary>
    private static void WithScales(BlockScales scales, int size, long first, Tensor to, Action<BlockScales> decode)
    {
        var (all, count) = (scales.AbsMax.numel(), CudaQuantization.Blocks(to.numel(), size));
        if (count == all)
        {
            decode(scales);
            return;
        }
        using var decoded = scales.Decoded();
        using var part = decoded.narrow(0, first / size, count);
        decode(part);
    }

    /// <summary>A number that is not finite has left a scale that is not. Then it is looked for, and named as the CPU names it.</summary>
    private static void RequireFinite(Tensor scales, Tensor weight, string? name, Func<ArgumentException>? otherwise = null)
    {
        using var scope = NewDisposeScope();
        if (scales.isfinite().all().item<bool>()) return;
        var places = weight.view(-1).isfinite().logical_not().nonzero();
        throw places.shape[0] == 0 && otherwise is not null ? otherwise() : Blocks.NotFiniteAt(weight, places.view(-1)[0].item<long>(), name);
    }

    /// <summary>Gives what was made here to the caller's dispose scope.</summary>
    private static T Handed<T>(T made) where T : QuantizedTensor
    {
        foreach (var tensor in made.Tensors) tensor.MoveToOuterDisposeScope();
        return made;
    }
}
