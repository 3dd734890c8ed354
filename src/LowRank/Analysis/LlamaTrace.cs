// One training step's forward pass of a Llama-style model from shapes alone, in the order of DecoderLayer, Attention and GatedMlp, and
// what backward takes at once on its way back through each layer.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The worst moments of one decoder layer, in bytes.</summary>
/// <param name="Forward">Activations kept so far, and what its forward has alive in passing.</param>
/// <param name="Backward">Activations still kept, and the gradients on their way; without those of parameters.</param>
/// <param name="Gradients">Its parameters' gradients.</param>
internal readonly record struct LayerBytes(long Forward, long Backward, long Gradients);

/// <summary>The walk through the model.</summary>
internal sealed class LlamaTrace
{
    private readonly LlamaConfig model;
    private readonly AdapterConfig? adapter;
    private readonly bool full;                             // does everything train?
    private readonly long batch, tokens, places;
    private readonly ActivationTrace trace;
    private readonly ScalarType dtype;
    private readonly List<LayerBytes> layers = [];

    /// <param name="model">The model's shape.</param>
    /// <param name="adapter">The method, with its targets, or null.</param>
    /// <param name="trains">A step of training, of everything where there is no adapter; else a pass without gradients.</param>
    /// <param name="batch">Rows.</param>
    /// <param name="tokens">Places of a row.</param>
    /// <param name="dtype">Of weights and activations.</param>
    /// <param name="isDense">Is a layer's weight stored as it is multiplied?</param>
    public LlamaTrace(LlamaConfig model, AdapterConfig? adapter, bool trains, long batch, long tokens, ScalarType dtype, Func<LayerShape, bool> isDense)
    {
        (this.model, this.adapter, full, this.batch, this.tokens, this.dtype) = (model, adapter, trains && adapter is null, batch, tokens, dtype);
        (places, trace) = (batch * tokens, new(dtype, trains));
        Walk(isDense);
    }

    public IReadOnlyList<LayerBytes> Layers => layers;

    /// <summary>Activations kept for backward when the loss is there.</summary>
    public long Kept => trace.Kept;

    /// <summary>Tensors among them.</summary>
    public int Tensors => trace.Tensors;

    /// <summary>What the loss has alive at most beyond those, in forward or at the start of backward.</summary>
    public long Loss { get; private set; }

    private void Walk(Func<LayerShape, bool> isDense)
    {
        var plans = model.Products().Select(l => new LayerPlan(l, adapter?.Chooses(l.Path) == true ? adapter : null, full, HasBias(l), isDense(l))).ToList();
        var hidden = trace.Make(places * model.HiddenSize, full);
        foreach (var seven in plans.Take(7 * model.Layers).Chunk(7)) hidden = Layer(hidden, [.. seven]);       // after the last comes the head
        hidden = RmsNormFunction.Trace(trace, hidden, places, full);
        var kept = trace.Kept;
        if (model.TiedEmbeddings)
        {
            var chunk = NextTokenLoss.TraceHidden(trace, hidden, places, model.VocabularySize, full);
            // Backward scales the gradients that forward kept into new ones.
            Loss = Math.Max(Bytes(chunk + hidden.Numbers), trace.Kept - kept);
        }
        else
        {
            var logits = LayerPlan.Trace(trace, hidden, places, plans[^1])[0];
            NextTokenLoss.TraceLogits(trace, logits);
            Loss = Bytes(logits.Numbers + hidden.Numbers) + (Fused ? 0 : places * model.VocabularySize * Wide);
        }
    }

    private TracedTensor Layer(TracedTensor hidden, List<LayerPlan> linears)
    {
        var passed = trace.Passing;
        var (q, k, v, o, gate, up, down) = (linears[0], linears[1], linears[2], linears[3], linears[4], linears[5], linears[6]);
        long wideQ = q.Shape.OutFeatures, wideK = k.Shape.OutFeatures, stream = places * model.HiddenSize, inner = places * model.IntermediateSize;
        var scores = batch * model.Heads * tokens * tokens;
        var (forward, backward) = (new List<long>(), new List<long>());         // backward's from its last to its first
        long Alive() => trace.Kept + trace.Unkept(hidden) + trace.Passing - passed;

        var normed = RmsNormFunction.Trace(trace, hidden, places, full);
        var heads = LayerPlan.Trace(trace, normed, places, q, k, v);
        forward.Add(Alive() + Folding(q, k, v));
        backward.Add(trace.Kept + Bytes(places * (wideQ + 2 * wideK) + 2 * stream) + Folding(q, k, v));
        var mixed = AttentionFunction.Trace(trace, heads[0], heads[1], heads[2], tokens, model.HeadSize);
        // Attention's own copies of q, k, v and P, if backward does not have them, and its output in two layouts.
        forward.Add(Alive() + Bytes(places * wideQ + (mixed.RequiresGrad ? 0 : places * (wideQ + 2 * wideK) + scores))
            + (Fused ? 0 : scores * Wide + (Wide == dtype.ElementSize() ? 0 : Bytes(scores))));
        backward.Add(trace.Kept + Bytes(scores + places * 4 * (wideQ + wideK) + stream));
        var attended = Sum(hidden, LayerPlan.Trace(trace, mixed, places, o)[0]);
        var between = RmsNormFunction.Trace(trace, attended, places, full);
        var both = LayerPlan.Trace(trace, between, places, gate, up);
        forward.Add(Alive() + Folding(gate, up));
        backward.Add(trace.Kept + Bytes(2 * inner + 2 * stream) + Folding(gate, up));
        var gated = SwiGluFunction.Trace(trace, both[0], both[1]);
        backward.Add(trace.Kept + Bytes((Fused ? 3 : 5) * inner + stream));
        var result = Sum(attended, LayerPlan.Trace(trace, gated, places, down)[0]);
        backward.Add(trace.Kept + Bytes(inner + stream) + Folding(down));
        forward.Add(Alive() + Folding(down));
        layers.Add(new(forward.Max(), backward.Max(), Gradients(linears)));
        return result;
    }

    private TracedTensor Sum(TracedTensor left, TracedTensor right) => trace.Make(left.Numbers, left.RequiresGrad || right.RequiresGrad);

    /// <summary>The most of a weight's size that lives for the time of a product: the dense copy of a quantized W, W + ΔW, or both.</summary>
    private long Folding(params ReadOnlySpan<LayerPlan> plans)
    {
        long largest = 0;
        foreach (var plan in plans)
        {
            var matrices = (plan.IsDense ? 0 : 1) + (plan.Folds(dtype, places) ? 1 : 0);
            largest = Math.Max(largest, matrices * Bytes(plan.Shape.InFeatures * plan.Shape.OutFeatures));
        }
        return largest;
    }

    /// <summary>Do the CPU's one-pass kernels work on it? Elsewhere softmax and SwiGLU need a few tensors more.</summary>
    private bool Fused => dtype == ScalarType.Float32;

    private int Wide => FrozenWeight.Wide(dtype).ElementSize();

    private long Bytes(long numbers) => numbers * dtype.ElementSize();

    private long Gradients(List<LayerPlan> linears)
    {
        if (!full) return linears.Where(l => l.Adapter is not null).Sum(TrainedBytes);
        var numbers = linears.Sum(l => l.Shape.InFeatures * l.Shape.OutFeatures + (l.HasBias ? l.Shape.OutFeatures : 0)) + 2 * model.HiddenSize;
        return numbers * dtype.ElementSize();
    }

    /// <summary>An adapter's tensors, in float32 or wider.</summary>
    private long TrainedBytes(LayerPlan plan) => Wide * plan.Adapter!.FileTensorsOf(plan.Shape.Path, plan.Shape.InFeatures, plan.Shape.OutFeatures)
        .Sum(t => t.Shape.Aggregate(1L, (product, n) => product * n));

    private bool HasBias(LayerShape layer) =>
        layer.Path.Contains(".self_attn.", StringComparison.Ordinal) ? model.AttentionBias
        : layer.Path.Contains(".mlp.", StringComparison.Ordinal) && model.MlpBias;
}
