// LoRA (arXiv 2106.09685): ΔW = s·BA with A [r, in], B [out, r]; s = α/r, or α/√r (rsLoRA, arXiv 2312.03732).
// The scale is folded into the small matrix B, never into a product of n tokens.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW = s·BA, and a trained bias on B if it was asked for.</summary>
public sealed class LowRankUpdate : Update
{
    // Names as in PEFT, so that gradients, optimizers' groups and error messages speak its language.
    private readonly Parameter lora_A;
    private readonly Parameter lora_B;
    private readonly Parameter? lora_bias;
    private LowRankUpdate? start;                       // −s·B₀A₀, if A and B began as a part of W
    private QuantizedTensor? codes;                     // what W becomes when the update is put on its layer (LoftQ)
    private readonly RowTable rowsOfB = new();

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="rank">r; it may exceed in and out, which only wastes memory.</param>
    /// <param name="scale">s, what BA is multiplied with.</param>
    /// <param name="bias">Also train a bias on B; it is scaled like B.</param>
    /// <param name="init">How A and B start; one that reads W needs <see cref="StartFrom"/> too.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public LowRankUpdate(long inFeatures, long outFeatures, long rank, double scale, bool bias = false,
        LoraInit init = LoraInit.Kaiming, ScalarType? dtype = null, Device? device = null)
        : base(nameof(LowRankUpdate), inFeatures, outFeatures)
    {
        if (rank < 1) throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must be at least 1; it is {rank}");
        if (init == LoraInit.Orthogonal && rank % 2 != 0)
            throw new ArgumentException($"orthogonal initialisation halves the rank, which must be even; it is {rank}");
        if (!double.IsFinite(scale))
            throw new ArgumentOutOfRangeException(nameof(scale), $"the scale must be a finite number; it is {scale}");
        (Rank, Scale, Init) = (rank, scale, init);
        lora_A = new Parameter(empty(rank, inFeatures, dtype, device));
        lora_B = new Parameter(empty(outFeatures, rank, dtype, device));
        if (bias) lora_bias = new Parameter(empty(outFeatures, dtype, device));
        RegisterComponents();
        Restart();
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

    /// <summary>How A and B start, and begin anew.</summary>
    public LoraInit Init { get; }

    /// <summary>Are A's rows drawn orthonormal when it begins anew, whatever <see cref="Init"/> says (AsyLoRA)?</summary>
    internal bool OrthonormalRows { get; set; }

    /// <summary>What A and B were when they were taken from W; the update is their change since then. Null if they were drawn.</summary>
    internal (Parameter A, Parameter B)? Start => start is null ? null : (start.lora_A, start.lora_B);

    internal override bool StartsAtZero => Init != LoraInit.LoftQ;

    public override bool CanRestart => !Init.ReadsWeight();

    public override void Restart()
    {
        using var grad = no_grad();
        LoraStart.Draw(Init, lora_A, lora_B);
        if (OrthonormalRows) LoraStart.OrthonormalRows(lora_A);
        lora_bias?.zero_();
    }

    /// <summary>Takes A and B from W (<see cref="LoraInit.Pissa"/>, <see cref="LoraInit.Olora"/>). ΔW is s·(BA − B₀A₀) from then on: W itself
    /// stays, so that switching off, removing and unmerging give back what was there; the papers keep W − s·B₀A₀ in its place.</summary>
    internal void StartFrom(FrozenWeight weight)
    {
        RequireDirections();
        if (Init == LoraInit.Pissa && Scale <= 0) throw new ArgumentException($"PiSSA divides by the scale, which must be positive; it is {Scale}");
        using var grad = no_grad();
        using var dense = weight.Dequantize(FrozenWeight.Wide(weight.DataType));
        var (a, b) = LoraStart.Leading(Init, dense, Rank, Scale);
        using (a)
        using (b)
        {
            lora_A.copy_(a);
            lora_B.copy_(b);
        }
        start = new LowRankUpdate(InFeatures, OutFeatures, Rank, -Scale, dtype: lora_A.dtype, device: lora_A.device);
        start.lora_A.copy_(lora_A);
        start.lora_B.copy_(lora_B);
        foreach (var parameter in start.parameters()) parameter.requires_grad = false;
        register_module(nameof(start), start);
    }

    /// <summary>Takes A and B from what storing W [out, in] loses (<see cref="LoraInit.LoftQ"/>), and keeps the codes for the layer.</summary>
    internal void StartFromQuantizing(Tensor weight, LoftQ loftQ, string? name)
    {
        RequireDirections();
        loftQ.Validate(Scale);
        using var grad = no_grad();
        (var a, var b, codes) = loftQ.Of(weight, Rank, Scale, name);
        using (a)
        using (b)
        {
            lora_A.copy_(a);
            lora_B.copy_(b);
        }
    }

    internal override QuantizedTensor? TakeCodes()
    {
        var taken = codes;
        codes = null;
        return taken;
    }

    private void RequireDirections()
    {
        if (Rank > Math.Min(InFeatures, OutFeatures))
            throw new ArgumentException($"{Init} takes {Rank} directions from a weight [{OutFeatures}, {InFeatures}], which has fewer; lower the rank");
    }

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
        if (start is not null)
        {
            using var a = start.TypedA(x.dtype);
            using var at = a.t();
            using var read = x.mm(at);                            // [n, in] x [in, r] -> [n, r]
            start.AddTo(y, x, read);
        }
        if (lora_bias is null) return;
        using var offset = Offset()!;
        y.add_(offset);
    }

    public override void Backward(UpdateGradients gradients)
    {
        if (start is not null && gradients.Dx is { } dx)
        {
            using var b = start.ScaledB(dx.dtype);
            using var between = empty([dx.shape[0], Rank], dx.dtype, dx.device);
            gradients.DyTimes(b, between);                                      // [n, out] x [out, r] -> [n, r]
            using var a = start.TypedA(dx.dtype);
            dx.addmm_(between, a);                                              // [n, r] x [r, in] -> [n, in]
        }
        using var scaled = gradients.ReadsGradient is { } dReads ? ScaledB(dReads.dtype) : null;
        if (gradients.OfReads(1, scaled) is { } ofB)                            // [n, out] x [out, r] -> [n, r], [out, n] x [n, r] -> [out, r]
        {
            ofB.mul_(Scale);
            gradients.Set(1, ofB);
        }
        if (lora_bias is not null && gradients.Wants(2))
        {
            var gradient = gradients.Dy.sum(0, type: lora_bias.dtype);
            gradient.mul_(Scale);
            gradients.Set(2, gradient);
        }
    }

    public override void ReaderBackward(Tensor gradient, UpdateGradients gradients) => gradients.Set(0, gradient);

    internal override Tensor? DeltaRows(Tensor ids)
    {
        using var rows = rowsOfB.Of(lora_B, ids);                               // [n, r]
        using var scaled = rows.mul(Scale);
        var delta = scaled.mm(lora_A);                                          // [n, r] x [r, in] -> [n, in]
        if (start is null) return delta;
        using (delta)
        using (var before = start.DeltaRows(ids)!) return delta.add(before);
    }

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var a = lora_A.to(dtype);
        using var b = ScaledB(dtype);
        var delta = b.mm(a);                                                    // [out, r] x [r, in] -> [out, in]
        if (start is null) return delta;
        using (delta) return start.AddedTo(delta);
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var a = TypedA(dense.dtype);
        using var b = ScaledB(dense.dtype);
        var sum = RankSum.Of(dense, b, a);                                      // [out, in] + [out, r] x [r, in]
        if (start is null) return sum;
        using (sum) return start.AddedTo(sum);
    }

    public override Tensor AddedTo(Tensor dense, Tensor factor)
    {
        if (start is not null) return base.AddedTo(dense, factor);
        using var a = TypedA(dense.dtype);
        using var b = ScaledB(dense.dtype);
        using var column = factor.unsqueeze(1);
        b.mul_(column);
        return RankSum.Of(dense, b, a, factor);                                 // f ⊙ [out, in] + [out, r] x [r, in]
    }

    /// <summary>‖W + sBA‖² = ‖W‖² + 2s·rowsum((W Aᵀ) ⊙ B) + s²·rowsum((B (A Aᵀ)) ⊙ B), without anything out×in.</summary>
    public override Tensor RowNormSquared(FrozenWeight weight)
    {
        if (start is not null) return base.RowNormSquared(weight);
        var wide = FrozenWeight.Wide(weight.DataType);
        using var a = lora_A.to(wide);
        using var at = a.t();
        using var b = ScaledB(wide);
        using var aa = a.mm(at);                                                // [r, in] x [in, r] -> [r, r]
        if (wide == ScalarType.Float32 && CudaSteps.HasDoraRowNorm(weight.Device)) return RowNormSquaredByKernel(weight, a, at, b, aa);
        using var wa = weight.OverRows(rows => rows.mm(at));                    // [m, in] x [in, r] -> [m, r]
        using var baa = b.mm(aa);                                               // [out, r] x [r, r] -> [out, r]
        using var ownTerms = baa.mul(b);
        using var own = ownTerms.sum(1);                                        // s²·rowsum((B A Aᵀ) ⊙ B)
        wa.mul_(b);
        using var cross = wa.sum(1);                                            // s·rowsum((W Aᵀ) ⊙ B)
        using var scaleOfTerms = weight.RowNormSquared().add(own);
        var norm = scaleOfTerms.add(cross, 2);
        const double Cancelled = 1.0 / 8;
        using var limit = scaleOfTerms.mul(Cancelled);
        using var cancelled = norm.le(limit);
        RecomputeCancelled(weight, norm, cancelled, at, b);
        return norm;
    }

    /// <summary>The same on a GPU from A [r, in], sB and A Aᵀ: one kernel (rownorm.cu) where seven operators would run. It knows by itself which rows
    /// cancel, and has W's rows at hand: nothing waits for the device.</summary>
    private static Tensor RowNormSquaredByKernel(FrozenWeight weight, Tensor a, Tensor at, Tensor b, Tensor aa)
    {
        var squares = weight.RowNormSquared();
        using var aRows = a.contiguous();
        return weight.OverRows((rows, first) =>
        {
            using var w = rows.contiguous();
            using var wa = w.mm(at);                                            // [m, in] x [in, r] -> [m, r]
            using var squaresOfRows = squares.narrow(0, first, w.shape[0]);
            using var bOfRows = b.narrow(0, first, w.shape[0]);
            var norm = empty([w.shape[0]], ScalarType.Float32, w.device);
            CudaSteps.DoraRowNorm(w, aRows, squaresOfRows, wa, bOfRows, aa, 1, norm);
            return norm.mul_(norm);
        });
    }

    /// <summary>
    /// Where W and sBA nearly cancel, the sum above keeps only the rounding errors of its terms: such rows are computed from W +
    /// sBA itself.
    /// </summary>
    private static void RecomputeCancelled(FrozenWeight weight, Tensor norm, Tensor cancelled, Tensor at, Tensor b)
    {
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

    /// <summary>A [r, in] in the given type.</summary>
    private Tensor TypedA(ScalarType dtype)
    {
        using var a = lora_A.detach();
        return a.to(dtype);
    }

    /// <summary>s·B [out, r] in the given type.</summary>
    private Tensor ScaledB(ScalarType dtype)
    {
        using var b = lora_B.detach();
        using var typed = b.to(dtype);
        return typed.mul(Scale);
    }
}
