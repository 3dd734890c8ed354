// The 8-bit AdamW step and DoRA's row norm on a GPU: checks and launches of adamw8.cu and rownorm.cu.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Kernels of training steps.</summary>
public static class CudaSteps
{
    /// <summary>Values in a block of the 8-bit moments.</summary>
    public const int MomentBlock = 256;

    /// <summary>One step of AdamW whose moments are 8-bit codes; changes everything but the gradient and the maps.</summary>
    /// <param name="parameter">n elements, float32, bfloat16 or float16.</param>
    /// <param name="gradient">As the parameter.</param>
    /// <param name="first">The first moment: n bytes and [⌈n / 256⌉] float32.</param>
    /// <param name="second">The second moment.</param>
    /// <param name="map1">[256] float32, ascending, signed: the first moment's values.</param>
    /// <param name="map2">[256] float32, ascending, without sign: the second moment's.</param>
    /// <param name="step">This step's number, from 1.</param>
    /// <param name="learningRate">The learning rate.</param>
    /// <param name="beta1">The first moment's decay.</param>
    /// <param name="beta2">The second moment's decay.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="weightDecay">λ: the parameter is multiplied by 1 − learningRate · λ first.</param>
    /// <param name="left">[1] int64, if given: takes the least of itself and mark + e, e the first element of a block of 256 in which a moment
    /// is not finite. Such a block is left as it was, given or not.</param>
    /// <param name="mark">What tells this call's blocks from others' in <paramref name="left"/>.</param>
    public static void AdamW8(Tensor parameter, Tensor gradient, (Tensor Codes, Tensor AbsMax) first, (Tensor Codes, Tensor AbsMax) second, Tensor map1, Tensor map2,
        long step, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, Tensor? left = null, long mark = 0) =>
        PlanAdamW8(parameter, gradient, first, second, map1, map2, step, learningRate, beta1, beta2, epsilon, weightDecay, left, mark).Run();

    internal static KernelLaunch PlanAdamW8(Tensor parameter, Tensor gradient, (Tensor Codes, Tensor AbsMax) first, (Tensor Codes, Tensor AbsMax) second, Tensor map1, Tensor map2,
        long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, Tensor? left = null, long mark = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        var device = parameter.device;
        var n = parameter.NumberOfElements;
        var blocks = CudaQuantization.Blocks(n, MomentBlock);
        CudaQuantization.ExpectFloat(parameter, device, n, nameof(parameter));
        CudaQuantization.Expect(gradient, device, parameter.dtype, n, nameof(gradient));
        foreach (var (moment, name) in new[] { (first, nameof(first)), (second, nameof(second)) })
        {
            CudaQuantization.Expect(moment.Codes, device, ScalarType.Byte, n, name + "'s codes");
            CudaQuantization.Expect(moment.AbsMax, device, ScalarType.Float32, blocks, name + "'s absmax");
        }
        CudaQuantization.Expect(map1, device, ScalarType.Float32, 256, nameof(map1));
        CudaQuantization.Expect(map2, device, ScalarType.Float32, 256, nameof(map2));
        if (left is not null) CudaQuantization.Expect(left, device, ScalarType.Int64, 1, nameof(left));

        var rates = new AdamW8Kernel.Rates(step, learningRate, beta1, beta2, epsilon, weightDecay);
        return new("adamw8.cu", "adamw8" + CudaQuantization.TypeName(parameter), device, blocks,
        [
            parameter, gradient, first.Codes, second.Codes, first.AbsMax, second.AbsMax, map1, map2, n,
            left is null ? CudaArgument.Null : left, mark, rates.Beta1, rates.Rest1, rates.Beta2, rates.Rest2,
            rates.Decay, rates.StepSize, rates.Epsilon,
        ]);
    }

    /// <summary>Can <see cref="DoraRowNorm"/> run on this device? Everywhere else torch's operators give the same norm.</summary>
    internal static bool HasDoraRowNorm(Device device) => KernelLauncher.Current.CanRun("rownorm.cu", device);

    /// <summary>‖W_o + s B_o A‖ of each row from products that are at hand, all float32 (DoRA, arXiv 2402.09353, eq. 5). Rows whose terms nearly
    /// cancel are computed from W and A.</summary>
    /// <param name="w">[out, in].</param>
    /// <param name="a">[r, in].</param>
    /// <param name="squares">[out]: ‖W_o‖².</param>
    /// <param name="wa">[out, r]: W Aᵀ.</param>
    /// <param name="b">[out, r].</param>
    /// <param name="gram">[r, r]: A Aᵀ.</param>
    /// <param name="scale">s.</param>
    /// <param name="norm">[out]; written.</param>
    public static void DoraRowNorm(Tensor w, Tensor a, Tensor squares, Tensor wa, Tensor b, Tensor gram, double scale, Tensor norm) =>
        PlanDoraRowNorm(w, a, squares, wa, b, gram, scale, norm).Run();

    internal static KernelLaunch PlanDoraRowNorm(Tensor w, Tensor a, Tensor squares, Tensor wa, Tensor b, Tensor gram, double scale, Tensor norm)
    {
        if (b.dim() != 2) throw new ArgumentException($"b is [{string.Join(", ", b.shape)}]; [out, r] is wanted");
        if (w.dim() != 2) throw new ArgumentException($"w is [{string.Join(", ", w.shape)}]; [out, in] is wanted");
        var (device, rows, width, rank) = (b.device, (int)b.shape[0], (int)w.shape[1], (int)b.shape[1]);
        CudaQuantization.Expect(w, device, ScalarType.Float32, (long)rows * width, nameof(w));
        CudaQuantization.Expect(a, device, ScalarType.Float32, (long)rank * width, nameof(a));
        CudaQuantization.Expect(b, device, ScalarType.Float32, b.NumberOfElements, nameof(b));
        CudaQuantization.Expect(wa, device, ScalarType.Float32, b.NumberOfElements, nameof(wa));
        CudaQuantization.Expect(squares, device, ScalarType.Float32, rows, nameof(squares));
        CudaQuantization.Expect(norm, device, ScalarType.Float32, rows, nameof(norm));
        CudaQuantization.Expect(gram, device, ScalarType.Float32, (long)rank * rank, nameof(gram));
        return new("rownorm.cu", "dora_row_norm", device, CudaQuantization.Blocks(rows, CudaQuantization.Warps),
            [squares, wa, b, gram, w, a, norm, rows, width, rank, (float)scale]);
    }
}
