// AdaLoRA's form (arXiv 2303.10512, eq. 3): ΔW = s·P diag(λ) Q with P [out, r], Q [r, in], s = α/(r + 1e-5) as its code and PEFT's
// have it. λ starts at 0, P and Q normal with 0.02. Which directions are kept is a training policy's business (AdaLoraPolicy): it
// zeroes elements of λ; nothing here is cut, so a direction can return, and s stays, so a cut changes nothing of what is kept.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW = s·P diag(λ) Q.</summary>
public sealed class SvdUpdate : Update
{
    // Names as in PEFT.
    private readonly Parameter lora_A;
    private readonly Parameter lora_B;
    private readonly Parameter lora_E;

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="rank">r; 0 for a layer whose directions a budget had all taken away when it was saved.</param>
    /// <param name="alpha">α.</param>
    /// <param name="scaleRank">The rank that the scale divides by, if the adapter was trained with more directions than are here.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public SvdUpdate(long inFeatures, long outFeatures, long rank, double alpha, long? scaleRank = null, ScalarType? dtype = null, Device? device = null)
        : base(nameof(SvdUpdate), inFeatures, outFeatures)
    {
        if (rank < 0) throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must not be negative; it is {rank}");
        (Rank, Alpha, ScaleRank) = (rank, alpha, scaleRank ?? rank);
        lora_A = new Parameter(empty(rank, inFeatures, dtype, device).normal_(0, 0.02));
        lora_B = new Parameter(empty(outFeatures, rank, dtype, device).normal_(0, 0.02));
        lora_E = new Parameter(zeros(rank, 1, dtype, device));
        RegisterComponents();
    }

    public long Rank { get; }

    public double Alpha { get; }

    /// <summary>The rank at the start of training: what the scale divides by.</summary>
    public long ScaleRank { get; }

    /// <summary>s.</summary>
    public double Scale => Alpha / (ScaleRank + 1e-5);

    /// <summary>P [out, r].</summary>
    public Parameter P => lora_B;

    /// <summary>λ [r, 1].</summary>
    public Parameter Lambda => lora_E;

    /// <summary>Q [r, in].</summary>
    public Parameter Q => lora_A;

    public override IReadOnlyList<UpdateTensor> Tensors => [new("lora_A", lora_A), new("lora_B", lora_B), new("lora_E", lora_E)];

    public override Tensor Reader => lora_A;

    public override bool ReaderTrains => lora_A.requires_grad;

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var scaled = ScaledP(y.dtype);
        using var transposed = scaled.t();
        y.addmm_(reads!, transposed);                                           // [n, r] x [r, out] -> [n, out]
    }

    public override void Backward(UpdateGradients gradients)
    {
        using var scaled = gradients.ReadsGradient is { } dReads ? ScaledP(dReads.dtype) : null;
        var inner = gradients.OfReads(gradients.Wants(1) || gradients.Wants(2), scaled);        // [n, out] x [out, r], [out, n] x [n, r]
        if (inner is null) return;
        inner.mul_(Scale);
        if (gradients.Wants(2))
        {
            using var p = lora_B.detach();
            using var products = inner.mul(p);
            using var sums = products.sum(0L, type: lora_E.dtype);
            gradients.Set(2, sums.view(Rank, 1).clone());
        }
        if (gradients.Wants(1))
        {
            using var lambda = Row(inner.dtype);
            inner.mul_(lambda);
            gradients.Set(1, inner);
        }
        else inner.Dispose();
    }

    public override void ReaderBackward(Tensor gradient, UpdateGradients gradients) => gradients.Set(0, gradient);

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var q = lora_A.to(dtype);
        using var p = ScaledP(dtype);
        return p.mm(q);                                                         // [out, r] x [r, in] -> [out, in]
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var constant = lora_A.detach();
        using var q = constant.to(dense.dtype);
        using var p = ScaledP(dense.dtype);
        return RankSum.Of(dense, p, q);                                             // [out, in] + [out, r] x [r, in]
    }

    /// <summary>s·P diag(λ) [out, r].</summary>
    private Tensor ScaledP(ScalarType dtype)
    {
        using var constant = lora_B.detach();
        using var p = constant.to(dtype);
        using var lambda = Row(dtype);
        var scaled = p.mul(lambda);
        scaled.mul_(Scale);
        return scaled;
    }

    /// <summary>λ as [1, r].</summary>
    private Tensor Row(ScalarType dtype)
    {
        using var constant = lora_E.detach();
        using var row = constant.view(1, Rank);
        return row.to(dtype, copy: true);
    }
}
