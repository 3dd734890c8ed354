// Gradient checkpointing (arXiv 1604.06174): forward keeps a layer's input [batch, tokens, hidden] and nothing that the layer makes of it; backward
// runs the layer once more, now with a graph, and goes back through that. The same numbers for a third more time: torch's generators are put
// back to where forward found them, so dropout drops the same elements, and parameters take their gradients in the inner pass.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A layer that is computed again in backward.</summary>
internal sealed class Recomputed : autograd.SingleTensorFunction<Recomputed>
{
    public override string Name => nameof(Recomputed);

    /// <summary>The layer's output [batch, tokens, hidden].</summary>
    /// <param name="layer">Has to give the same output for the same input and generator's state.</param>
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="segments">The texts in its rows; null: each row is one.</param>
    public static Tensor Of(DecoderLayer layer, Tensor input, AttentionSegments? segments)
    {
        if (!is_grad_enabled() || !(input.requires_grad || Trains(layer))) return layer.forward(input, segments);
        GeneratorStates.RequireAll(layer, input.device);
        // Where the layer's own parameters alone train, the graph has to reach it all the same.
        using var anchor = empty([0], input.dtype, input.device, requires_grad: true);
        return apply(input, anchor, layer, segments!);
    }

    /// <summary>Baselines that hang on a layer are no modules of its own.</summary>
    private static bool Trains(DecoderLayer layer) => layer.parameters().Any(parameter => parameter.requires_grad)
        || layer is { Prefix: not null } or { AfterAttention: not null } or { AfterMlp: not null };

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (input, layer, segments) = ((Tensor)vars[0], (DecoderLayer)vars[2], (AttentionSegments?)vars[3]);
        ctx.save_for_backward([input]);
        ctx.save_data(nameof(layer), layer);
        ctx.save_data(nameof(segments), segments!);
        ctx.save_data(nameof(GeneratorStates), GeneratorStates.Kept(input.device));
        return layer.forward(input, segments);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var input = ctx.get_saved_variables()[0];
        var (layer, segments) = ((DecoderLayer)ctx.get_data("layer"), (AttentionSegments?)ctx.get_data("segments"));
        var before = (GeneratorStates)ctx.get_data(nameof(GeneratorStates));
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        var again = input.detach().requires_grad_(input.requires_grad);
        Tensor output;
        var now = GeneratorStates.Kept(input.device);
        before.PutBack();
        try { output = layer.forward(again, segments); }
        finally { now.PutBack(); }
        if (output.requires_grad) autograd.backward([output], [grad_output]);
        return [again.grad?.DetachFromDisposeScope()!, null!, null!, null!];
    }
}
