// What AdaptedPass keeps for backward, from shapes alone: the same decisions as in AdaptedPass.Forward, SharedReads.Forward, AdditivePass
// and FoldedPass, and in AdaptedLinear.AdaptedRows for an embedding, for layers that need not exist. MemoryLedgerTests holds both together,
// for every method.
using TorchSharp;
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

    /// <summary>The rows [tokens, in] that an embedding gives. Its adapter works in float32 or wider.</summary>
    public TracedTensor TraceRows(ActivationTrace trace, long tokens)
    {
        var rows = trace.Make(tokens * Shape.InFeatures, trace.Records && (WeightTrains || Adapter is not null));
        if (!rows.RequiresGrad || Adapter is null) return rows;
        var wide = FrozenWeight.Wide(trace.DataType);
        if (HasRows) trace.KeepMade(tokens * Reader.Rows, wide);                            // s·B of these rows
        else
        {
            if (ReadsInputInBackward) trace.KeepMade(Shape.InFeatures * Shape.InFeatures, wide);        // the identity
            if (Reader.Rows > 0) trace.KeepMade(Shape.InFeatures * Reader.Rows, wide);                  // what is read of it
        }
        if (!Adapter.Decomposed) return rows;
        trace.KeepMade(tokens * Shape.InFeatures, wide);                                    // the rows before rescaling
        for (var i = 0; i < 2; i++) trace.KeepMade(tokens, wide);                           // m/C and C of these rows
        return rows;
    }

    /// <summary>Bytes that a look-up has alive at once beside what it keeps: W's rows, ΔW's and their sum, and what it takes to make ΔW's.</summary>
    public (long Forward, long Backward) RowsInPassing(ScalarType dtype, long tokens)
    {
        var rows = tokens * Shape.InFeatures * dtype.ElementSize();
        if (Adapter is null) return (rows, rows);
        var wide = FrozenWeight.Wide(dtype).ElementSize();
        rows += 2 * tokens * Shape.InFeatures * wide;
        var (forward, backward) = Matrices;
        return (rows + Thin(dtype) + forward * Matrix(dtype), rows + 2 * Thin(dtype) + backward * Matrix(dtype));
    }

    /// <summary>Bytes that a product with W + ΔW has alive at once beside its output, or in backward beside the gradients of output and
    /// input, which a magnitude rescales.</summary>
    public long ProductInPassing(ScalarType dtype, long tokens)
    {
        var rescaled = Adapter is not { Decomposed: true } || Folds(dtype, tokens) ? 0 : (Drops ? 2 : 1) * tokens * Shape.OutFeatures * dtype.ElementSize();
        var (forward, backward) = Matrices;
        return Thin(dtype) + Math.Max(Math.Max(0, forward - 1) * Matrix(dtype), rescaled + Math.Max(0, backward - 1) * Matrix(dtype));
    }

    /// <summary>The matrix [out, r] that stands beside a reader, scaled.</summary>
    private long Thin(ScalarType dtype) => Reader.Rows * Shape.OutFeatures * FrozenWeight.Wide(dtype).ElementSize();

    private long Matrix(ScalarType dtype) => Shape.InFeatures * Shape.OutFeatures * FrozenWeight.Wide(dtype).ElementSize();

    /// <summary>How many matrices of W's size are alive where ΔW is multiplied with the identity, its product one of them: a row norm is one of
    /// the sum, and methods that make ΔW itself have it beside its product, and its gradient.</summary>
    private (int Forward, int Backward) Matrices => Adapter switch
    {
        null => (0, 0),
        LoraConfig lora => (lora.Decomposed && lora.Init.IsPartOfWeight() ? 2 : 0, 0),
        LohaConfig => (4, 4),                                                   // its two products beside ΔW
        MoraConfig => (2, 1),
        _ when Adapter is QaLoraConfig or DyLoraConfig || Reader.Rows > 0 => (Adapter.Decomposed ? 2 : 1, 1),
        _ => (2, 3),
    };

    /// <summary>Does the method give single rows of ΔW (<see cref="Update.DeltaRows"/>)?</summary>
    internal bool HasRows => Adapter is LoraConfig;

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
