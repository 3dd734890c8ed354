// A place between two layers that tells when a pass goes by. It changes nothing: forward hands its input on, backward its gradient.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A moment of a step, reported to <see cref="CausalLm.Watch"/>: the pass is at the boundary below layer <see cref="Layer"/>.</summary>
/// <param name="Layer">0: before the first layer; the number of layers: behind the last one, before the final norm and the head.</param>
/// <param name="Backward">False while the output is computed, layer after layer; true while the gradient comes back through them. A
/// boundary whose state needs no gradient (before the first adapted layer over a frozen embedding) is not passed backward.</param>
public readonly record struct LayerMoment(int Layer, bool Backward);

/// <summary>The identity, which reports both passes.</summary>
internal sealed class LayerMark : autograd.SingleTensorFunction<LayerMark>
{
    /// <param name="hidden">[batch, tokens, hidden]</param>
    /// <param name="layer">The boundary's number.</param>
    /// <param name="watch">Who is told.</param>
    /// <returns><paramref name="hidden"/>'s numbers, in the same memory.</returns>
    public static Tensor Apply(Tensor hidden, int layer, Action<LayerMoment> watch) => apply(hidden, layer, watch);

    /// <inheritdoc/>
    public override string Name => nameof(LayerMark);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (hidden, layer, watch) = ((Tensor)vars[0], (int)vars[1], (Action<LayerMoment>)vars[2]);
        ctx.save_data(nameof(layer), layer);
        ctx.save_data(nameof(watch), watch);
        watch(new(layer, Backward: false));
        return hidden.view(hidden.shape);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ((Action<LayerMoment>)ctx.get_data("watch"))(new((int)ctx.get_data("layer"), Backward: true));
        return [grad_output.alias(), null!, null!];
    }
}
