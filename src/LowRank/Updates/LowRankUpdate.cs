// LoRA (arXiv 2106.09685): ΔW = s·BA with A [r, in], B [out, r]; s = α/r, or α/√r (rsLoRA, arXiv 2312.03732).
// The scale is folded into the small matrix B, never into a product of n tokens.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How A starts; B starts at 0, so ΔW does too.</summary>
public enum LoraInit
{
    /// <summary>A uniform in ±1/√in (kaiming with a = √5, as PEFT and loralib do).</summary>
    Kaiming,

    /// <summary>A normal with standard deviation 1/r.</summary>
    Gaussian,
}

/// <summary>ΔW = s·BA, and a trained bias on B if it was asked for.</summary>
public sealed class LowRankUpdate : Update
{
    // Names as in PEFT, so that gradients, optimizers' groups and error messages speak its language.
    private readonly Parameter lora_A;
    private readonly Parameter lora_B;
    private readonly Parameter? lora_bias;

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="rank">r; it may exceed in and out, which only wastes memory.</param>
    /// <param name="scale">s, what BA is multiplied with.</param>
    /// <param name="bias">Also train a bias on B; it is scaled like B.</param>
    /// <param name="init">How A starts.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public LowRankUpdate(long inFeatures, long outFeatures, long rank, double scale, bool bias = false,
        LoraInit init = LoraInit.Kaiming, ScalarType? dtype = null, Device? device = null)
        : base(nameof(LowRankUpdate), inFeatures, outFeatures)
    {
        if (rank < 1) throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must be at least 1; it is {rank}");
        if (!double.IsFinite(scale))
            throw new ArgumentOutOfRangeException(nameof(scale), $"the scale must be a finite number; it is {scale}");
        Rank = rank;
        Scale = scale;
        var a = empty(rank, inFeatures, dtype, device);
        var bound = 1 / Math.Sqrt(inFeatures);
        _ = init == LoraInit.Kaiming ? a.uniform_(-bound, bound) : a.normal_(0, 1.0 / rank);
        lora_A = new Parameter(a);
        lora_B = new Parameter(zeros(outFeatures, rank, dtype, device));
        if (bias) lora_bias = new Parameter(zeros(outFeatures, dtype, device));
        RegisterComponents();
    }

    public long Rank { get; }

    /// <summary>s = α/r or α/√r.</summary>
    public double Scale { get; }

    /// <summary>A [r, in].</summary>
    public Parameter A => lora_A;

    /// <summary>B [out, r].</summary>
    public Parameter B => lora_B;

    /// <summary>The bias on B [out], before scaling, or null.</summary>
    public Parameter? Bias => lora_bias;

    public override IReadOnlyList<UpdateTensor> Tensors => lora_bias is null
        ? [new("lora_A.weight", lora_A), new("lora_B.weight", lora_B)]
        : [new("lora_A.weight", lora_A), new("lora_B.weight", lora_B), new("lora_B.bias", lora_bias)];

    public override Tensor Reader => lora_A;

    public override bool ReaderTrains => lora_A.requires_grad;

    public override Tensor? Offset() => lora_bias?.detach().mul(Scale);

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var scaled = ScaledB(y.dtype);
        using var transposed = scaled.t();
        y.addmm_(reads!, transposed);                             // [n, r] x [r, out] -> [n, out]
        if (lora_bias is null) return;
        using var offset = Offset()!;
        y.add_(offset);
    }

    public override void Backward(UpdateGradients gradients)
    {
        if (gradients.ReadsGradient is { } dReads)
        {
            using var scaled = ScaledB(dReads.dtype);
            gradients.DyTimes(scaled, dReads);                                  // [n, out] x [out, r] -> [n, r]
        }
        if (gradients.Wants(1))
        {
            var gradient = gradients.DyTransposedTimes(gradients.Reads!);       // [out, n] x [n, r] -> [out, r]
            gradient.mul_(Scale);
            gradients.Set(1, gradient);
        }
        if (lora_bias is not null && gradients.Wants(2))
        {
            var gradient = gradients.Dy.sum(0, type: lora_bias.dtype);
            gradient.mul_(Scale);
            gradients.Set(2, gradient);
        }
    }

    public override void ReaderBackward(Tensor gradient, UpdateGradients gradients) => gradients.Set(0, gradient);

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var a = lora_A.to(dtype);
        using var b = ScaledB(dtype);
        return b.mm(a);                                                         // [out, r] x [r, in] -> [out, in]
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var constant = lora_A.detach();
        using var a = constant.to(dense.dtype);
        using var b = ScaledB(dense.dtype);
        return dense.addmm(b, a);                                               // [out, in] + [out, r] x [r, in]
    }

    /// <summary>‖W + sBA‖² = ‖W‖² + 2s·rowsum((W Aᵀ) ⊙ B) + s²·rowsum((B (A Aᵀ)) ⊙ B), without anything out×in.</summary>
    public override Tensor RowNormSquared(FrozenWeight weight)
    {
        var wide = FrozenWeight.Wide(weight.DataType);
        using var a = lora_A.to(wide);
        using var at = a.t();
        using var b = ScaledB(wide);
        using var wa = weight.OverRows(rows => rows.mm(at));                    // [m, in] x [in, r] -> [m, r]
        using var aa = a.mm(at);                                                // [r, in] x [in, r] -> [r, r]
        using var baa = b.mm(aa);                                               // [out, r] x [r, r] -> [out, r]
        using var ownTerms = baa.mul(b);
        using var own = ownTerms.sum(1);                                        // s²·rowsum((B A Aᵀ) ⊙ B)
        wa.mul_(b);
        using var cross = wa.sum(1);                                            // s·rowsum((W Aᵀ) ⊙ B)
        using var scaleOfTerms = weight.RowNormSquared().add(own);
        var norm = scaleOfTerms.add(cross, 2);
        RecomputeCancelled(weight, norm, scaleOfTerms, at, b);
        return norm;
    }

    /// <summary>
    /// Where W and sBA nearly cancel, the sum above keeps only the rounding errors of its terms: such rows are computed from W +
    /// sBA itself.
    /// </summary>
    private static void RecomputeCancelled(FrozenWeight weight, Tensor norm, Tensor scaleOfTerms, Tensor at, Tensor b)
    {
        const double Cancelled = 1.0 / 8;
        using var limit = scaleOfTerms.mul(Cancelled);
        using var cancelled = norm.le(limit);
        using var found = cancelled.nonzero();
        if (found.shape[0] == 0) return;
        using var rows = found.squeeze(1);
        using var dense = weight.Dequantize();
        using var chosen = dense.index_select(0, rows);
        using var w = chosen.to(norm.dtype);
        using var bRows = b.index_select(0, rows);
        using var a = at.t();
        using var sum = w.addmm(bRows, a);                                      // [m, in] + [m, r] x [r, in]
        using var length = linalg.vector_norm(sum, 2, [1]);
        using var exact = length.square();
        norm.index_copy_(0, rows, exact);
    }

    /// <summary>s·B [out, r] in the given type.</summary>
    private Tensor ScaledB(ScalarType dtype)
    {
        using var b = lora_B.detach();
        using var typed = b.to(dtype);
        return typed.mul(Scale);
    }
}
