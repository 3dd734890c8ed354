// MoRA's pairs of maps without parameters: compress [n, in] to [n k, r̂] before M, expand [n k, r̂] to [n, out] after it, and the
// transposes of both for backward. Numbers in the names are the reference code's mora_type.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Which maps stand before and after M.</summary>
public enum MoraOperator
{
    /// <summary>The first r̂ inputs; outputs beyond r̂ get 0.</summary>
    Truncation,

    /// <summary>Type 1: inputs i, i + r̂, … are summed; outputs repeat M's in the same stride.</summary>
    Strided,

    /// <summary>Type 2: neighbouring inputs are summed; each of M's outputs is repeated side by side.</summary>
    Contiguous,

    /// <summary>Type 3: neighbours in, stride out.</summary>
    ContiguousToStrided,

    /// <summary>Type 4: stride in, neighbours out.</summary>
    StridedToContiguous,

    /// <summary>x is cut in pieces of r̂, M is applied to each, the results are laid end to end and cut or repeated to fit.</summary>
    Decoupling,

    /// <summary>Type 6: decoupling after turning piece p by the angles p·10000^(−2i/r̂), so that pieces are told apart.</summary>
    Rotation,
}

/// <summary>One pair of maps. Every result is the caller's to dispose.</summary>
internal abstract class MoraMap
{
    public static MoraMap Create(MoraOperator mapping, long inFeatures, long outFeatures, long side) => mapping switch
    {
        MoraOperator.Truncation => new MoraSharing(new FirstSlots(inFeatures, side), new FirstSlots(outFeatures, side)),
        MoraOperator.Strided => new MoraSharing(new StridedSlots(inFeatures, side, fills: true), new StridedSlots(outFeatures, side, fills: false)),
        MoraOperator.Contiguous => new MoraSharing(new ContiguousSlots(inFeatures, side), new ContiguousSlots(outFeatures, side)),
        MoraOperator.ContiguousToStrided => new MoraSharing(new ContiguousSlots(inFeatures, side), new StridedSlots(outFeatures, side, fills: false)),
        MoraOperator.StridedToContiguous => new MoraSharing(new StridedSlots(inFeatures, side, fills: true), new ContiguousSlots(outFeatures, side)),
        MoraOperator.Decoupling => new MoraPieces(inFeatures, outFeatures, side, rotates: false),
        MoraOperator.Rotation => new MoraPieces(inFeatures, outFeatures, side, rotates: true),
        _ => throw new ArgumentOutOfRangeException(nameof(mapping), $"there is no operator {mapping}"),
    };

    /// <summary>x [n, in] to [n k, r̂].</summary>
    public abstract Tensor Compress(Tensor x);

    /// <summary>The transpose of <see cref="Compress"/>: [n k, r̂] to [n, in].</summary>
    public abstract Tensor CompressBack(Tensor gradient);

    /// <summary>[n k, r̂] to [n, out].</summary>
    public abstract Tensor Expand(Tensor product);

    /// <summary>The transpose of <see cref="Expand"/>: [n, out] to [n k, r̂].</summary>
    public abstract Tensor ExpandBack(Tensor gradient);

    /// <summary>∂L/∂M [r̂, r̂] from the output's gradient dy [n, out] and x [n, in].</summary>
    public abstract Tensor Gradient(Tensor dy, Tensor x);

    /// <summary>dense [out, in] += ΔW for an M [r̂, r̂].</summary>
    public abstract void AddDelta(Tensor m, Tensor dense);
}

/// <summary>Truncation and sharing: each feature belongs to M's r̂ slots (k = 1), ΔW = S_out M S_inᵀ.</summary>
internal sealed class MoraSharing(MoraSlots inputs, MoraSlots outputs) : MoraMap
{
    public override Tensor Compress(Tensor x) => inputs.Sum(x);

    public override Tensor CompressBack(Tensor gradient) => inputs.Spread(gradient);

    public override Tensor Expand(Tensor product) => outputs.Spread(product);

    public override Tensor ExpandBack(Tensor gradient) => outputs.Sum(gradient);

    public override Tensor Gradient(Tensor dy, Tensor x)
    {
        using var collected = outputs.Sum(dy);                                  // [n, out] -> [n, r̂]
        using var compressed = inputs.Sum(x);                                   // [n, in] -> [n, r̂]
        using var transposed = collected.t();
        return transposed.mm(compressed);                                       // [r̂, n] x [n, r̂]
    }

    public override void AddDelta(Tensor m, Tensor dense)
    {
        using var rows = inputs.Spread(m);                                      // M S_inᵀ: [r̂, r̂] -> [r̂, in]
        outputs.AddRows(rows, dense);                                           // S_out of it: [r̂, in] -> [out, in]
    }
}
