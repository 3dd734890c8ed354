// What backward gives an update and what the update gives back. Products are [n tokens, …]; nothing here is out×in.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The gradients of one <see cref="Update.AddTo"/>.</summary>
public sealed class UpdateGradients
{
    private readonly bool[] wanted;
    private readonly Tensor?[] gradients;

    internal UpdateGradients(bool[] wanted)
    {
        this.wanted = wanted;
        gradients = new Tensor?[wanted.Length];
    }

    /// <summary>∂L/∂(ΔW x) [n, out].</summary>
    public required Tensor Dy { get; init; }

    /// <summary>What <see cref="Update.AddTo"/> got, [n, in]; null when neither the reader nor the update asked for x.</summary>
    public required Tensor? X { get; init; }

    /// <summary>x Readerᵀ [n, r], or null without a reader.</summary>
    public required Tensor? Reads { get; init; }

    /// <summary>To be filled with ∂L/∂reads [n, r]; null if nobody needs it.</summary>
    public required Tensor? ReadsGradient { get; init; }

    /// <summary>∂L/∂x [n, in], to which an update without a reader adds its part; null if x needs no gradient.</summary>
    public required Tensor? Dx { get; init; }

    /// <summary>Does the i-th of <see cref="Update.Tensors"/> need a gradient?</summary>
    public bool Wants(int index) => wanted[index];

    /// <summary>Hands over the gradient of the i-th tensor.</summary>
    public void Set(int index, Tensor gradient) => gradients[index] = gradient;

    internal Tensor? this[int index] => gradients[index];
}
