// Where the memory of a step goes, from shapes alone: no tensor is made, so a model of any size can be asked about. What the activations
// take is what this library's functions keep (see ActivationTrace); the tests hold it against the allocator's count.
//
//   weights        every parameter of the base model in its type, or as it is stored
//   originals      what storage levels that change keep of it in host memory
//   adapters       what the adapter trains, in float32 or wider, and frozen matrices that its layers share (VeRA)
//   tables         computed once and kept: the rotary angles, row norms of decomposed layers, MoRA's maps
//   gradients      one for each trained number, in its type
//   optimizer      AdamW: two moments for each trained number, in full or as 8-bit codes; what is paged is counted apart
//   activations    kept between forward and backward
//   cache          keys and values of the places read, while text is generated
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Bytes of a step, by what they are for.</summary>
public sealed partial record MemoryLedger
{
    /// <summary>The base model's parameters.</summary>
    public long Weights { get; private init; }

    /// <summary>Weights from before quantizing that stay in host memory, for levels to be made from (<see cref="StorageLevelPolicy"/>).</summary>
    public long Originals { get; private init; }

    /// <summary>The adapter's tensors, and frozen ones that its layers share.</summary>
    public long Adapters { get; private init; }

    /// <summary>Rotary angles, row norms, maps.</summary>
    public long Tables { get; private init; }

    /// <summary>Of the trained parameters; they exist from backward to the next step's start.</summary>
    public long Gradients { get; private init; }

    /// <summary>AdamW's two moments, and float32 masters of 16-bit numbers, those that stay on the device.</summary>
    public long Optimizer { get; private init; }

    /// <summary>Those that lie on pages, in the host's memory or a file; no part of <see cref="Resident"/> and <see cref="Peak"/>.</summary>
    public long PagedOptimizer { get; private init; }

    /// <summary>What forward keeps for backward.</summary>
    public long Activations { get; private init; }

    /// <summary>Keys and values of all layers and places, there as a whole from the first token on.</summary>
    public long Cache { get; private init; }

    /// <summary>What stays from step to step.</summary>
    public long Resident => Weights + Originals + Adapters + Tables + Optimizer + Cache;

    /// <summary>
    /// The most at one time: what is resident, and the worst moment of forward, backward and the optimizer's step, with what a layer has
    /// alive in passing; activations and gradients are not all there at once. An estimate: what a method itself makes in passing is counted
    /// at the embedding and at an adapted head, in the layers between only as W + ΔW where it is folded. On the CPU it meets the count within a few percent in float32, 15 % for the methods that make
    /// most; in 16 bits it is a lower bound: libtorch widens and takes room for its products in passing, more with more threads.
    /// </summary>
    public long Peak { get; private init; }

    /// <summary>Numbers that train.</summary>
    public long Trained { get; private init; }

    /// <summary>Tensors whose sizes were added up as activations: an allocator rounds each up.</summary>
    internal int ActivationTensors { get; private init; }

    /// <summary>A step of training with AdamW, its gradients freed before the next forward as <see cref="Trainer"/> does.</summary>
    /// <param name="model">The model's shape; with <see cref="ModelConfig.Labels"/> a <see cref="SequenceClassifier"/>'s.</param>
    /// <param name="adapter">The method, without a policy that freezes a part of it; null for full fine-tuning.</param>
    /// <param name="batch">Rows of a batch; with accumulation those of one part.</param>
    /// <param name="tokens">Tokens of a row.</param>
    /// <param name="targets">Which layers; the configuration's own if not given.</param>
    /// <param name="dtype">Of weights and activations. A 16-bit model's adapters are float32.</param>
    /// <param name="storage">Bytes of a linear layer's weight where it is not dense, scales and tables included; null for a layer that
    /// is.</param>
    /// <param name="optimizer">How moments are kept; in full if not given.</param>
    /// <param name="keepsOriginals">Does host memory keep the dense weights of layers that are not, in <paramref name="dtype"/>? In a file they
    /// take none.</param>
    /// <param name="gradientCheckpointing">Are layers computed again in backward (<see cref="TrainingOptions.GradientCheckpointing"/>)?</param>
    /// <param name="longestText">Tokens of the longest text, where several share a row and each sees itself alone (<see cref="Rows.Packed"/>); null: a
    /// row is one. Counted as if all were as long.</param>
    /// <exception cref="ArgumentException">No layer matches, a module that trains whole does or is stored as codes, or a number makes no sense.</exception>
    public static MemoryLedger OfTraining(ModelConfig model, AdapterConfig? adapter, long batch, long tokens, TargetPattern? targets = null,
        ScalarType dtype = ScalarType.Float32, Func<LayerShape, long?>? storage = null, TrainingOptimizer? optimizer = null,
        bool keepsOriginals = false, bool gradientCheckpointing = false, long? longestText = null)
    {
        var question = new Question(model, adapter, batch, tokens, targets, dtype, storage, optimizer, keepsOriginals, gradientCheckpointing, longestText);
        if (longestText is { } text && (text < 1 || text > tokens)) throw new ArgumentException($"a text of a row of {tokens} tokens has from 1 to as many; given {text}");
        if (keepsOriginals && storage is null) throw new ArgumentException("originals are kept of weights that are stored otherwise; say how (storage)");
        optimizer ??= new FullAdamW();
        optimizer.Validate();
        if (adapter is null && storage is not null)
            throw new ArgumentException("full fine-tuning trains the weights, which only a dense storage can; leave the storage out or give an adapter");
        var resident = Parts(model, ref adapter, batch, tokens, targets, dtype, storage) with
        {
            Originals = keepsOriginals ? model.Products().Where(l => storage!(l) is not null).Sum(l => l.InFeatures * l.OutFeatures) * dtype.ElementSize() : 0,
        };
        var trained = TrainedTensors(model, adapter, dtype).ToList();
        var gradients = trained.Sum(t => Numbers(t.Shape) * t.Type.ElementSize());
        var trace = new DecoderTrace(model, adapter, trains: true, batch, tokens, dtype, l => storage?.Invoke(l) is null, gradientCheckpointing, text: longestText);
        var moments = MomentLayout.Of(optimizer, [.. trained.GroupBy(t => t.Shape.Length >= 2).SelectMany(group => group)    // as Trainer groups
            .Select(t => (Numbers(t.Shape), t.Type, true))]);
        var paged = moments.Where(slice => slice.Paged).Select(slice => slice.Bytes).ToList();
        var ledger = resident with
        {
            Trained = trained.Sum(t => Numbers(t.Shape)), Gradients = gradients, Optimizer = moments.Sum(slice => slice.Bytes) - paged.Sum(), PagedOptimizer = paged.Sum(),
            Activations = trace.Kept, ActivationTensors = trace.Tensors,
        };
        var worst = Math.Max(Worst(trace, gradients), gradients + moments.Select(slice => slice.Passing).DefaultIfEmpty().Max());
        return ledger with { Peak = ledger.Resident + worst, Asked = question };
    }

    /// <summary>Generating, as <see cref="Generation"/> does it: the prompt is read at once, then a token at a time beside the keys and values
    /// of those before. What drawing a token takes is left out.</summary>
    /// <param name="model">The model's shape.</param>
    /// <param name="adapter">An adapter that is not merged; null for none, or for a merged one.</param>
    /// <param name="batch">Rows.</param>
    /// <param name="tokens">Tokens of a row in the end, its prompt's among them. What goes beyond the model's positions is read anew for each
    /// token.</param>
    /// <param name="targets">Which layers; the configuration's own if not given.</param>
    /// <param name="dtype">Of weights and activations.</param>
    /// <param name="storage">As for training.</param>
    /// <param name="prompt">Those of them that are read at once; all if not given, the most that it can take.</param>
    /// <exception cref="ArgumentException">No layer matches, the model is a classifier, or a number makes no sense.</exception>
    public static MemoryLedger OfInference(ModelConfig model, AdapterConfig? adapter, long batch, long tokens, TargetPattern? targets = null,
        ScalarType dtype = ScalarType.Float32, Func<LayerShape, long?>? storage = null, long? prompt = null)
    {
        if (model.Labels is not null) throw new ArgumentException("a classifier generates no text; leave Labels out");
        if (prompt is { } given && (given < 1 || given > tokens)) throw new ArgumentException($"the prompt has at least one of the {tokens} tokens and at most all; given {given}");
        var places = Math.Min(tokens, model.MaxPositions);
        var atOnce = tokens > places ? places : prompt ?? places;
        var resident = Parts(model, ref adapter, batch, places, targets, dtype, storage) with
        {
            Cache = 2 * model.Layers * batch * model.KeyValueHeads * places * model.HeadSize * dtype.ElementSize(),
        };
        return resident with { Peak = resident.Resident + Math.Max(Pass(atOnce, atOnce), atOnce < places ? Pass(1, places) : 0) };

        long Pass(long read, long seen)
        {
            var trace = new DecoderTrace(model, adapter is null ? null : adapter with { Dropout = 0 }, trains: false, batch, read, dtype, l => storage?.Invoke(l) is null, seen: seen);
            var head = (2 * batch * read * model.HiddenSize + batch * model.VocabularySize) * dtype.ElementSize();
            return Math.Max(head, trace.Layers.Max(l => l.Forward));
        }
    }

    /// <summary>Its rows in MiB.</summary>
    public override string ToString()
    {
        static string MiB(long bytes) => (bytes / 1048576.0).ToString("N1", CultureInfo.InvariantCulture);
        var rows = new List<string[]> { new[] { "", "MiB" } };
        foreach (var (name, bytes) in new[]
        {
            ("weights", Weights), ("adapters", Adapters), ("tables", Tables), ("optimizer", Optimizer), ("gradients", Gradients),
            ("activations", Activations), ("resident", Resident), ("peak", Peak),
        })
            rows.Add([name, MiB(bytes)]);
        if (PagedOptimizer > 0) rows.Add(["optimizer, paged", MiB(PagedOptimizer)]);
        if (Cache > 0) rows.Insert(4, ["cache", MiB(Cache)]);
        if (Originals > 0) rows.Insert(2, ["originals", MiB(Originals)]);
        return TextTable.Of(rows);
    }

    private static MemoryLedger Parts(ModelConfig model, ref AdapterConfig? adapter, long batch, long tokens, TargetPattern? targets,
        ScalarType dtype, Func<LayerShape, long?>? storage)
    {
        model.Validate();
        if (batch < 1 || tokens < 1) throw new ArgumentException($"a batch has at least one row and one token; given {batch} x {tokens}");
        var (size, wide) = (dtype.ElementSize(), FrozenWeight.Wide(dtype).ElementSize());
        var linears = model.Products();
        var weights = model.ParameterCount * size + (storage is null ? 0
            : linears.Sum(l => storage(l) is { } bytes ? bytes - l.InFeatures * l.OutFeatures * size : 0));
        // The table is made for 128 places at least: cosine and sine of half a head each.
        var tables = model is LlamaStyleConfig ? Math.Max(tokens, 128) * model.HeadSize * size : 0;
        if (adapter is null) return new() { Weights = weights, Tables = tables };

        var config = adapter = (adapter with { Targets = targets ?? adapter.Targets }).WithHead(model.Labels is not null);
        var trained = config.CountTrainable(model.LinearLayers());
        var chosen = model.LinearLayers().Where(l => config.Chooses(l.Path)).ToList();
        var whole = WholeModules.Chosen(config, model.Parameters().Select(p => p.Name), chosen.Select(l => l.Path), linears.Where(l => storage?.Invoke(l) is not null).Select(l => l.Path)).ToHashSet();
        var own = model.Parameters().Where(p => whole.Contains(p.Name)).Sum(p => Numbers(p.Shape));       // beside the model's, which wait
        var shared = config.SharedShapesOf(chosen).Sum(Numbers);
        var copies = chosen.Sum(l => config.CopiesOf(l.Path, l.InFeatures, l.OutFeatures));
        foreach (var layer in chosen)
        {
            tables += config.TablesOf(layer.Path, layer.InFeatures, layer.OutFeatures) * size;
            if (config.Decomposed) tables += layer.OutFeatures * (2 * wide + sizeof(bool));       // ‖W‖², C, which rows are zero
        }
        return new() { Weights = weights, Adapters = (trained + shared + copies) * wide + own * size, Tables = tables };
    }

    /// <summary>What trains, tensor by tensor in the model's order: an adapter's in float32 or wider, whole modules in the model's type.</summary>
    internal static IEnumerable<(long[] Shape, ScalarType Type)> TrainedTensors(ModelConfig model, AdapterConfig? adapter, ScalarType dtype)
    {
        if (adapter is null) return model.Parameters().Select(p => (p.Shape, dtype));
        var chosen = model.LinearLayers().Where(l => adapter.Chooses(l.Path)).ToDictionary(l => $"{l.Path}.weight");
        return model.Parameters().SelectMany(p => adapter.SavesWhole(p.Name) ? [(p.Shape, dtype)]
            : chosen.TryGetValue(p.Name, out var l) ? adapter.FileTensorsOf(l.Path, l.InFeatures, l.OutFeatures).Select(t => (t.Shape, FrozenWeight.Wide(dtype))) : []);
    }

    private static long Numbers(long[] shape) => shape.Aggregate(1L, (product, n) => product * n);

    /// <summary>The worst moment beyond what is resident. In backward a layer's activations are still there while its gradients come.</summary>
    private static long Worst(DecoderTrace trace, long gradients)
    {
        var worst = Math.Max(trace.Kept + trace.Loss, gradients);
        var later = gradients - trace.Layers.Sum(l => l.Gradients);             // of head and last norm
        foreach (var layer in trace.Layers.Reverse())
        {
            later += layer.Gradients;
            worst = Math.Max(worst, Math.Max(layer.Forward, layer.Backward + later));
        }
        return worst;
    }
}
