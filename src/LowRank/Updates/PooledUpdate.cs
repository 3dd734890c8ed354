// QA-LoRA (arXiv 2309.14717): x is averaged over groups of g neighbouring inputs before A [r, ⌈in/g⌉], so ΔW = s·B A is constant within
// a group (divided by the group's size) and can be merged into the zero points of group-wise int4. The mean as in the reference code;
// a last group may be shorter.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>ΔW x = s·B A pool(x).</summary>
public sealed class PooledUpdate : Update
{
    private readonly Parameter lora_A;
    private readonly Parameter lora_B;

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="rank">r.</param>
    /// <param name="groupSize">g, the int4 storage's group.</param>
    /// <param name="scale">s.</param>
    /// <param name="dtype">Of the trained tensors; torch's default if not given.</param>
    /// <param name="device">Where they lie; torch's default if not given.</param>
    public PooledUpdate(long inFeatures, long outFeatures, long rank, long groupSize, double scale, ScalarType? dtype = null, Device? device = null)
        : base(nameof(PooledUpdate), inFeatures, outFeatures)
    {
        if (rank < 1) throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must be at least 1; it is {rank}");
        if (groupSize < 1) throw new ArgumentOutOfRangeException(nameof(groupSize), $"a group has at least one input; asked for {groupSize}");
        (GroupSize, Scale) = (groupSize, scale);
        var bound = 1 / Math.Sqrt(Groups);
        lora_A = new Parameter(empty(rank, Groups, dtype, device).uniform_(-bound, bound));
        lora_B = new Parameter(zeros(outFeatures, rank, dtype, device));
        RegisterComponents();
    }

    /// <summary>g.</summary>
    public long GroupSize { get; }

    /// <summary>⌈in/g⌉.</summary>
    public long Groups => (InFeatures + GroupSize - 1) / GroupSize;

    /// <summary>s.</summary>
    public double Scale { get; }

    /// <summary>A [r, ⌈in/g⌉].</summary>
    public Parameter A => lora_A;

    /// <summary>B [out, r].</summary>
    public Parameter B => lora_B;

    public override IReadOnlyList<UpdateTensor> Tensors => [new("lora_A.weight", lora_A), new("lora_B.weight", lora_B)];

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var pooled = Pool(x);                                             // [n, in] -> [n, groups]
        using var read = Read(pooled);
        using var b = ScaledB(y.dtype);
        using var transposed = b.t();
        y.addmm_(read, transposed);                                             // [n, r] x [r, out] -> [n, out]
    }

    public override void Backward(UpdateGradients gradients)
    {
        var dtype = gradients.DataType;
        using var pooled = gradients.Wants(0) || gradients.Wants(1) ? Pool(gradients.X!) : null;
        using var b = ScaledB(dtype);
        using var dRead = empty([gradients.Tokens, b.shape[1]], dtype, b.device);
        if (gradients.Wants(1))
        {
            using var read = Read(pooled!);
            var gradient = gradients.DyTimesAndTransposedTimes(b, dRead, read); // [n, out] x [out, r], [out, n] x [n, r]
            gradient.mul_(Scale);
            gradients.Set(1, gradient);
        }
        else gradients.DyTimes(b, dRead);                                       // [n, out] x [out, r] -> [n, r]
        if (gradients.Wants(0))
        {
            using var transposed = dRead.t();
            gradients.Set(0, transposed.mm(pooled!));                           // [r, n] x [n, groups] -> [r, groups]
        }
        if (gradients.Dx is not { } dx) return;
        using var spread = Spread(dtype);
        dx.addmm_(dRead, spread);                                               // [n, r] x [r, in] -> [n, in]
    }

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var spread = Spread(dtype);
        using var b = ScaledB(dtype);
        return b.mm(spread);                                                    // [out, r] x [r, in] -> [out, in]
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var spread = Spread(dense.dtype);
        using var b = ScaledB(dense.dtype);
        return RankSum.Of(dense, b, spread);                                        // [out, in] + [out, r] x [r, in]
    }

    /// <summary>ΔW of one input of each group, s·BA / the group's inputs, [out, groups] in float64. The caller disposes it.</summary>
    internal Tensor DeltaOfGroups()
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var sizes = full([Groups], GroupSize, ScalarType.Float64, lora_A.device);
        sizes[Groups - 1] = InFeatures - (Groups - 1) * GroupSize;
        return lora_B.to(ScalarType.Float64).mul(Scale).mm(lora_A.to(ScalarType.Float64)).div(sizes).MoveToOuterDisposeScope();     // [out, r] x [r, groups]
    }

    /// <summary>The mean of each group: [n, in] to [n, groups].</summary>
    public Tensor Pool(Tensor x)
    {
        var whole = InFeatures / GroupSize;
        var parts = new List<Tensor>();
        if (whole > 0)
        {
            using var full = x.narrow(1, 0, whole * GroupSize);
            using var grouped = full.reshape(x.shape[0], whole, GroupSize);
            parts.Add(grouped.mean([2L]));
        }
        if (whole < Groups)
        {
            using var rest = x.narrow(1, whole * GroupSize, InFeatures - whole * GroupSize);
            parts.Add(rest.mean([1L], keepdim: true));
        }
        if (parts.Count == 1) return parts[0];
        var joined = cat(parts, 1);
        foreach (var part in parts) part.Dispose();
        return joined;
    }

    /// <summary>pool(x) Aᵀ [n, r].</summary>
    private Tensor Read(Tensor pooled)
    {
        using var constant = lora_A.detach();
        using var a = constant.to(pooled.dtype);
        using var transposed = a.t();
        return pooled.mm(transposed);                                           // [n, groups] x [groups, r] -> [n, r]
    }

    /// <summary>A with each column repeated over its group and divided by the group's size, [r, in].</summary>
    private Tensor Spread(ScalarType dtype)
    {
        using var constant = lora_A.detach();
        using var a = constant.to(dtype);
        using var repeated = a.repeat_interleave(GroupSize, 1);
        var spread = repeated.narrow(1, 0, InFeatures).clone();
        var whole = InFeatures / GroupSize * GroupSize;
        if (whole > 0)
        {
            using var full = spread.narrow(1, 0, whole);
            full.div_(GroupSize);
        }
        if (whole < InFeatures)
        {
            using var rest = spread.narrow(1, whole, InFeatures - whole);
            rest.div_(InFeatures - whole);
        }
        return spread;
    }

    private Tensor ScaledB(ScalarType dtype)
    {
        using var constant = lora_B.detach();
        using var b = constant.to(dtype);
        return b.mul(Scale);
    }
}
