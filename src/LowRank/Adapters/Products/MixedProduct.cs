// A batch whose rows use different adapters: x meets W once for all rows, then the rows of each adapter get its change (as Punica,
// arXiv 2310.18547, and S-LoRA, arXiv 2311.03285, serve many adapters of one model). With x_g the rows of adapter g, u_g = x_g Wᵀ:
//
// plain                     y_g = u_g + b + ΔW x_g
// decomposed                y_g = f ⊙ (u_g + ΔW x_g) + b                  f = m/C, and C is a constant in backward
// decomposed, with dropout  y_g = u_g + b + f ⊙ (x̃ Wᵀ + ΔW x̃) − x̃ Wᵀ      as AdditivePass; x̃ Wᵀ is a product of these rows alone
//
// The products are those of AdaptedProduct; what lies between them is left to autograd.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal static class MixedProduct
{
    /// <summary>The layers' outputs [batch, ..., out_i] for one x [batch, ..., in].</summary>
    public static Tensor[] Run(Tensor x, params ReadOnlySpan<AdaptedLinear> layers)
    {
        var rows = layers[0].Rows;
        foreach (var layer in layers)
            if (layer.Rows != rows) return Apart(x, layers);                    // they belong to different models
        rows!.Check(x);

        using var scope = NewDisposeScope();
        var sorted = rows.Sorted(x);
        var products = AdaptedProduct.Run(sorted, layers);                      // x Wᵀ + b: no adapter works for all rows
        var parts = new List<Tensor>[layers.Length];
        for (var i = 0; i < parts.Length; i++) parts[i] = [];
        foreach (var (name, start, count) in rows.Groups)
        {
            var input = sorted.narrow(0, start, count);
            var adapted = new List<(AdaptedLinear Layer, LinearAdapter Adapter)>();
            foreach (var layer in layers)
                if (name is not null && layer.Find(name) is { } adapter) adapted.Add((layer, adapter));
            var changes = Changes(input, adapted);
            for (var i = 0; i < layers.Length; i++)
            {
                var product = products[i].narrow(0, start, count);
                var layer = layers[i];
                var place = adapted.FindIndex(a => a.Layer == layer);
                parts[i].Add(place < 0 ? product : Changed(product, input, changes[place], adapted[place]));
            }
        }
        return [.. parts.Select(of => rows.Unsorted(of.Count == 1 ? of[0] : cat(of, 0)).MoveToOuterDisposeScope())];
    }

    private static Tensor[] Apart(Tensor x, ReadOnlySpan<AdaptedLinear> layers)
    {
        var outputs = new Tensor[layers.Length];
        for (var i = 0; i < outputs.Length; i++) outputs[i] = layers[i].forward(x);
        return outputs;
    }

    /// <summary>ΔW x [..., out] of each layer without dropout, in one pass that shares what they read; null for those with.</summary>
    private static Tensor?[] Changes(Tensor x, List<(AdaptedLinear Layer, LinearAdapter Adapter)> adapted)
    {
        var together = adapted.FindAll(a => !a.Adapter.DropsNow);
        var changes = new Queue<Tensor>(together.Count == 0 ? [] : AdaptedProduct.OfUpdates(x, together));
        return [.. adapted.Select(a => a.Adapter.DropsNow ? null : changes.Dequeue())];
    }

    /// <summary>The rows' output, from x Wᵀ + b and ΔW x.</summary>
    private static Tensor Changed(Tensor product, Tensor x, Tensor? change, (AdaptedLinear Layer, LinearAdapter Adapter) adapted)
    {
        var (layer, adapter) = adapted;
        if (change is null)
        {
            var dropped = Dropped(x, adapter.Dropout);
            change = AdaptedProduct.OfUpdates(dropped, [adapted])[0];
            if (adapter.Magnitude is null) return product + change;
            var through = WithoutBias(AdaptedProduct.Run(dropped, layer)[0], layer);
            return product + (Factor(layer, adapter) * (through + change) - through).to(product.dtype);
        }
        if (adapter.Magnitude is null) return product + change;
        var scaled = Factor(layer, adapter) * (WithoutBias(product, layer) + change);
        return (layer.Bias is null ? scaled : scaled + layer.Bias).to(product.dtype);
    }

    private static Tensor WithoutBias(Tensor product, AdaptedLinear layer) => layer.Bias is null ? product : product - layer.Bias;

    /// <summary>f = m/C [out] in float32 or wider, with a gradient for m alone.</summary>
    private static Tensor Factor(AdaptedLinear layer, LinearAdapter adapter)
    {
        var factor = adapter.Norm.Factor(adapter.Magnitude!, layer.Weight, adapter.Update);
        if (!is_grad_enabled() || !adapter.Magnitude!.requires_grad) return factor;
        var norm = adapter.Norm.Of(layer.Weight, adapter.Update).alias();
        return factor + (adapter.Magnitude - adapter.Magnitude.detach()) / norm;        // + 0: the slope alone
    }

    private static Tensor Dropped(Tensor x, double dropout)
    {
        var mask = empty(x.shape, ScalarType.Bool, x.device).bernoulli_(1 - dropout);
        return x * mask * (1 / (1 - dropout));
    }
}
