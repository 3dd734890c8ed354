// The layer as one product with f ⊙ (W + ΔW), a matrix that lives only as long as the product:
//
// forward    E = f ⊙ (W + ΔW),  y = x Eᵀ + b
// backward   dx = dy E, with E made again;  f goes into the small matrices of the update's gradients
//            dm = Σ_n dy ⊙ (f ⊙ u) / (f C): the output itself, before the bias, is all that is kept for it
using static TorchSharp.torch;

namespace LowRank;

internal sealed class FoldedPass(AdaptedLinear layer, AdaptedPass pass, List<object> arguments)
    : LayerPass(layer, pass, arguments, folded: true)
{
    private int savedFactor = -1, savedNorm = -1, savedOutput = -1;

    protected override Tensor Forward(Tensor x, Tensor y)
    {
        using var flat = y.view(-1, Weight.OutFeatures);                        // [n, out]
        using var effective = Decomposed is null ? Sum(x.dtype) : Decompose(x.dtype);
        using var transposed = effective.t();
        var biasFirst = Bias is not null && Decomposed is null;
        if (biasFirst) flat.copy_(Bias!);
        flat.addmm_(x, transposed, biasFirst ? 1 : 0);                          // [n, in] x [in, out] -> [n, out]
        foreach (var adapter in Plain)
        {
            adapter.KeepTensors();
            using var offset = adapter.Update.Offset();
            if (offset is not null) flat.add_(offset);
        }
        return Decomposed is null ? y : WithBias(y);
    }

    /// <summary>Keeps f ⊙ u for the gradient of m, and adds the bias to it.</summary>
    private Tensor WithBias(Tensor scaled)
    {
        Decomposed!.KeepTensors();
        if (Decomposed.MagnitudeTrains) savedOutput = Pass.Keep(scaled, madeHere: Bias is not null);
        return Bias is null ? scaled : scaled.add(Bias);
    }

    protected override void BackwardOfProducts(
        Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        var factor = Decomposed is null ? null : saved[savedFactor];
        if (dx is not null)
        {
            using var effective = factor is null ? Sum(dy.dtype) : Scaled(factor, dy.dtype);
            dx.addmm_(dy, effective, first ? 0 : 1);                            // [n, out] x [out, in] -> [n, in]
        }
        AddWeightGradient(dy, factor, x, gradients);
        if (Decomposed is { MagnitudeTrains: true })
        {
            using var output = saved[savedOutput].reshape(-1, Weight.OutFeatures);
            using var sums = ColumnDot.Of(dy, output, factor!.dtype);
            using var magnitude = factor.mul(saved[savedNorm]);                 // f C: m, and 1 for a row of zeros
            gradients[Decomposed.MagnitudeArgument] = sums.div(magnitude);
        }
        Decomposed?.Backward(dy, factor, x, null, saved, gradients);
        foreach (var adapter in Plain) adapter.Backward(dy, null, x, null, saved, gradients);
    }

    /// <summary>W + Σ ΔW [out, in], to be disposed.</summary>
    private Tensor Sum(ScalarType dtype)
    {
        var sum = Weight.Dequantize(dtype);
        foreach (var adapter in Decomposed is null ? Plain : [Decomposed])
        {
            using var before = sum;
            sum = adapter.Update.AddedTo(before);
        }
        return sum;
    }

    /// <summary>f ⊙ (W + ΔW) [out, in], to be disposed; f and C are kept for backward.</summary>
    private Tensor Decompose(ScalarType dtype)
    {
        var (adapter, update) = (Decomposed!.Adapter, Decomposed.Update);
        var sum = Sum(dtype);                           // its norm costs less than LoRA's without it (W Aᵀ is a skinny product)
        var factor = adapter.Norm.Factor(adapter.Magnitude!, Weight, update, sum);
        savedFactor = Pass.Keep(factor, madeHere: true);
        savedNorm = Pass.Keep(adapter.Norm.Of(Weight, update, sum).alias(), madeHere: true);
        using var column = factor.unsqueeze(1);
        sum.mul_(column);
        return sum;
    }

    /// <summary>The same again, in backward.</summary>
    private Tensor Scaled(Tensor factor, ScalarType dtype)
    {
        using var dense = Weight.Dequantize(dtype);
        return Decomposed!.Update.AddedTo(dense, factor);
    }
}
