// DyQDyLoRA: storage that changes while an adapter trains. QDyLoRA's paper (arXiv 2402.10462, section 4) leaves it open to choose the level of
// quantization by a feedback signal; here the signal is the evaluation loss (StorageLevelRule). With DyLoraPolicy beside it a run draws a
// rank a step too; without, it is QLoRA over changing levels. Any adapter may be on the layers.
//
// A level is encoded from the original weights, never from another level's codes, so a return to it is bit for bit. The originals stay in
// host memory (a dense model's own, which this policy quantizes before the first step) or in a file, and go to a layer's device one at a time;
// what they take is in OriginalBytes and in MemoryLedger.Originals. However a run ends, the model is at Level then.
//
// What it brings is measured, and is no gain on the small model here: data/results/dyqdylora.json, tests/Benchmarks/StorageLevels.cs.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One evaluation of a run whose storage level changes.</summary>
/// <param name="Step">Steps done, counted from 1.</param>
/// <param name="Level">How the weights were stored.</param>
/// <param name="Loss">What the evaluation gave, in nats.</param>
/// <param name="Bytes">What the weights took, without originals.</param>
public sealed record StorageLevelStep(long Step, StorageFormat Level, double Loss, long Bytes);

/// <summary>Stores the frozen weights more coarsely while the evaluation loss falls, and more finely when it has risen.</summary>
/// <param name="levels">From the finest to the coarsest, each of fewer bytes than the one before; int8 rows, NF4 and NF3, both with double
/// quantization, if not given.</param>
/// <param name="originals">The weights from before quantizing; the dense model's own, kept in memory for the run, if not given. They stay the
/// caller's.</param>
/// <param name="start">The level of the first step, counted from 0.</param>
/// <param name="gain">Nats that an evaluation must be below the one before at the same level to count towards a coarser one.</param>
/// <param name="tolerance">Nats above the run's best evaluation beyond which one counts towards a finer level.</param>
/// <param name="patience">How many such evaluations in a row change the level.</param>
/// <param name="rest">Evaluations for which a level stays closed after it had to be left for a finer one.</param>
/// <param name="final">The level that the model is left in, one of the levels; where the run was if not given.</param>
/// <param name="targets">Which layers; every linear layer but heads and embeddings if not given.</param>
public sealed class StorageLevelPolicy(
    IReadOnlyList<StorageFormat>? levels = null, OriginalWeights? originals = null, int start = 0, double gain = 0.01, double tolerance = 0.02,
    int patience = 1, int rest = 3, StorageFormat? final = null, TargetPattern? targets = null) : TrainingPolicy
{
    private readonly IReadOnlyList<StorageFormat> levels = levels ?? [new Int8Rows(), Nf4.WithDoubleQuantization, Nf3.WithDoubleQuantization];
    private readonly List<StorageLevelStep> history = [];
    private IReadOnlyList<(string Path, AdaptedLinear Layer)> layers = [];
    private OriginalWeights? source, own;
    private StorageLevelRule? rule;
    private long lastStep;
    private (double Bytes, long Steps) taken;
    private bool running;

    /// <summary>How the weights are stored now; after a run, what it has left.</summary>
    public StorageFormat? Level { get; private set; }

    /// <summary>What the weights take now, in bytes.</summary>
    public long Bytes => layers.Sum(l => l.Layer.Weight.Bytes);

    /// <summary>Host memory of the original weights in this run, in bytes: 0 where they are in a file.</summary>
    public long OriginalBytes { get; private set; }

    /// <summary>What the weights took in the mean of the run's steps, in bytes, without originals.</summary>
    public double AverageBytes => taken.Steps == 0 ? 0 : taken.Bytes / taken.Steps;

    /// <summary>The run's evaluations.</summary>
    public IReadOnlyList<StorageLevelStep> History => history;

    public override string? Conflict(TrainingPolicy other) => base.Conflict(other) ?? (other is ReLoraPolicy
        ? "ReLoRA puts ΔW into the stored weight; a new storage level is made from the original weight, which has none of it. Leave out one of them" : null);

    public override void Begin(nn.Module model, TrainingOptions options)
    {
        CheckNumbers(options);
        var chosen = (targets ?? TargetPattern.AllLinear).LayersIn(model);
        foreach (var (path, layer) in chosen) CheckLayer(path, layer);
        CheckLevels(chosen[0]);
        (layers, lastStep, taken) = (chosen, options.Steps, default);
        rule = new(levels.Count, start, gain, tolerance, patience, rest);
        history.Clear();
    }

    /// <summary>The first step's quantizes a dense model: a run that another policy refuses has changed nothing.</summary>
    public override void BeforeStep(long step)
    {
        if (!running) Start(levels[start]);
        taken = (taken.Bytes + Bytes, taken.Steps + 1);
    }

    private void Start(StorageFormat level)
    {
        own = originals is null ? OriginalWeights.InMemory(layers) : null;
        (source, running) = (originals ?? own, true);
        OriginalBytes = source!.Bytes;
        Store(level);
    }

    public override string Settings => FormattableString.Invariant(
        $"levels {string.Join(" / ", levels)}, originals {(originals is null ? "the model's" : "given")}, start {start}, ") + FormattableString.Invariant(
        $"gain {gain}, tolerance {tolerance}, patience {patience}, rest {rest}, final {final}, targets {targets}");

    /// <summary>Where the rule is and what the run's history has been.</summary>
    public override Dictionary<string, Tensor> Capture() => new()
    {
        ["rule"] = tensor(rule!.State), ["level"] = tensor((long)IndexOf(Level!)), ["taken"] = tensor(new[] { taken.Bytes, taken.Steps }),
        ["history"] = tensor(history.SelectMany(h => new[] { h.Step, IndexOf(h.Level), h.Loss, h.Bytes }).ToArray()),       // [evaluations * 4] float64
    };

    /// <summary>Takes the originals from the model as it was given, and stores it at the level where the run was.</summary>
    public override void Restore(IReadOnlyDictionary<string, Tensor> captured)
    {
        rule!.State = Part(captured, "rule").data<double>().ToArray();
        var bytes = Part(captured, "taken").data<double>().ToArray();
        taken = (bytes[0], (long)bytes[1]);
        history.AddRange(Part(captured, "history").data<double>().ToArray().Chunk(4).Select(h => new StorageLevelStep((long)h[0], levels[(int)h[1]], h[2], (long)h[3])));
        Start(levels[(int)Part(captured, "level").item<long>()]);
    }

    private int IndexOf(StorageFormat level) => levels.Index().First(one => one.Item == level).Index;

    /// <summary>Takes the loss down and changes the level, but for the last evaluation: the model is left as it was evaluated.</summary>
    public override void AfterEvaluation(long step, double loss)
    {
        history.Add(new(step, Level!, loss, Bytes));
        if (step < lastStep) Store(levels[rule!.Next(loss)]);
    }

    /// <summary>Leaves the model in the level that was asked for, or where it is.</summary>
    public override void End()
    {
        if (!running) return;
        try
        {
            Store(final ?? Level!);
        }
        finally
        {
            own?.Dispose();
            (source, own, running) = (null, null, false);
        }
    }

    /// <summary>Encodes layer by layer, so that there are no two copies of the model; an unfinished change is undone by the next call.</summary>
    private void Store(StorageFormat format)
    {
        using var grad = no_grad();
        Level ??= format;
        foreach (var (path, layer) in layers)
        {
            if (layer.Weight is QuantizedWeight { Stored.Format: var now } && now == format) continue;
            using var original = source!.Read(path, layer.Weight);
            layer.Take(format.Encode(original, path + ".weight"));
        }
        Level = format;
    }

    private void CheckNumbers(TrainingOptions options)
    {
        if (options.Evaluate is null)
            throw new ArgumentException("storage levels follow the evaluation loss, and the run has none; give TrainingOptions.Evaluate");
        if (options.EvaluateEvery >= options.Steps)
            throw new ArgumentException($"a run of {options.Steps} steps is evaluated for the first time at its end, when no level can change any more; lower EvaluateEvery from {options.EvaluateEvery}");
        if (start < 0 || start >= levels.Count) throw new ArgumentException($"the run starts at level {start}; there are {levels.Count}, from 0");
        if (final is not null && !levels.Contains(final)) throw new ArgumentException($"{final} is to be left at the end and is none of the levels");
        foreach (var (name, value) in new[] { (nameof(gain), gain), (nameof(tolerance), tolerance) })
            if (!(value >= 0 && double.IsFinite(value))) throw new ArgumentException($"{name} must be finite and not negative, in nats; it is {value}");
        if (patience < 1) throw new ArgumentException($"patience counts evaluations, at least 1; it is {patience}");
        if (rest < 0) throw new ArgumentException($"rest counts evaluations and must not be negative; it is {rest}");
    }

    private void CheckLayer(string path, AdaptedLinear layer)
    {
        layer.RefuseWhileMerged($"change how {path} is stored");
        if (layer.IsEmbedding) throw new ArgumentException($"{path} is an embedding, which is read by rows and can't be quantized; leave it out of the targets");
        if (layer.Weight.Parameter?.requires_grad == true)
            throw new InvalidOperationException($"{path} is dense and trains; storage levels are for frozen weights. Put an adapter on the model first");
        if (layer.Adapters.FirstOrDefault(a => a.Update is LowRankUpdate { Init: LoraInit.LoftQ }) is { } adapter)
            throw new InvalidOperationException($"the adapter \"{adapter.AdapterName}\" of {path} began at what one storage loses (LoftQ), which another one does not; start it otherwise");
        if (originals is not null) originals.RequireOf(path, layer.Weight);
        else if (layer.Weight is QuantizedWeight { Stored.Format: var format })
            throw new InvalidOperationException($"{path} is stored as {format.GetType().Name} already, and other levels are made from its original weight: " +
                "give OriginalWeights.InFile(folder of the dense model), or start with the dense model and leave the quantizing to this policy");
        else
        {
            using var weight = layer.Weight.Dequantize();
            OriginalWeights.RequireFinite(path, weight);
        }
    }

    /// <summary>Levels that the first layer has in this order of bytes.</summary>
    private void CheckLevels((string Path, AdaptedLinear Layer) first)
    {
        if (levels.Count < 2 || levels.Any(level => level is null)) throw new ArgumentException($"levels to change between are two or more; there are {levels.Count(level => level is not null)}");
        using var grad = no_grad();
        using var weight = originals?.Read(first.Path, first.Layer.Weight) ?? first.Layer.Weight.Dequantize();
        var bytes = levels.Select(level =>
        {
            using var stored = level.Encode(weight, first.Path + ".weight");
            return stored.Bytes;
        }).ToList();
        for (var i = 1; i < bytes.Count; i++)
            if (bytes[i] >= bytes[i - 1])
                throw new ArgumentException($"levels go from the finest to the coarsest: {levels[i]} takes {bytes[i]:N0} bytes of {first.Path} and comes after {levels[i - 1]} with {bytes[i - 1]:N0}");
    }
}
