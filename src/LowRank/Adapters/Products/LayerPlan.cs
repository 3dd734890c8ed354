// What AdaptedPass keeps for backward, from shapes alone: the same decisions as in AdaptedPass.Forward, SharedReads.Forward, AdditivePass
// and FoldedPass, for layers that need not exist. MemoryLedgerTests holds both together, for every method.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A linear layer of a model that need not exist, with what trains on it.</summary>
/// <param name="Shape">Its path and size.</param>
/// <param name="Adapter">Its adapter's method, or null.</param>
/// <param name="WeightTrains">Does W require a gradient?</param>
/// <param name="HasBias">Does it add a bias?</param>
/// <param name="IsDense">Is W stored as it is multiplied? Another storage makes it dense for each product.</param>
internal sealed record LayerPlan(LayerShape Shape, AdapterConfig? Adapter, bool WeightTrains, bool HasBias, bool IsDense)
{
    private (long Rows, bool Trains) Reader => Adapter?.ReaderOf(Shape.Path, Shape.InFeatures, Shape.OutFeatures) ?? (0, false);

    private bool Drops => Adapter is { Dropout: > 0 };

    private bool ReadsInputInBackward => WeightTrains || (Adapter is not null && (Reader.Rows == 0 || Reader.Trains));

    /// <summary>Does forward make W + ΔW for the time of a product? A magnitude is taken to have no zeros.</summary>
    public bool Folds(ScalarType dtype, long tokens) => Adapter is not null && !Drops && FrozenWeight.Wide(dtype) == dtype
        && LayerPass.FoldingPays(Shape.InFeatures, Shape.OutFeatures, tokens);

    /// <summary>The outputs of layers that read the same x [tokens, in].</summary>
    public static TracedTensor[] Trace(ActivationTrace trace, TracedTensor x, long tokens, params ReadOnlySpan<LayerPlan> layers)
    {
        var plans = layers.ToArray();
        var needsGradient = trace.Records && (x.RequiresGrad || Array.Exists(plans, l => l.WeightTrains || l.Adapter is not null));
        var outputs = Array.ConvertAll(plans, l => trace.Make(tokens * l.Shape.OutFeatures, needsGradient));
        if (!needsGradient) return outputs;

        if (Array.Exists(plans, l => l.ReadsInputInBackward)) trace.Keep(x);
        var readers = plans.Where(l => l.Reader.Rows > 0 && !l.Drops).ToList();
        var width = readers.Sum(l => l.Reader.Rows);
        if (width > 0) trace.KeepMade(tokens * width);
        // One reader in x's type is the parameter itself; several are joined, another type is a copy.
        if (readers.Count > 1 || (width > 0 && FrozenWeight.Wide(trace.DataType) != trace.DataType)) trace.KeepMade(width * plans[0].Shape.InFeatures);
        foreach (var (plan, output) in plans.Zip(outputs)) plan.TraceOwn(trace, tokens, output);
        return outputs;
    }

    private void TraceOwn(ActivationTrace trace, long tokens, TracedTensor output)
    {
        if (Adapter is null) return;
        if (Drops)
        {
            trace.KeepMade(tokens * Shape.InFeatures, ScalarType.Bool);                     // the mask
            if (Reader.Rows > 0) trace.KeepMade(tokens * Reader.Rows);
        }
        if (!Adapter.Decomposed) return;
        trace.KeepMade(Shape.OutFeatures, FrozenWeight.Wide(trace.DataType));               // m/C
        // The magnitude's gradient needs the output before rescaling, or, folded, the one before the bias: the output itself without one.
        if (Folds(trace.DataType, tokens) && !HasBias) trace.Keep(output);
        else trace.KeepMade(tokens * Shape.OutFeatures);
    }
}
