// ΔW x alone, for rows whose x Wᵀ comes from a product that they share with other rows (MixedProduct).
using static TorchSharp.torch;

namespace LowRank;

internal sealed class UpdatePass(AdaptedLinear layer, LinearAdapter adapter, AdaptedPass pass, List<object> arguments)
    : LayerPass(layer, adapter, pass, arguments)
{
    protected override Tensor Forward(Tensor x, Tensor y)
    {
        y.zero_();
        using var flat = y.view(-1, Weight.OutFeatures);                        // [n, out]
        Plain[0].AddTo(flat, x);
        return y;
    }

    protected override void BackwardOfProducts(
        Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        if (first) dx?.zero_();
        Plain[0].Backward(dy, null, x, dx, saved, gradients);
    }
}
