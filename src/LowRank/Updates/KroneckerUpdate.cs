// LoKr (LyCORIS, arXiv 2309.14859) and KronA (arXiv 2212.10650): ΔW = s·w1 ⊗ w2, s = α/r, each factor whole or a product of two thin
// ones. Row o = i·ok + k, column c = j·ik + l: ΔW[o, c] = s·w1[i, j] w2[k, l]. With G as P [(i j), (k l)]:
//   ∂vec(w1) = s·P vec(w2),   ∂vec(w2) = s·Pᵀ vec(w1)
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW is the Kronecker product of two small matrices.</summary>
public sealed class KroneckerUpdate : MaterializedUpdate
{
    // Names as in PEFT; w1 whole, or w1_a and w1_b, and the same of w2.
    private readonly Parameter? lokr_w1, lokr_w1_a, lokr_w1_b, lokr_w2, lokr_w2_a, lokr_w2_b;
    private readonly KroneckerShape shape;

    /// <param name="shape">The factors' sides, and which of them are thin.</param>
    /// <param name="scale">s.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public KroneckerUpdate(KroneckerShape shape, double scale, ScalarType? dtype = null, Device? device = null)
        : base(nameof(KroneckerUpdate), shape.In1 * shape.In2, shape.Out1 * shape.Out2)
    {
        (this.shape, Scale) = (shape, scale);
        Parameter Uniform(long rows, long columns) =>
            new(empty(rows, columns, dtype, device).uniform_(-1 / Math.Sqrt(columns), 1 / Math.Sqrt(columns)));
        if (shape.FirstIsThin)
            (lokr_w1_a, lokr_w1_b) = (new(zeros(shape.Out1, shape.Rank, dtype, device)), Uniform(shape.Rank, shape.In1));
        else lokr_w1 = new(zeros(shape.Out1, shape.In1, dtype, device));
        if (shape.SecondIsThin) (lokr_w2_a, lokr_w2_b) = (Uniform(shape.Out2, shape.Rank), Uniform(shape.Rank, shape.In2));
        else lokr_w2 = Uniform(shape.Out2, shape.In2);
        RegisterComponents();
    }

    /// <summary>s = α/r.</summary>
    public double Scale { get; }

    public override IReadOnlyList<UpdateTensor> Tensors => [.. First.Concat(Second)];

    private UpdateTensor[] First => lokr_w1 is not null ? [new("lokr_w1", lokr_w1)] : [new("lokr_w1_a", lokr_w1_a!), new("lokr_w1_b", lokr_w1_b!)];

    private UpdateTensor[] Second => lokr_w2 is not null ? [new("lokr_w2", lokr_w2)] : [new("lokr_w2_a", lokr_w2_a!), new("lokr_w2_b", lokr_w2_b!)];

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var first = Whole(First, dtype);
        using var second = Whole(Second, dtype);
        var delta = first.kron(second);                                         // [out1, in1] ⊗ [out2, in2] -> [out, in]
        delta.mul_(Scale);
        return delta;
    }

    protected override void DeltaBackward(Tensor delta, UpdateGradients gradients)
    {
        using var first = Whole(First, delta.dtype);
        using var second = Whole(Second, delta.dtype);
        using var split = delta.view(shape.Out1, shape.Out2, shape.In1, shape.In2);
        using var ordered = split.permute(0, 2, 1, 3);
        using var p = ordered.reshape(shape.Out1 * shape.In1, shape.Out2 * shape.In2);          // [(i j), (k l)]
        p.mul_(Scale);
        using var secondVector = second.reshape(-1);
        using var firstVector = first.reshape(-1);
        using var transposed = p.t();
        using var dFirst = p.mv(secondVector).view(shape.Out1, shape.In1);
        using var dSecond = transposed.mv(firstVector).view(shape.Out2, shape.In2);
        Hand(First, dFirst, 0, gradients);
        Hand(Second, dSecond, First.Length, gradients);
    }

    /// <summary>A factor's gradient, or those of its two thin ones.</summary>
    private static void Hand(UpdateTensor[] factor, Tensor gradient, int index, UpdateGradients gradients)
    {
        var dtype = factor[0].Value.dtype;
        if (factor.Length == 1)
        {
            if (gradients.Wants(index)) gradients.Set(index, gradient.to(dtype, copy: true));
            return;
        }
        using var a = factor[0].Value.detach().to(gradient.dtype);
        using var b = factor[1].Value.detach().to(gradient.dtype);
        using var at = a.t();
        using var bt = b.t();
        if (gradients.Wants(index)) gradients.Set(index, gradient.mm(bt).to(dtype));
        if (gradients.Wants(index + 1)) gradients.Set(index + 1, at.mm(gradient).to(dtype));
    }

    private static Tensor Whole(UpdateTensor[] factor, ScalarType dtype)
    {
        var a = factor[0].Value.detach().to(dtype);
        if (factor.Length == 1) return a;
        using (a)
        using (var b = factor[1].Value.detach().to(dtype)) return a.mm(b);
    }
}

/// <summary>The sides of w1 [out1, in1] and w2 [out2, in2], out = out1·out2 and in = in1·in2, and which are products of thin ones.</summary>
public readonly record struct KroneckerShape(long Out1, long Out2, long In1, long In2, long Rank, bool FirstIsThin, bool SecondIsThin)
{
    /// <summary>As PEFT chooses: out1 and in1 the largest divisors below the root; w2 thin where r is under half its larger side, w1
    /// too if it may be.</summary>
    public static KroneckerShape Of(long inFeatures, long outFeatures, long rank, bool decomposeBoth)
    {
        var (out1, in1) = (Divisor(outFeatures), Divisor(inFeatures));
        var (out2, in2) = (outFeatures / out1, inFeatures / in1);
        return new(out1, out2, in1, in2, rank, decomposeBoth && 2 * rank < Math.Max(out1, in1), 2 * rank < Math.Max(out2, in2));
    }

    private static long Divisor(long number)
    {
        for (var d = (long)Math.Sqrt(number); d > 1; d--)
            if (number % d == 0) return d;
        return 1;
    }
}
