// MoRA (arXiv 2405.12130, eq. 6): ΔW x = expand(M · compress(x)) with one square M [r̂, r̂] = 0 at the start, r̂ = √((in + out)·r), and
// operators that have no parameters (MoraMap). No α. For the same number of parameters its rank is r̂ instead of r.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A square matrix between two fixed maps.</summary>
public sealed class MoraUpdate : Update
{
    private readonly Parameter mora_M;
    private MoraMap map;

    /// <param name="inFeatures">Columns of ΔW.</param>
    /// <param name="outFeatures">Rows of ΔW.</param>
    /// <param name="side">r̂; even for <see cref="MoraOperator.Rotation"/>. See <see cref="SideOf"/>.</param>
    /// <param name="mapping">Which maps.</param>
    /// <param name="dtype">Of M; torch's default if not given.</param>
    /// <param name="device">Where it lies; torch's default if not given.</param>
    public MoraUpdate(long inFeatures, long outFeatures, long side, MoraOperator mapping, ScalarType? dtype = null, Device? device = null)
        : base(nameof(MoraUpdate), inFeatures, outFeatures)
    {
        if (side < 1) throw new ArgumentOutOfRangeException(nameof(side), $"M must have at least one row; asked for {side}");
        (Side, Operator) = (side, mapping);
        map = MoraMap.Create(mapping, inFeatures, outFeatures, side);
        mora_M = new Parameter(zeros(side, side, dtype, device));
        RegisterComponents();
    }

    /// <summary>r̂, rows and columns of M.</summary>
    public long Side { get; }

    public MoraOperator Operator { get; private set; }

    /// <summary>M [r̂, r̂].</summary>
    public Parameter M => mora_M;

    /// <summary>
    /// The side that has as many parameters as LoRA of that rank: √((in + out)·r), rounded to nearest as the reference code does, or
    /// down as the paper says; even where halves are rotated, and at least 1.
    /// </summary>
    public static long SideOf(long inFeatures, long outFeatures, long rank, MoraOperator mapping, bool roundsDown = false)
    {
        var side = (long)(Math.Sqrt((inFeatures + outFeatures) * (double)rank) + (roundsDown ? 0 : 0.5));
        return mapping == MoraOperator.Rotation ? Math.Max(2, side / 2 * 2) : Math.Max(1, side);
    }

    public override bool CanRestart => true;

    public override void Restart()
    {
        using var grad = no_grad();
        mora_M.zero_();
    }

    /// <summary>Changes to the sharing operator of the other order (ReMoRA). False for an operator that has no other order.</summary>
    internal bool SwitchOperator()
    {
        var other = Operator switch
        {
            MoraOperator.Strided => MoraOperator.Contiguous,
            MoraOperator.Contiguous => MoraOperator.Strided,
            MoraOperator.ContiguousToStrided => MoraOperator.StridedToContiguous,
            MoraOperator.StridedToContiguous => MoraOperator.ContiguousToStrided,
            _ => Operator,
        };
        if (other == Operator) return false;
        (Operator, map) = (other, MoraMap.Create(other, InFeatures, OutFeatures, Side));
        DeltaChanged();
        return true;
    }

    public override IReadOnlyList<UpdateTensor> Tensors => [new("mora_M", mora_M)];

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var m = Constant(y.dtype);
        using var transposed = m.t();
        using var compressed = map.Compress(x);                                 // [n, in] -> [n k, r̂]
        using var product = compressed.mm(transposed);                          // [n k, r̂] x [r̂, r̂]
        using var expanded = map.Expand(product);                               // [n k, r̂] -> [n, out]
        y.add_(expanded);
    }

    public override void Backward(UpdateGradients gradients)
    {
        if (gradients.Wants(0)) gradients.Set(0, map.Gradient(gradients.Dy, gradients.X!));
        if (gradients.Dx is not { } dx) return;
        using var collected = map.ExpandBack(gradients.Dy);                     // [n, out] -> [n k, r̂]
        using var m = Constant(dx.dtype);
        using var product = collected.mm(m);                                    // [n k, r̂] x [r̂, r̂]
        using var back = map.CompressBack(product);                             // [n k, r̂] -> [n, in]
        dx.add_(back);
    }

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        using var m = Constant(dtype);
        var delta = zeros(OutFeatures, InFeatures, dtype, m.device);
        map.AddDelta(m, delta);
        return delta;
    }

    public override Tensor AddedTo(Tensor dense)
    {
        using var m = Constant(dense.dtype);
        var sum = dense.clone();
        map.AddDelta(m, sum);
        return sum;
    }

    private Tensor Constant(ScalarType dtype)
    {
        using var constant = mora_M.detach();
        return constant.to(dtype);
    }
}
