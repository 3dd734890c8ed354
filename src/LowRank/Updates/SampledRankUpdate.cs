// DyLoRA (arXiv 2210.07558): one A [R, in] and B [out, R] that work at every rank b ≤ R: ΔW = (α/b)·B[:, :b] A[:b], in evaluation too. A
// training policy draws b for each step. Frozen mode: only row b of A and column b of B get a gradient; else the first b of each.
// What is cut has a gradient of zero, as in the reference: an optimizer with momentum still moves it by what it remembers.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW = (α/b)·B[:, :b] A[:b] at the rank b that is set.</summary>
public sealed class SampledRankUpdate : Update
{
    // Names as in PEFT's LoRA: cut at a rank it is one.
    private readonly Parameter lora_A;
    private readonly Parameter lora_B;
    private long rank;

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="maximumRank">R.</param>
    /// <param name="alpha">α.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public SampledRankUpdate(long inFeatures, long outFeatures, long maximumRank, double alpha, ScalarType? dtype = null, Device? device = null)
        : base(nameof(SampledRankUpdate), inFeatures, outFeatures)
    {
        if (maximumRank < 1) throw new ArgumentOutOfRangeException(nameof(maximumRank), $"the rank must be at least 1; it is {maximumRank}");
        (MaximumRank, Alpha, rank) = (maximumRank, alpha, maximumRank);
        var bound = 1 / Math.Sqrt(inFeatures);
        lora_A = new Parameter(empty(maximumRank, inFeatures, dtype, device).uniform_(-bound, bound));
        lora_B = new Parameter(zeros(outFeatures, maximumRank, dtype, device));
        RegisterComponents();
    }

    /// <summary>R.</summary>
    public long MaximumRank { get; }

    /// <summary>α.</summary>
    public double Alpha { get; }

    /// <summary>b, from 1 to R.</summary>
    public long Rank
    {
        get => rank;
        set
        {
            if (value < 1 || value > MaximumRank)
                throw new ArgumentOutOfRangeException(nameof(value), $"the rank must lie between 1 and {MaximumRank}; it is {value}");
            if (value == rank) return;
            rank = value;
            DeltaChanged();
        }
    }

    /// <summary>Frozen mode: does only the last of the b directions train?</summary>
    public bool TrainsLastAlone { get; set; }

    /// <summary>α/b.</summary>
    public double Scale => Alpha / rank;

    /// <summary>All of A [R, in].</summary>
    public Parameter A => lora_A;

    /// <summary>All of B [out, R].</summary>
    public Parameter B => lora_B;

    public override IReadOnlyList<UpdateTensor> Tensors => [new("lora_A.weight", lora_A), new("lora_B.weight", lora_B)];

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var a = CutA(x.dtype);
        using var at = a.t();
        using var read = x.mm(at);                                              // [n, in] x [in, b] -> [n, b]
        using var b = CutB(y.dtype);
        using var bt = b.t();
        y.addmm_(read, bt);                                                     // [n, b] x [b, out] -> [n, out]
    }

    public override void Backward(UpdateGradients gradients)
    {
        using var b = CutB(gradients.DataType);
        using var dRead = empty([gradients.Tokens, rank], b.dtype, b.device);
        if (gradients.Wants(1))
        {
            using var a = CutA(gradients.DataType);
            using var read = SkinnyProducts.Times(gradients.X!, a);             // [n, in] x [in, b] -> [n, b]
            using var gradient = gradients.DyTimesAndTransposedTimes(b, dRead, read);   // [n, out] x [out, b], [out, n] x [n, b]
            gradient.mul_(Scale);
            gradients.Set(1, Spread(gradient, lora_B, 1));
        }
        else gradients.DyTimes(b, dRead);                                       // [n, out] x [out, b] -> [n, b]
        if (gradients.Wants(0))
        {
            using var gradient = SkinnyProducts.TransposedTimes(dRead, gradients.X!);   // [b, n] x [n, in] -> [b, in]
            gradients.Set(0, Spread(gradient, lora_A, 0));
        }
        if (gradients.Dx is not { } dx) return;
        using var reader = CutA(dx.dtype);
        dx.addmm_(dRead, reader);                                               // [n, b] x [b, in] -> [n, in]
    }

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var a = CutA(dtype);
        using var b = CutB(dtype);
        return b.mm(a);                                                         // [out, b] x [b, in] -> [out, in]
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var a = CutA(dense.dtype);
        using var b = CutB(dense.dtype);
        return RankSum.Of(dense, b, a);                                             // [out, in] + [out, b] x [b, in]
    }

    /// <summary>A gradient of the directions in use, among zeros for the others.</summary>
    private Tensor Spread(Tensor gradient, Parameter parameter, long dimension)
    {
        var all = zeros(parameter.shape, gradient.dtype, gradient.device);
        var (start, count) = TrainsLastAlone ? (rank - 1, 1L) : (0, rank);
        using var place = all.narrow(dimension, start, count);
        using var part = gradient.narrow(dimension, start, count);
        place.copy_(part);
        return all;
    }

    /// <summary>A[:b] [b, in].</summary>
    private Tensor CutA(ScalarType dtype)
    {
        using var constant = lora_A.detach();
        using var cut = constant.narrow(0, 0, rank);
        return cut.to(dtype);
    }

    /// <summary>(α/b)·B[:, :b] [out, b].</summary>
    private Tensor CutB(ScalarType dtype)
    {
        using var constant = lora_B.detach();
        using var cut = constant.narrow(1, 0, rank);
        using var typed = cut.to(dtype);
        return typed.mul(Scale);
    }
}
