// VeRA (arXiv 2310.11454, eq. 2): ΔW = diag(b) B diag(d) A with A [r, in] and B [out, r] frozen and shared by all layers; b [out] and
// d [r] train. There is no α.
//
// A wide r makes x Aᵀ as dear as a product with W. The gradients then come from G = dyᵀ x [out, in], which A meets only once:
//   H = G Aᵀ [out, r],   ∂b_o = Σ_k H_ok B_ok d_k,   ∂d_k = Σ_o H_ok B_ok b_o
// A narrow r reads x as other methods do, and H = dyᵀ (x Aᵀ).
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW = diag(b) B diag(d) A over projections that many layers share.</summary>
public sealed class VeraUpdate : Update
{
    private readonly Parameter vera_lambda_b;
    private readonly Parameter vera_lambda_d;
    private readonly VeraProjections projections;
    private readonly bool reads;

    /// <param name="inFeatures">Columns of ΔW, at most those of the shared A.</param>
    /// <param name="outFeatures">Rows of ΔW, at most those of the shared B.</param>
    /// <param name="projections">A and B; this layer takes A[:, :in] and B[:out, :].</param>
    /// <param name="initialD">What every element of d starts as.</param>
    /// <param name="dtype">Of the trained vectors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public VeraUpdate(long inFeatures, long outFeatures, VeraProjections projections, double initialD = 0.1,
        ScalarType? dtype = null, Device? device = null) : base(nameof(VeraUpdate), inFeatures, outFeatures)
    {
        if (inFeatures > projections.InFeatures || outFeatures > projections.OutFeatures)
            throw new ArgumentException($"the layer is [{outFeatures}, {inFeatures}]; the shared projections reach only " +
                $"[{projections.OutFeatures}, {projections.InFeatures}]");
        this.projections = projections;
        Rank = projections.Rank;
        reads = Reads(Rank, inFeatures, outFeatures);
        vera_lambda_b = new Parameter(zeros(outFeatures, dtype, device));
        vera_lambda_d = new Parameter(full([Rank], initialD, dtype, device));
        RegisterComponents();
    }

    /// <summary>Is r narrow enough to read x as other methods do?</summary>
    internal static bool Reads(long rank, long inFeatures, long outFeatures) => rank * (inFeatures + outFeatures) < inFeatures * outFeatures;

    public long Rank { get; }

    /// <summary>b [out], one factor an output.</summary>
    public Parameter B => vera_lambda_b;

    /// <summary>d [r], one factor a direction.</summary>
    public Parameter D => vera_lambda_d;

    /// <summary>The frozen matrices that all layers share.</summary>
    public VeraProjections Projections => projections;

    public override IReadOnlyList<UpdateTensor> Tensors => [new("vera_lambda_b", vera_lambda_b), new("vera_lambda_d", vera_lambda_d)];

    internal override IReadOnlyList<(string Name, Tensor Value)> SharedTensors => projections.Tensors;

    internal override void LoadShared(IReadOnlyDictionary<string, Tensor> tensors) => projections.Load(tensors["vera_A"], tensors["vera_B"]);

    public override Tensor? Reader => reads ? projections.A(InFeatures, vera_lambda_d.device) : null;

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var right = Right(y.dtype);
        using var rightT = right.t();
        using var own = reads is null ? x.mm(rightT) : null;                    // [n, in] x [in, r] -> [n, r], d in it
        using var left = reads is null ? Left(y.dtype) : Both(y.dtype);
        using var transposed = left.t();
        y.addmm_(reads ?? own!, transposed);                                    // [n, r] x [r, out] -> [n, out]
    }

    public override void Backward(UpdateGradients gradients)
    {
        var dtype = gradients.DataType;
        if (gradients.ReadsGradient is { } dReads)
        {
            using var both = Both(dtype);
            gradients.DyTimes(both, dReads);                                    // [n, out] x [out, r] -> [n, r]
        }
        if (gradients.Dx is { } dx && !reads)
        {
            using var left = Left(dtype);
            using var right = Right(dtype);
            using var between = gradients.Dy.mm(left);                          // [n, out] x [out, r] -> [n, r]
            dx.addmm_(between, right);                                          // [n, r] x [r, in] -> [n, in]
        }
        if (!gradients.Wants(0) && !gradients.Wants(1)) return;

        using var inner = Inner(gradients);                                     // H ⊙ B [out, r]
        using var d = Constant(vera_lambda_d, dtype);
        using var b = Constant(vera_lambda_b, dtype);
        if (gradients.Wants(0)) gradients.Set(0, inner.mv(d).to(vera_lambda_b.dtype));          // [out, r] x [r]
        if (!gradients.Wants(1)) return;
        using var innerT = inner.t();
        gradients.Set(1, innerT.mv(b).to(vera_lambda_d.dtype));                                 // [r, out] x [out]
    }

    /// <summary>H ⊙ B [out, r], H = dyᵀ (x Aᵀ).</summary>
    private Tensor Inner(UpdateGradients gradients)
    {
        var dtype = gradients.DataType;
        Tensor h;
        if (gradients.Reads is { } seen) h = gradients.DyTransposedTimes(seen);                 // [out, n] x [n, r] -> [out, r]
        else
        {
            using var g = gradients.DyTransposedTimes(gradients.X!);                            // [out, n] x [n, in] -> [out, in]
            using var a = projections.A(InFeatures, g.device).to(dtype);
            using var at = a.t();
            h = g.mm(at);                                                                       // [out, in] x [in, r] -> [out, r]
        }
        using var big = projections.B(OutFeatures, h.device).to(dtype);
        h.mul_(big);
        return h;
    }

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var left = Left(dtype);
        using var right = Right(dtype);
        return left.mm(right);                                                  // [out, r] x [r, in] -> [out, in]
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var left = Left(dense.dtype);
        using var right = Right(dense.dtype);
        return dense.addmm(left, right);                                        // [out, in] + [out, r] x [r, in]
    }

    /// <summary>diag(b) B [out, r].</summary>
    private Tensor Left(ScalarType dtype)
    {
        using var big = projections.B(OutFeatures, vera_lambda_b.device).to(dtype);
        using var b = Constant(vera_lambda_b, dtype);
        using var column = b.unsqueeze(1);
        return big.mul(column);
    }

    /// <summary>diag(d) A [r, in].</summary>
    private Tensor Right(ScalarType dtype)
    {
        using var a = projections.A(InFeatures, vera_lambda_d.device).to(dtype);
        using var d = Constant(vera_lambda_d, dtype);
        using var column = d.unsqueeze(1);
        return a.mul(column);
    }

    /// <summary>diag(b) B diag(d) [out, r].</summary>
    private Tensor Both(ScalarType dtype)
    {
        using var left = Left(dtype);
        using var d = Constant(vera_lambda_d, dtype);
        return left.mul(d);
    }

    private static Tensor Constant(Parameter parameter, ScalarType dtype)
    {
        using var constant = parameter.detach();
        return constant.to(dtype);
    }
}
