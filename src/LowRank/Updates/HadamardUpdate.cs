// LoHa (FedPara, arXiv 2108.06098): ΔW = s·(w1a w1b) ⊙ (w2a w2b), s = α/r; its rank may reach r². With H = G ⊙ (the other product):
//   ∂w1a = s·H w1bᵀ,   ∂w1b = s·w1aᵀ H
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW is the element-wise product of two low-rank matrices.</summary>
public sealed class HadamardUpdate : MaterializedUpdate
{
    // Names as in PEFT.
    private readonly Parameter hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b;

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="rank">r of both.</param>
    /// <param name="scale">s.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public HadamardUpdate(long inFeatures, long outFeatures, long rank, double scale, ScalarType? dtype = null, Device? device = null)
        : base(nameof(HadamardUpdate), inFeatures, outFeatures)
    {
        if (rank < 1) throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must be at least 1; it is {rank}");
        Scale = scale;
        hada_w1_a = new Parameter(empty(outFeatures, rank, dtype, device).normal_(0, 0.1));
        hada_w1_b = new Parameter(empty(rank, inFeatures, dtype, device).normal_(0, 1));
        hada_w2_a = new Parameter(zeros(outFeatures, rank, dtype, device));
        hada_w2_b = new Parameter(empty(rank, inFeatures, dtype, device).normal_(0, 1));
        RegisterComponents();
    }

    /// <summary>s = α/r.</summary>
    public double Scale { get; }

    public override IReadOnlyList<UpdateTensor> Tensors =>
        [new("hada_w1_a", hada_w1_a), new("hada_w1_b", hada_w1_b), new("hada_w2_a", hada_w2_a), new("hada_w2_b", hada_w2_b)];

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var first = Product(hada_w1_a, hada_w1_b, dtype);
        using var second = Product(hada_w2_a, hada_w2_b, dtype);
        var delta = first.mul(second);
        delta.mul_(Scale);
        return delta;
    }

    protected override void DeltaBackward(Tensor delta, UpdateGradients gradients)
    {
        delta.mul_(Scale);
        Half(0, hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b);
        Half(2, hada_w2_a, hada_w2_b, hada_w1_a, hada_w1_b);

        void Half(int index, Parameter a, Parameter b, Parameter otherA, Parameter otherB)
        {
            if (!gradients.Wants(index) && !gradients.Wants(index + 1)) return;
            using var other = Product(otherA, otherB, delta.dtype);
            other.mul_(delta);                                                  // H [out, in]
            using var bTyped = b.detach().to(delta.dtype);
            using var bt = bTyped.t();
            using var aTyped = a.detach().to(delta.dtype);
            using var at = aTyped.t();
            if (gradients.Wants(index)) gradients.Set(index, other.mm(bt).to(a.dtype));             // [out, in] x [in, r]
            if (gradients.Wants(index + 1)) gradients.Set(index + 1, at.mm(other).to(b.dtype));     // [r, out] x [out, in]
        }
    }

    /// <summary>a b [out, in].</summary>
    private static Tensor Product(Parameter a, Parameter b, ScalarType dtype)
    {
        using var left = a.detach().to(dtype);
        using var right = b.detach().to(dtype);
        return left.mm(right);                                                  // [out, r] x [r, in] -> [out, in]
    }
}
