// One training step's forward pass of a Llama-style model from shapes alone, in the order of DecoderLayer, Attention and GatedMlp, and
// what backward takes at once on its way back through each layer.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Bytes of one decoder layer in a step.</summary>
/// <param name="KeptSoFar">Activations kept for backward when its forward is over, with those of the layers before it.</param>
/// <param name="Forward">What its forward has alive at most beyond those.</param>
/// <param name="Backward">What its backward has alive at most beyond activations and gradients of parameters.</param>
/// <param name="Gradients">Its parameters' gradients.</param>
internal readonly record struct LayerBytes(long KeptSoFar, long Forward, long Backward, long Gradients);

/// <summary>The walk through the model.</summary>
internal sealed class LlamaTrace
{
    private readonly LlamaConfig model;
    private readonly AdapterConfig? adapter;
    private readonly bool full;
    private readonly long batch, tokens, places;
    private readonly ActivationTrace trace;
    private readonly ScalarType dtype;
    private readonly List<LayerBytes> layers = [];

    /// <param name="model">The model's shape.</param>
    /// <param name="adapter">The method, with its targets, or null.</param>
    /// <param name="trainsAll">Full fine-tuning: everything trains.</param>
    /// <param name="batch">Rows.</param>
    /// <param name="tokens">Places of a row.</param>
    /// <param name="dtype">Of weights and activations.</param>
    public LlamaTrace(LlamaConfig model, AdapterConfig? adapter, bool trainsAll, long batch, long tokens, ScalarType dtype)
    {
        (this.model, this.adapter, full, this.batch, this.tokens, this.dtype) = (model, adapter, trainsAll, batch, tokens, dtype);
        (places, trace) = (batch * tokens, new(dtype));
        Walk();
    }

    public IReadOnlyList<LayerBytes> Layers => layers;

    /// <summary>Activations kept for backward when the loss is there.</summary>
    public long Kept => trace.Kept;

    /// <summary>Tensors among them.</summary>
    public int Tensors => trace.Tensors;

    /// <summary>What the loss has alive at most beyond that, in forward or at the start of backward.</summary>
    public long Loss { get; private set; }

    /// <summary>A layer's parameters that train, in bytes: an adapter's in float32 or wider, a weight's in its own type.</summary>
    public static long TrainedBytes(LayerShape layer, AdapterConfig? adapter, ScalarType dtype) =>
        adapter?.Chooses(layer.Path) != true ? 0
        : adapter.FileTensorsOf(layer.Path, layer.InFeatures, layer.OutFeatures).Sum(t => t.Shape.Aggregate(1L, (product, n) => product * n))
            * FrozenWeight.Wide(dtype).ElementSize();

    private void Walk()
    {
        var plans = model.LinearLayers().Select(l => new LayerPlan(l, adapter?.Chooses(l.Path) == true ? adapter : null, full, HasBias(l))).ToList();
        var hidden = trace.Make(places * model.HiddenSize, full);
        var linears = plans.Count / model.Layers;               // seven, and the head after the last layer
        for (var i = 0; i < model.Layers; i++) hidden = Layer(hidden, plans.GetRange(i * linears, linears));
        hidden = RmsNormFunction.Trace(trace, hidden, places, full);
        var size = dtype.ElementSize();
        var kept = trace.Kept;
        if (model.TiedEmbeddings)
        {
            var chunk = NextTokenLoss.TraceHidden(trace, hidden, places, model.VocabularySize, full) * size;
            // Backward scales the gradients that forward kept into new ones.
            Loss = Math.Max(chunk + hidden.Numbers * size, trace.Kept - kept);
        }
        else
        {
            var logits = LayerPlan.Trace(trace, hidden, places, plans[^1])[0];
            NextTokenLoss.TraceLogits(trace, logits);
            Loss = (logits.Numbers + hidden.Numbers) * size;
        }
    }

    private TracedTensor Layer(TracedTensor hidden, List<LayerPlan> linears)
    {
        var passingBefore = trace.Passing;
        var (q, k, v, o, gate, up, down) = (linears[0], linears[1], linears[2], linears[3], linears[4], linears[5], linears[6]);
        var normed = RmsNormFunction.Trace(trace, hidden, places, full);
        var heads = LayerPlan.Trace(trace, normed, places, q, k, v);
        var mixed = AttentionFunction.Trace(trace, heads[0], heads[1], heads[2], tokens, model.HeadSize);
        var attended = Sum(hidden, LayerPlan.Trace(trace, mixed, places, o)[0]);
        var between = RmsNormFunction.Trace(trace, attended, places, full);
        var both = LayerPlan.Trace(trace, between, places, gate, up);
        var gated = SwiGluFunction.Trace(trace, both[0], both[1]);
        var result = Sum(attended, LayerPlan.Trace(trace, gated, places, down)[0]);
        layers.Add(new(trace.Kept, trace.Passing - passingBefore + Folding(linears), Backward(linears), Gradients(linears)));
        return result;
    }

    private TracedTensor Sum(TracedTensor left, TracedTensor right) => trace.Make(left.Numbers, left.RequiresGrad || right.RequiresGrad);

    /// <summary>
    /// The larger of two moments: SwiGLU's backward, with the gradients of its output, gate and up, and the stream's; and attention's, with
    /// those of P, of q, k and v in both layouts, and the stream's.
    /// </summary>
    private long Backward(List<LayerPlan> linears)
    {
        long q = model.Heads * model.HeadSize, kv = model.KeyValueHeads * model.HeadSize, stream = places * model.HiddenSize;
        var mlp = 3 * places * model.IntermediateSize + 2 * stream;
        var attention = batch * model.Heads * tokens * tokens + places * (4 * q + 4 * kv) + stream;
        return Math.Max(mlp, attention) * dtype.ElementSize() + Folding(linears);
    }

    /// <summary>The largest W + ΔW that lives for the time of a product.</summary>
    private long Folding(List<LayerPlan> linears) => linears.Where(l => l.Folds(dtype, places))
        .Select(l => l.Shape.InFeatures * l.Shape.OutFeatures * dtype.ElementSize()).DefaultIfEmpty(0).Max();

    private long Gradients(List<LayerPlan> linears)
    {
        if (!full) return linears.Sum(l => TrainedBytes(l.Shape, adapter, dtype));
        var numbers = linears.Sum(l => l.Shape.InFeatures * l.Shape.OutFeatures + (l.HasBias ? l.Shape.OutFeatures : 0)) + 2 * model.HiddenSize;
        return numbers * dtype.ElementSize();
    }

    private bool HasBias(LayerShape layer) =>
        layer.Path.Contains(".self_attn.", StringComparison.Ordinal) ? model.AttentionBias
        : layer.Path.Contains(".mlp.", StringComparison.Ordinal) && model.MlpBias;
}
