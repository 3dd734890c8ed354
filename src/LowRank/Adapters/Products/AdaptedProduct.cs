// The library's one hand-written autograd function of a linear layer: the outputs of one or several layers that read the same x.
// What happens for a layer is in LayerPass, the product that the layers' adapters share in SharedReads; here is what binds them.
//
// forward    reads = x [A_1; A_2; …]ᵀ                                  one skinny product for all layers
//            y_i   = x W_iᵀ + b_i, to which each update adds itself     in place
// backward   dx    = Σ_i t_i W_i + dreads [A_1; A_2; …]                 summed in place; t_i = dy_i, or f ⊙ dy_i (DoRA)
//            d[A_1; A_2; …] = dreadsᵀ x                                 one skinny product
// Kept for backward: x, reads, and for a trained magnitude the output before rescaling. Nothing out×in stays alive, W gets a
// gradient only if it trains.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal sealed class AdaptedProduct : autograd.MultiTensorFunction<AdaptedProduct>
{
    private const string Pass = "pass";

    public override string Name => nameof(AdaptedLinear);

    /// <summary>The layers' outputs [..., out_i] for one x [..., in].</summary>
    public static Tensor[] Run(Tensor x, params ReadOnlySpan<AdaptedLinear> layers)
    {
        var arguments = new List<object> { null!, x };
        return Run(x, new AdaptedPass(x, layers, arguments), arguments);
    }

    /// <summary>The updates' own products ΔW_i x [..., out_i], without the weights of their layers, magnitudes and dropout.</summary>
    public static Tensor[] OfUpdates(Tensor x, IReadOnlyList<(AdaptedLinear Layer, LinearAdapter Adapter)> updates)
    {
        var arguments = new List<object> { null!, x };
        return Run(x, new AdaptedPass(x, updates, arguments), arguments);
    }

    private static Tensor[] Run(Tensor x, AdaptedPass pass, List<object> arguments)
    {
        try
        {
            if (!pass.NeedsGradient) return [.. pass.Forward(x)];
            arguments[0] = pass;
            return [.. apply(arguments.ToArray())];
        }
        finally { pass.ReleaseForward(); }
    }

    public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var pass = (AdaptedPass)vars[0];
        var outputs = pass.Forward((Tensor)vars[1]);
        ctx.save_for_backward(pass.Saved);
        ctx.save_data(Pass, pass);
        return outputs;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        var pass = (AdaptedPass)ctx.get_data(Pass);
        return new List<Tensor>(pass.Backward(ctx.get_saved_variables(), grad_outputs)!);
    }
}
