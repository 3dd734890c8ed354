// The layer as sums of products of n tokens:
//
// plain        y = x Wᵀ + b + Σ ΔW x
// decomposed   u = x Wᵀ + ΔW x,  y = f ⊙ u + b     t = f ⊙ dy takes dy's place;  dm = Σ_n dy ⊙ u / C
// decomposed, with dropout (x̃ is the dropped x, ũ = x̃ Wᵀ + ΔW x̃)
//              y = x Wᵀ + b + f ⊙ ũ − x̃ Wᵀ        dx = dy W + mask ⊙ ((t − dy) W + …)
using static TorchSharp.torch;

namespace LowRank;

internal sealed class AdditivePass(AdaptedLinear layer, AdaptedPass pass, List<object> arguments)
    : LayerPass(layer, pass, arguments, folded: false)
{
    private int savedFactor = -1, savedOutput = -1, savedNorm = -1;

    protected override Tensor Forward(Tensor x, Tensor y)
    {
        var flat = y.view(-1, Weight.OutFeatures);                              // [n, out]
        var biasFirst = Bias is not null && (Decomposed is null || Decomposed.Drops);
        if (biasFirst) flat.copy_(Bias!);
        Weight.Multiply(x, flat, accumulate: biasFirst);                        // [n, in] x [in, out] -> [n, out]
        if (Decomposed is { Drops: true }) AddDropped(x, flat);
        else if (Decomposed is not null) Decompose(x, ref y, ref flat);
        foreach (var adapter in Plain)
        {
            using var input = adapter.Input(x);
            adapter.AddTo(flat, input);
        }
        flat.Dispose();
        return y;
    }

    /// <summary>y = f ⊙ (x Wᵀ + ΔW x) + b, where y comes in as x Wᵀ.</summary>
    private void Decompose(Tensor x, ref Tensor y, ref Tensor flat)
    {
        Decomposed!.AddTo(flat, x);
        using var factor = Factor();
        if (Pass.NeedsGradient && Decomposed.MagnitudeTrains)
        {
            savedOutput = Pass.Keep(flat, madeHere: true);
            var scaled = y.mul(factor);                 // in float32 or wider, rounded once
            y.Dispose();
            y = scaled.dtype == x.dtype ? scaled : Narrowed(scaled, x.dtype);
            flat = y.view(-1, Weight.OutFeatures);
        }
        else flat.mul_(factor);
        if (Bias is not null) flat.add_(Bias);
    }

    /// <summary>y += f ⊙ (x̃ Wᵀ + ΔW x̃) − x̃ Wᵀ.</summary>
    private void AddDropped(Tensor x, Tensor y)
    {
        using var input = Decomposed!.Input(x);
        using var product = empty_like(y);
        Weight.Multiply(input, product);                                        // [n, in] x [in, out] -> [n, out]
        var output = product.clone();
        Decomposed.AddTo(output, input);
        using var factor = Factor();
        using var scaled = output.mul(factor);
        scaled.sub_(product);
        y.add_(scaled);
        savedOutput = Pass.Keep(output, madeHere: true);
    }

    private Tensor Factor()
    {
        var adapter = Decomposed!.Adapter;
        var factor = adapter.Norm.Factor(adapter.Magnitude!, Weight, adapter.Update);
        savedFactor = Pass.Keep(factor.alias(), madeHere: true);
        savedNorm = Pass.Keep(adapter.Norm.Of(Weight, adapter.Update).alias(), madeHere: true);
        return factor;
    }

    protected override void BackwardOfProducts(
        Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        if (Decomposed is null) BackwardOfWeight(dy, x, dx, first, gradients);
        else BackwardOfScaled(dy, x, dx, first, saved, gradients);
        foreach (var adapter in Plain) BackwardOfAdapter(adapter, dy, x, dx, saved, gradients);
    }

    private void BackwardOfWeight(Tensor dy, Tensor? x, Tensor? dx, bool first, Tensor?[] gradients)
    {
        if (dx is not null) Weight.MultiplyTransposed(dy, dx, accumulate: !first);      // [n, out] x [out, in] -> [n, in]
        AddWeightGradient(dy, null, x, gradients);
    }

    private void BackwardOfScaled(Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        var factor = saved[savedFactor];
        if (Decomposed!.MagnitudeTrains)
        {
            using var sums = ColumnDot.Of(dy, saved[savedOutput], factor.dtype);
            gradients[Decomposed.MagnitudeArgument] = sums.div(saved[savedNorm]);
        }
        using var wide = dy.mul(factor);
        using var t = wide.to(dy.dtype);
        if (!Decomposed.Drops)
        {
            BackwardOfWeight(t, x, dx, first, gradients);
            BackwardOfAdapter(Decomposed, t, x, dx, saved, gradients);
            return;
        }

        // Two ways through W: dy with x, and t − dy with the dropped x.
        BackwardOfWeight(dy, x, dx, first, gradients);
        using var difference = t.sub(dy);
        using var input = x is null ? null : Decomposed.InputAgain(x, saved);
        using var dInput = dx is null ? null : empty_like(dx);
        BackwardOfWeight(difference, input, dInput, first: true, gradients);
        Decomposed.Backward(t, null, input, dInput, saved, gradients);
        if (dx is not null) Decomposed.AddThroughDropout(dInput!, dx, saved);
    }

    private static void BackwardOfAdapter(
        AdapterPass adapter, Tensor dy, Tensor? x, Tensor? dx, List<Tensor> saved, Tensor?[] gradients)
    {
        if (!adapter.Drops)
        {
            adapter.Backward(dy, null, x, dx, saved, gradients);
            return;
        }
        using var input = x is null ? null : adapter.InputAgain(x, saved);
        using var dInput = dx is null ? null : zeros_like(dx);
        adapter.Backward(dy, null, input, dInput, saved, gradients);
        if (dx is not null) adapter.AddThroughDropout(dInput!, dx, saved);
    }

    private static Tensor Narrowed(Tensor wide, ScalarType dtype)
    {
        using (wide) return wide.to(dtype);
    }
}
