// The shortest way to a method of one's own: say what ΔW is and what a gradient of ΔW means for the parameters. x meets ΔW itself
// (or W + ΔW, where that is cheaper), and the gradient is G = dyᵀ x [out, in], as dear as a weight's in full fine-tuning; a method
// that can be multiplied in parts is faster as an Update of its own.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>An update that is known by its ΔW.</summary>
public abstract class MaterializedUpdate(string name, long inFeatures, long outFeatures) : Update(name, inFeatures, outFeatures)
{
    /// <summary>Hands over the parameters' gradients (<see cref="UpdateGradients.Set"/>).</summary>
    /// <param name="delta">∂L/∂ΔW [out, in]; may be changed, is disposed by the caller.</param>
    /// <param name="gradients">Which are wanted.</param>
    protected abstract void DeltaBackward(Tensor delta, UpdateGradients gradients);

    public override void AddTo(Tensor y, Tensor x, Tensor? reads)
    {
        using var delta = Delta(y.dtype);
        using var transposed = delta.t();
        y.addmm_(x, transposed);                                                // [n, in] x [in, out] -> [n, out]
    }

    public override void Backward(UpdateGradients gradients)
    {
        if (gradients.Dx is { } dx)
        {
            using var delta = Delta(dx.dtype);
            dx.addmm_(gradients.Dy, delta);                                     // [n, out] x [out, in] -> [n, in]
        }
        if (!Enumerable.Range(0, Tensors.Count).Any(gradients.Wants)) return;
        using var gradient = gradients.DyTransposedTimes(gradients.X!);         // [out, n] x [n, in] -> [out, in]
        DeltaBackward(gradient, gradients);
    }
}
