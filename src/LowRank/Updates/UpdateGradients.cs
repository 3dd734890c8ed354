// What backward gives an update and what the update gives back. Products are [n tokens, …]; nothing here is out×in.
//
// In a decomposed layer the gradient of ΔW x is t = f ⊙ dy, f one number an output. Most updates only multiply t with something
// small, and then f goes into the small matrix: DyTimes and DyTransposedTimes never make t [n, out] itself.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The gradients of one <see cref="Update.AddTo"/>.</summary>
public sealed class UpdateGradients : IDisposable
{
    private readonly bool[] wanted;
    private readonly Tensor?[] gradients;
    private readonly Tensor output;
    private readonly Tensor? factor;            // f [out], in output's type
    private Tensor? scaled;

    internal UpdateGradients(bool[] wanted, Tensor output, Tensor? factor)
    {
        (this.wanted, this.output, this.factor) = (wanted, output, factor);
        gradients = new Tensor?[wanted.Length];
    }

    /// <summary>The type of the products, Dy's.</summary>
    public ScalarType DataType => output.dtype;

    /// <summary>n.</summary>
    public long Tokens => output.shape[0];

    /// <summary>∂L/∂(ΔW x) [n, out]; made on demand where the layer is decomposed.</summary>
    public Tensor Dy => factor is null ? output : scaled ??= output.mul(factor);

    /// <summary>What <see cref="Update.AddTo"/> got, [n, in]; null when nothing needs it: the update has a reader, and that does not train.</summary>
    public required Tensor? X { get; init; }

    /// <summary>x Readerᵀ [n, r], or null without a reader.</summary>
    public required Tensor? Reads { get; init; }

    /// <summary>To be filled with ∂L/∂reads [n, r]; null if nobody needs it.</summary>
    public required Tensor? ReadsGradient { get; init; }

    /// <summary>∂L/∂x [n, in], to which an update without a reader adds its part; null if x needs none from it.</summary>
    public required Tensor? Dx { get; init; }

    /// <summary>Writes Dy small into result: small [out, k], result [n, k].</summary>
    public void DyTimes(Tensor small, Tensor result)
    {
        using var column = factor?.unsqueeze(1);
        using var weighted = column is null ? null : small.mul(column);
        result.addmm_(output, weighted ?? small, 0);                            // [n, out] x [out, k] -> [n, k]
    }

    /// <summary>Dyᵀ z [out, k] for z [n, k]. The caller owns it.</summary>
    public Tensor DyTransposedTimes(Tensor z) => Turned(SkinnyProducts.TransposedTimes(z, output));        // [k, n] x [n, out] -> [k, out]

    /// <summary>Both in one pass: Dy small into result, and Dyᵀ z [out, k], which the caller owns.</summary>
    public Tensor DyTimesAndTransposedTimes(Tensor small, Tensor result, Tensor z)
    {
        using var column = factor?.unsqueeze(1);
        using var weighted = column is null ? small.alias() : small.mul(column);
        using var rows = weighted.t();
        return Turned(SkinnyProducts.Both(output, rows, result, z));
    }

    /// <summary>
    /// For an update y += reads smallᵀ: fills <see cref="ReadsGradient"/> with Dy small where it is asked for, and gives Dyᵀ reads [out, r] if
    /// the i-th tensor wants it. The caller owns it.
    /// </summary>
    public Tensor? OfReads(int index, Tensor? small) => OfReads(wanted[index], small);

    internal Tensor? OfReads(bool wants, Tensor? small)
    {
        if (ReadsGradient is { } result && wants) return DyTimesAndTransposedTimes(small!, result, Reads!);
        if (ReadsGradient is not null) DyTimes(small!, ReadsGradient);
        return wants ? DyTransposedTimes(Reads!) : null;
    }

    /// <summary>[k, out], which is disposed, as f ⊙ its transpose [out, k].</summary>
    private Tensor Turned(Tensor product)
    {
        using (product)
        {
            if (factor is not null) product.mul_(factor);
            using var transposed = product.t();
            return transposed.contiguous();
        }
    }

    /// <summary>Does the i-th of <see cref="Update.Tensors"/> need a gradient?</summary>
    public bool Wants(int index) => wanted[index];

    /// <summary>Hands over the gradient of the i-th tensor.</summary>
    public void Set(int index, Tensor gradient) => gradients[index] = gradient;

    internal Tensor? this[int index] => gradients[index];

    /// <summary>Frees what was made on demand; the gradients handed over are not touched.</summary>
    public void Dispose()
    {
        scaled?.Dispose();
        scaled = null;
    }
}
