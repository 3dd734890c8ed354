// Gradient checkpointing, switched: by TrainingOptions.GradientCheckpointing for a run, or on a model for a loop of one's own. What it does is in
// Recomputed.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A stack of layers that can be computed again in backward.</summary>
internal interface IRecomputable
{
    /// <summary>Keep only each layer's input for backward?</summary>
    bool Recomputes { get; set; }
}

/// <summary>Less memory for more time.</summary>
public static class GradientCheckpointing
{
    /// <summary>Forward keeps each decoder layer's input alone, and backward computes the layer again: about a third more time, the same gradients
    /// bit for bit, and activations of one layer instead of all. Only while gradients are recorded.</summary>
    /// <param name="model">A model with decoder layers, or a module that has one in it.</param>
    /// <param name="on">Or as it was: everything is kept.</param>
    /// <exception cref="ArgumentException">There are no decoder layers.</exception>
    public static void UseGradientCheckpointing(this nn.Module model, bool on = true)
    {
        foreach (var stack in StacksOf(model)) stack.Recomputes = on;
    }

    /// <summary>On until the result is disposed; then each stack is as it was.</summary>
    internal static IDisposable For(nn.Module model)
    {
        var before = StacksOf(model).Select(stack => (Stack: stack, stack.Recomputes)).ToList();
        foreach (var (stack, _) in before) stack.Recomputes = true;
        return new Undo(before);
    }

    private static List<IRecomputable> StacksOf(nn.Module model)
    {
        var stacks = model.modules().Prepend(model).OfType<IRecomputable>().ToList();
        return stacks.Count > 0 ? stacks
            : throw new ArgumentException($"gradient checkpointing computes decoder layers again, and {model.GetName()} has none; leave it off");
    }

    private sealed class Undo(List<(IRecomputable Stack, bool Recomputes)> before) : IDisposable
    {
        public void Dispose()
        {
            foreach (var (stack, recomputes) in before) stack.Recomputes = recomputes;
        }
    }
}
