// One layer in one call. With u = x Wᵀ + ΔW x, f = m/C (DoRA, arXiv 2402.09353, eq. 5 and 11; C is a constant), the layer is
// y = f ⊙ u + b, or y = u + b without a magnitude. There are two orders of multiplication:
//
// AdditivePass   x Wᵀ first, then the update adds its own product of n tokens, then f scales n·out numbers
// FoldedPass     f ⊙ (W + ΔW) first, for the time of one product: out·in numbers, but x meets only one matrix
//
// Folding costs two passes over out·in numbers in forward and in backward, and saves two over n·out forward and n·in backward.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What both orders share: which argument is what, and what trains.</summary>
internal abstract class LayerPass
{
    private readonly int weightArgument = -1, biasArgument = -1;

    protected LayerPass(AdaptedLinear layer, AdaptedPass pass, List<object> arguments, bool folded)
    {
        Pass = pass;
        Weight = layer.Weight;
        Bias = layer.Bias;
        if (Weight.Parameter is { requires_grad: true } trained)
        {
            weightArgument = arguments.Count;
            arguments.Add(trained);
        }
        if (Bias is { requires_grad: true })
        {
            biasArgument = arguments.Count;
            arguments.Add(Bias);
        }
        foreach (var adapter in layer.Working)
        {
            var one = new AdapterPass(adapter, pass, arguments) { Folded = folded };
            if (adapter.Magnitude is null) Plain.Add(one);
            else Decomposed = one;
        }
    }

    /// <summary>For one update without the layer's weight, bias, magnitude and dropout.</summary>
    protected LayerPass(AdaptedLinear layer, LinearAdapter adapter, AdaptedPass pass, List<object> arguments)
    {
        (Pass, Weight) = (pass, layer.Weight);
        Plain.Add(new AdapterPass(adapter, pass, arguments, mayDrop: false));
    }

    /// <summary>The cheaper order for this x.</summary>
    public static LayerPass For(AdaptedLinear layer, Tensor x, AdaptedPass pass, List<object> arguments) =>
        Folds(layer, x) ? new FoldedPass(layer, pass, arguments) : new AdditivePass(layer, pass, arguments);

    protected AdaptedPass Pass { get; }

    protected FrozenWeight Weight { get; }

    protected Parameter? Bias { get; }

    /// <summary>The adapter with a magnitude; at most one.</summary>
    protected AdapterPass? Decomposed { get; }

    protected List<AdapterPass> Plain { get; } = [];

    protected bool WeightTrains => weightArgument >= 0;

    private bool AdaptersTrain => Decomposed is { Trains: true } || Plain.Exists(a => a.Trains);

    public bool Trains => WeightTrains || biasArgument >= 0 || AdaptersTrain;

    public bool ReadsInputInBackward =>
        WeightTrains || Decomposed is { ReadsInputInBackward: true } || Plain.Exists(a => a.ReadsInputInBackward);

    /// <summary>x [n, in]; the output has the shape of the layer's input but for its last axis.</summary>
    public Tensor Forward(Tensor x, long[] inputShape)
    {
        if (Weight.Parameter is { } parameter)
            Pass.Keep(parameter, madeHere: false);      // backward refuses a W that changed since
        var y = empty([.. inputShape[..^1], Weight.OutFeatures], x.dtype, x.device);
        return Forward(x, y);
    }

    /// <summary>Fills y [..., out], or gives another tensor in its place.</summary>
    protected abstract Tensor Forward(Tensor x, Tensor y);

    /// <summary>dy [n, out], x [n, in] and dx [n, in], the last two null where not needed.</summary>
    public void Backward(Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        if (biasArgument >= 0) gradients[biasArgument] = dy.sum(0, type: Bias!.dtype);
        BackwardOfProducts(dy, x, dx, first, saved, gradients);
    }

    protected abstract void BackwardOfProducts(
        Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients);

    /// <summary>dW += dyᵀ x, if W trains; with a factor its rows are scaled.</summary>
    protected void AddWeightGradient(Tensor dy, Tensor? factor, Tensor? x, Tensor?[] gradients)
    {
        if (!WeightTrains) return;
        using var transposed = dy.t();
        var gradient = transposed.mm(x!);                                       // [out, n] x [n, in] -> [out, in]
        using var column = factor?.unsqueeze(1);
        if (column is not null) gradient.mul_(column);
        if (gradients[weightArgument] is { } sofar)
        {
            gradient.add_(sofar);
            sofar.Dispose();
        }
        gradients[weightArgument] = gradient;
    }

    /// <summary>Are there more tokens than the harmonic mean of in and out?</summary>
    internal static bool FoldingPays(long inFeatures, long outFeatures, long tokens) =>
        2 * inFeatures * outFeatures < tokens * (inFeatures + outFeatures);

    /// <summary>
    /// More tokens than the harmonic mean of in and out, everything in float32 or wider (a 16-bit W + ΔW would round ΔW away),
    /// no dropout, a magnitude alone and without zeros (where m = 0 the output does not show u, which the gradient of m needs).
    /// </summary>
    private static bool Folds(AdaptedLinear layer, Tensor x)
    {
        var (working, weight) = (layer.Working.ToList(), layer.Weight);
        if (working.Count == 0 || !FoldingPays(weight.InFeatures, weight.OutFeatures, x.numel() / weight.InFeatures)) return false;
        if (x.dtype != FrozenWeight.Wide(weight.DataType) || working.Exists(a => a.training && a.Dropout > 0)) return false;
        if (working.Find(a => a.Magnitude is not null)?.Magnitude is not { } magnitude) return true;
        using var zeros = magnitude.eq(0);
        using var any = zeros.any();
        return working.Count == 1 && !any.item<bool>();
    }
}
