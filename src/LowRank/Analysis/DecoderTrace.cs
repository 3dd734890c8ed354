// One training step's forward pass of a model from shapes alone, in the order of Decoder, DecoderLayer, Attention and the MLPs, and what
// backward takes at once on its way back through the embedding and each layer.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The worst moments of the embedding or of one decoder layer, in bytes.</summary>
/// <param name="Forward">Activations kept so far, and what its forward has alive in passing.</param>
/// <param name="Backward">Activations still kept, and the gradients on their way; without those of parameters.</param>
/// <param name="Gradients">Its parameters' gradients, those that a tied head has not brought before.</param>
internal readonly record struct LayerBytes(long Forward, long Backward, long Gradients);

/// <summary>The walk through the model.</summary>
internal sealed class DecoderTrace
{
    private readonly ModelConfig model;
    private readonly AdapterConfig? adapter;
    private readonly bool training;
    private readonly long batch, tokens, places;
    private readonly bool recomputes;
    private readonly long? seen, text;
    private ActivationTrace trace;
    private readonly ScalarType dtype;
    private readonly List<LayerBytes> layers = [];

    /// <param name="model">The model's shape.</param>
    /// <param name="adapter">The method, with its targets, or null.</param>
    /// <param name="trains">A step of training, of everything where there is no adapter; else a pass without gradients.</param>
    /// <param name="batch">Rows.</param>
    /// <param name="tokens">Places of a row.</param>
    /// <param name="dtype">Of weights and activations.</param>
    /// <param name="isDense">Is a layer's weight stored as it is multiplied?</param>
    /// <param name="recomputes">Is a layer computed again in backward (<see cref="Recomputed"/>)?</param>
    /// <param name="text">Tokens of each text where several share a row; null: a row is one.</param>
    /// <param name="seen">Places that a cache holds when these are read; null: there is no cache.</param>
    public DecoderTrace(ModelConfig model, AdapterConfig? adapter, bool trains, long batch, long tokens, ScalarType dtype, Func<LayerShape, bool> isDense,
        bool recomputes = false, long? seen = null, long? text = null)
    {
        (this.recomputes, this.seen, this.text) = (recomputes, seen, text);
        (this.model, this.adapter, training, this.batch, this.tokens, this.dtype) = (model, adapter, trains, batch, tokens, dtype);
        (places, trace) = (batch * tokens, new(dtype, trains));
        Walk(isDense);
    }

    /// <summary>The embedding's, then each layer's.</summary>
    public IReadOnlyList<LayerBytes> Layers => layers;

    /// <summary>Activations kept for backward when the loss is there.</summary>
    public long Kept => trace.Kept;

    /// <summary>Tensors among them.</summary>
    public int Tensors => trace.Tensors;

    /// <summary>What the loss has alive at most beyond those, in forward or at the start of backward.</summary>
    public long Loss { get; private set; }

    private void Walk(Func<LayerShape, bool> isDense)
    {
        LayerPlan Plan(LayerShape l, bool dense) => new(l, adapter?.Chooses(l.Path) == true ? adapter : null, Trains($"{l.Path}.weight"), l.HasBias, dense);
        var embedding = Plan(model.Embedding, dense: true);
        var plans = model.Products().Select(l => Plan(l, isDense(l))).ToList();
        var each = model.ProductsOf(0).Count * model.Layers;
        var ownHead = plans.Count > each ? plans[^1] : null;                                                  // else it is the embedding
        var hidden = Embedded(embedding, isTied: ownHead is null);
        // Learned positions are added to it.
        if (model.BodyParameters.Any(p => p.Shape.Length == 2 && Trains(p.Name))) hidden = trace.Make(hidden.Numbers, requiresGrad: true);
        foreach (var (i, layer) in plans.Take(each).Chunk(model.ProductsOf(0).Count).Index())
            hidden = recomputes && (hidden.RequiresGrad || Gradients(i, layer) > 0) ? Again(hidden, i, layer) : Layer(hidden, i, layer);
        hidden = Norm(hidden, places, model.BodyParameters[^1].Name);
        if (model.Labels is { Count: var classes }) Loss = ClassLoss(hidden, classes);
        else Loss = TokenLoss(hidden, ownHead ?? embedding);
    }

    /// <summary>The embedding's rows. A tied head's part of its gradients has been there since the loss, and the look-up's comes as a second.</summary>
    private TracedTensor Embedded(LayerPlan plan, bool isTied)
    {
        var rows = plan.TraceRows(trace, places);
        var (forward, backward) = plan.RowsInPassing(dtype, places);
        var gradients = plan.Adapter is not null ? TrainedBytes(plan) : plan.WeightTrains ? Bytes(plan.Shape.InFeatures * plan.Shape.OutFeatures) : 0;
        layers.Add(new(trace.Kept + forward, trace.Kept + backward + (isTied ? gradients : 0), isTied ? 0 : gradients));
        return rows;
    }

    /// <summary>What a language model's loss has alive beside what is kept.</summary>
    private long TokenLoss(TracedTensor hidden, LayerPlan head)
    {
        var kept = trace.Kept;
        if (head is { Adapter: null, IsDense: true })
        {
            var chunk = NextTokenLoss.TraceHidden(trace, hidden, places, model.VocabularySize, head.WeightTrains);
            // Backward scales the gradients that forward kept into new ones.
            return Math.Max(Bytes(chunk + hidden.Numbers), trace.Kept - kept);
        }
        var logits = LayerPlan.Trace(trace, hidden, places, head)[0];
        NextTokenLoss.TraceLogits(trace, logits);
        // The logits beside their gradient, which is kept; then backward through the head, where that gradient alone is left.
        return Bytes(hidden.Numbers) + Math.Max(Bytes(logits.Numbers) + (Fused ? 0 : logits.Numbers * Wide), head.ProductInPassing(dtype, places));
    }

    /// <summary>What a classifier's has: its head, which always trains, reads one place of each row (SequenceClassifier.forward).</summary>
    private long ClassLoss(TracedTensor hidden, long classes)
    {
        trace.KeepMade(batch, ScalarType.Int64);                                // which places
        var last = trace.Make(batch * model.HiddenSize, hidden.RequiresGrad);
        trace.Keep(last);
        var logits = trace.Make(batch * classes, trace.Records);
        NextTokenLoss.TraceLogits(trace, logits);
        return Bytes(hidden.Numbers + logits.Numbers);
    }

    /// <summary>A layer of which forward keeps the input alone. It runs without a graph, then in backward with one, beside the inputs of the layers
    /// before it, its own output and that output's gradient.</summary>
    private TracedTensor Again(TracedTensor hidden, int index, LayerPlan[] linears)
    {
        trace.Keep(hidden);
        var (all, before, input) = (trace, trace.Kept, Bytes(hidden.Numbers));
        trace = new(dtype, records: false);
        Layer(hidden, index, linears);
        trace = new(dtype, records: true);
        trace.Keep(hidden);
        Layer(hidden, index, linears);
        trace = all;
        var (first, second) = (layers[^2], layers[^1]);
        layers.RemoveRange(layers.Count - 2, 2);
        layers.Add(new(before - input + first.Forward, before - input + Math.Max(second.Forward, second.Backward) + input, second.Gradients));
        return trace.Make(hidden.Numbers, requiresGrad: true);
    }

    private TracedTensor Layer(TracedTensor hidden, int index, LayerPlan[] linears)
    {
        var norms = model.NormsOf(index).Select(n => n.Name).Where(name => name.EndsWith(".weight", StringComparison.Ordinal)).ToArray();   // the two of the stream are the last
        var passed = trace.Passing;
        var (reading, output, feeding, down) = linears.Length == 7 ? (linears[..3], linears[3], linears[4..6], linears[6])
            : (linears[..1], linears[1], linears[2..3], linears[3]);            // q, k and v in one product, and so on
        long wideQ = model.Heads * model.HeadSize, wideK = model.KeyValueHeads * model.HeadSize;
        long stream = places * model.HiddenSize, inner = places * model.IntermediateSize, fed = places * feeding.Sum(l => l.Shape.OutFeatures);
        var scores = places * model.Heads * (text ?? tokens);
        var apart = text is null ? 0 : places * (wideQ + 2 * wideK);            // q, k and v as rows of their texts
        var (forward, backward) = (new List<long>(), new List<long>());         // backward's from its last to its first
        long Alive() => trace.Kept + trace.Unkept(hidden) + trace.Passing - passed;

        var normed = Norm(hidden, places, norms[^2]);
        var heads = Parts(LayerPlan.Trace(trace, normed, places, reading), [wideQ, wideK, wideK]);
        forward.Add(Alive() + Folding(reading));
        backward.Add(trace.Kept + Bytes(places * (wideQ + 2 * wideK) + 2 * stream) + Folding(reading));
        if (model is LlamaStyleConfig { HasHeadNorms: true })
            foreach (var i in new[] { 0, 1 }) heads[i] = Norm(heads[i], heads[i].Numbers / model.HeadSize, norms[i]);
        var mixed = AttentionFunction.Trace(trace, heads[0], heads[1], heads[2], text ?? tokens, model.HeadSize);
        // Attention's own copies of q, k, v and P, if backward does not have them, and its output in two layouts.
        forward.Add(Alive() + (seen is { } remembered ? CachedAttention.InPassing(model, batch, tokens, remembered, dtype)
            : Bytes(apart + places * wideQ + (mixed.RequiresGrad ? 0 : places * (wideQ + 2 * wideK) + scores))
                + (Fused ? 0 : scores * Wide + (Wide == dtype.ElementSize() ? 0 : Bytes(scores)))));
        backward.Add(trace.Kept + Bytes(scores + apart + places * 4 * (wideQ + wideK) + stream));
        var attended = Sum(hidden, LayerPlan.Trace(trace, mixed, places, output)[0]);
        var between = Norm(attended, places, norms[^1]);
        var both = LayerPlan.Trace(trace, between, places, feeding);
        forward.Add(Alive() + Folding(feeding));
        backward.Add(trace.Kept + Bytes(fed + 2 * stream) + Folding(feeding));
        var (acted, passing) = Act(both, inner);
        backward.Add(trace.Kept + Bytes(passing + stream));
        var result = Sum(attended, LayerPlan.Trace(trace, acted, places, down)[0]);
        backward.Add(trace.Kept + Bytes(inner + stream) + Folding(down));
        forward.Add(Alive() + Folding(down));
        layers.Add(new(forward.Max(), backward.Max(), Gradients(index, linears)));
        return result;
    }

    /// <summary>A norm, as the family has it, of rows; its weight by name.</summary>
    private TracedTensor Norm(TracedTensor x, long rows, string weight)
    {
        var trains = trace.Records && Trains(weight);
        if (model is not LlamaStyleConfig llama)
        {
            var centred = trace.Make(x.Numbers, x.RequiresGrad || trains);
            if (!centred.RequiresGrad) return centred;
            trace.Keep(x);                                                      // LayerNorm keeps its input, and mean and scale of each row
            for (var i = 0; i < 2; i++) trace.KeepMade(rows, FrozenWeight.Wide(dtype));
            return centred;
        }
        var y = RmsNormFunction.Trace(trace, x, rows, trains);
        if (llama.NormsAddOne && y.RequiresGrad) trace.KeepMade(x.Numbers / rows, FrozenWeight.Wide(dtype));        // 1 + weight
        return y;
    }

    /// <summary>One product's output cut into contiguous parts, places times wide; several are the parts.</summary>
    private TracedTensor[] Parts(TracedTensor[] outputs, ReadOnlySpan<long> widths)
    {
        if (outputs.Length > 1) return outputs;
        var parts = new TracedTensor[widths.Length];
        for (var i = 0; i < parts.Length; i++) parts[i] = trace.Make(places * widths[i], outputs[0].RequiresGrad);
        return parts;
    }

    /// <summary>What lies between the MLP's products, and the numbers that its backward has alive at once.</summary>
    private (TracedTensor Result, long Backward) Act(TracedTensor[] outputs, long inner)
    {
        if (model is not LlamaStyleConfig llama)
        {
            if (outputs[0].RequiresGrad) trace.Keep(outputs[0]);                // what GELU keeps
            return (trace.Make(inner, outputs[0].RequiresGrad), 2 * inner);
        }
        var parts = Parts(outputs, [model.IntermediateSize, model.IntermediateSize]);
        if (llama.Activation == LlamaStyleConfig.Silu) return (SwiGluFunction.Trace(trace, parts[0], parts[1]), (Fused ? 3 : 5) * inner);
        var (gate, up) = (parts[0], parts[1]);
        var result = trace.Make(inner, gate.RequiresGrad || up.RequiresGrad);
        if (!result.RequiresGrad) return (result, 0);
        if (gate.RequiresGrad) trace.Keep(gate);
        if (gate.RequiresGrad) trace.Keep(up);                                  // for the gradient of gelu(gate)
        if (up.RequiresGrad) trace.KeepMade(inner);                             // gelu(gate)
        return (result, 4 * inner);
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

    /// <summary>Does a parameter of the model itself train: in full fine-tuning, or whole beside an adapter?</summary>
    private bool Trains(string parameter) => training && (adapter is null || adapter.SavesWhole(parameter));

    private long Gradients(int index, LayerPlan[] linears)
    {
        var numbers = linears.Sum(l => (l.WeightTrains ? l.Shape.InFeatures * l.Shape.OutFeatures : 0) + (l.HasBias && Trains($"{l.Shape.Path}.bias") ? l.Shape.OutFeatures : 0))
            + model.NormsOf(index).Where(n => Trains(n.Name)).Sum(n => n.Size);
        return Bytes(numbers) + linears.Where(l => l.Adapter is not null).Sum(TrainedBytes);
    }

    /// <summary>An adapter's tensors, in float32 or wider.</summary>
    private long TrainedBytes(LayerPlan plan) => Wide * plan.Adapter!.FileTensorsOf(plan.Shape.Path, plan.Shape.InFeatures, plan.Shape.OutFeatures)
        .Sum(t => t.Shape.Aggregate(1L, (product, n) => product * n));
}
