// One layer in one call. With u = x Wᵀ + ΔW x, f = m/C (DoRA, arXiv 2402.09353, eq. 5 and 11; C is a constant):
//
// plain        y = u + b                          dW = dyᵀ x
// decomposed   y = f ⊙ u + b                      t = f ⊙ dy takes dy's place;  dm = Σ_n dy ⊙ u / C
// decomposed, with dropout (x̃ is the dropped x, ũ = x̃ Wᵀ + ΔW x̃)
//              y = x Wᵀ + b + f ⊙ ũ − x̃ Wᵀ        dx = dy W + mask ⊙ ((t − dy) W + …)
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

internal sealed class LayerPass
{
    private readonly AdaptedPass pass;
    private readonly FrozenWeight weight;
    private readonly Parameter? bias;
    private readonly AdapterPass? decomposed;           // at most one
    private readonly List<AdapterPass> plain = [];
    private readonly int weightArgument = -1, biasArgument = -1;
    private int savedFactor = -1, savedOutput = -1, savedNorm = -1;

    public LayerPass(AdaptedLinear layer, AdaptedPass pass, List<object> arguments)
    {
        this.pass = pass;
        weight = layer.Weight;
        bias = layer.Bias;
        if (weight.Parameter is { requires_grad: true } trained)
        {
            weightArgument = arguments.Count;
            arguments.Add(trained);
        }
        if (bias is { requires_grad: true })
        {
            biasArgument = arguments.Count;
            arguments.Add(bias);
        }
        foreach (var adapter in layer.Working)
        {
            var one = new AdapterPass(adapter, pass, arguments);
            if (adapter.Magnitude is null) plain.Add(one);
            else decomposed = one;
        }
    }

    private bool WeightTrains => weightArgument >= 0;

    public bool Trains => WeightTrains || biasArgument >= 0 || decomposed is { Trains: true } || plain.Exists(a => a.Trains);

    public bool ReadsInputInBackward => WeightTrains || decomposed is { Trains: true } || plain.Exists(a => a.Trains);

    /// <summary>x [n, in]; the output has the shape of the layer's input but for its last axis.</summary>
    public Tensor Forward(Tensor x, long[] inputShape)
    {
        if (weight.Parameter is { } parameter) pass.Keep(parameter, madeHere: false);      // backward refuses a W that changed since
        var y = empty([.. inputShape[..^1], weight.OutFeatures], x.dtype, x.device);
        var flat = y.view(-1, weight.OutFeatures);                              // [n, out]
        var biasFirst = bias is not null && (decomposed is null || decomposed.Drops);
        if (biasFirst) flat.copy_(bias!);
        weight.Multiply(x, flat, accumulate: biasFirst);                        // [n, in] x [in, out] -> [n, out]
        if (decomposed is { Drops: true }) AddDropped(x, flat);
        else if (decomposed is not null) Decompose(x, ref y, ref flat);
        foreach (var adapter in plain)
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
        decomposed!.AddTo(flat, x);
        using var factor = Factor();
        if (pass.NeedsGradient && decomposed.MagnitudeTrains)
        {
            savedOutput = pass.Keep(flat, madeHere: true);
            var scaled = y.mul(factor);                 // in float32 or wider, rounded once
            y.Dispose();
            y = scaled.dtype == x.dtype ? scaled : Narrowed(scaled, x.dtype);
            flat = y.view(-1, weight.OutFeatures);
        }
        else flat.mul_(factor);
        if (bias is not null) flat.add_(bias);
    }

    /// <summary>y += f ⊙ (x̃ Wᵀ + ΔW x̃) − x̃ Wᵀ.</summary>
    private void AddDropped(Tensor x, Tensor y)
    {
        using var input = decomposed!.Input(x);
        using var product = empty_like(y);
        weight.Multiply(input, product);                                        // [n, in] x [in, out] -> [n, out]
        var output = product.clone();
        decomposed.AddTo(output, input);
        using var factor = Factor();
        using var scaled = output.mul(factor);
        scaled.sub_(product);
        y.add_(scaled);
        savedOutput = pass.Keep(output, madeHere: true);
    }

    private Tensor Factor()
    {
        var adapter = decomposed!.Adapter;
        var factor = adapter.Norm.Factor(adapter.Magnitude!, weight, adapter.Update);
        savedFactor = pass.Keep(factor.alias(), madeHere: true);
        savedNorm = pass.Keep(adapter.Norm.Of(weight, adapter.Update).alias(), madeHere: true);
        return factor;
    }

    /// <summary>dy [n, out], x [n, in] and dx [n, in], the last two null where not needed.</summary>
    public void Backward(Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        if (biasArgument >= 0) gradients[biasArgument] = dy.sum(0, type: bias!.dtype);
        if (decomposed is null) BackwardOfWeight(dy, x, dx, first, gradients);
        else BackwardOfDecomposed(dy, x, dx, first, saved, gradients);
        foreach (var adapter in plain) BackwardOfAdapter(adapter, dy, x, dx, saved, gradients);
    }

    private void BackwardOfWeight(Tensor dy, Tensor? x, Tensor? dx, bool first, Tensor?[] gradients)
    {
        if (dx is not null) weight.MultiplyTransposed(dy, dx, accumulate: !first);      // [n, out] x [out, in] -> [n, in]
        if (!WeightTrains) return;
        using var transposed = dy.t();
        var gradient = transposed.mm(x!);                                       // [out, n] x [n, in] -> [out, in]
        if (gradients[weightArgument] is { } sofar) gradient.add_(sofar);
        gradients[weightArgument] = gradient;
    }

    private void BackwardOfDecomposed(Tensor dy, Tensor? x, Tensor? dx, bool first, List<Tensor> saved, Tensor?[] gradients)
    {
        var factor = saved[savedFactor];
        if (decomposed!.MagnitudeTrains)
        {
            using var products = dy.mul(saved[savedOutput]);
            using var sums = products.sum(0, type: factor.dtype);
            gradients[decomposed.MagnitudeArgument] = sums.div(saved[savedNorm]);
        }
        using var wide = dy.mul(factor);
        using var t = wide.to(dy.dtype);
        if (!decomposed.Drops)
        {
            BackwardOfWeight(t, x, dx, first, gradients);
            BackwardOfAdapter(decomposed, t, x, dx, saved, gradients);
            return;
        }

        // Two ways through W: dy with x, and t − dy with the dropped x.
        BackwardOfWeight(dy, x, dx, first, gradients);
        using var difference = t.sub(dy);
        using var input = x is null ? null : decomposed.InputAgain(x, saved);
        using var dInput = dx is null ? null : empty_like(dx);
        BackwardOfWeight(difference, input, dInput, first: true, gradients);
        decomposed.Backward(t, input, dInput, saved, gradients);
        if (dx is not null) decomposed.AddThroughDropout(dInput!, dx, saved);
    }

    private static void BackwardOfAdapter(AdapterPass adapter, Tensor dy, Tensor? x, Tensor? dx, List<Tensor> saved, Tensor?[] gradients)
    {
        if (!adapter.Drops)
        {
            adapter.Backward(dy, x, dx, saved, gradients);
            return;
        }
        using var input = x is null ? null : adapter.InputAgain(x, saved);
        using var dInput = dx is null ? null : zeros_like(dx);
        adapter.Backward(dy, input, dInput, saved, gradients);
        if (dx is not null) adapter.AddThroughDropout(dInput!, dx, saved);
    }

    private static Tensor Narrowed(Tensor wide, ScalarType dtype)
    {
        using (wide) return wide.to(dtype);
    }
}
