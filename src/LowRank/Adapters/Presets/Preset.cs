// What a paper trained a method with, as a value: where the adapter goes, its numbers, and how fast and how long. A number that no source at
// hand confirms is null, never a guess; what is null here is the library's default where a run needs a number.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The hyperparameters of one experiment of a paper: <c>model</c> gets the adapter by <see cref="Apply"/>, a run its options by
/// <see cref="Options"/>.</summary>
public sealed record Preset
{
    /// <summary>The method by its paper's name, as "DoRA".</summary>
    public required string Method { get; init; }

    /// <summary>The model and the data, as "LLaMA-7B, commonsense reasoning".</summary>
    public required string Task { get; init; }

    /// <summary>Both: "DoRA: LLaMA-7B, commonsense reasoning".</summary>
    public string Name => $"{Method}: {Task}";

    /// <summary>The paper's number on arXiv, as "2402.09353".</summary>
    public required string Paper { get; init; }

    /// <summary>The table, section or file that the numbers are from.</summary>
    public required string Where { get; init; }

    /// <summary>The method's numbers and its targets, in the names of a Llama.</summary>
    public required AdapterConfig Adapter { get; init; }

    /// <summary>How the frozen weights are stored, or null for dense ones.</summary>
    public StorageFormat? Storage { get; init; }

    /// <summary>The highest learning rate.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Sequences a step, over all devices and accumulated batches.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Optimizer steps, where the source counts in steps.</summary>
    public long? Steps { get; init; }

    /// <summary>Passes over the data, where the source counts in them.</summary>
    public int? Epochs { get; init; }

    /// <summary>Steps of linear warm-up, where the source counts in steps.</summary>
    public long? WarmupSteps { get; init; }

    /// <summary>The warm-up as a part of the run, where the source counts so.</summary>
    public double? WarmupRatio { get; init; }

    /// <summary>The way down from the highest learning rate.</summary>
    public LearningRateSchedule? Schedule { get; init; }

    /// <summary>The last learning rate as a part of the highest: 0 in most papers, 1 for a constant rate.</summary>
    public double FinalLearningRatePart { get; init; }

    /// <summary>AdamW's decoupled decay.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>The norm that gradients are scaled down to; infinity where the source clips nothing.</summary>
    public double? MaxGradientNorm { get; init; }

    /// <summary>Rules of the method beside the options, for a run of that many steps; periods keep their share of the run.</summary>
    public Func<long, IReadOnlyList<TrainingPolicy>> Policies { get; init; } = _ => [];

    /// <summary>Does the source give α? Otherwise the configuration has the library's.</summary>
    public bool GivesAlpha { get; init; } = true;

    /// <summary>What differs from the source here, and what its numbers leave open; "" for nothing.</summary>
    public string Notes { get; init; } = "";

    /// <summary>Where the adapter goes, for people: "q, k, v, up, down", or "all seven" (the pattern is the configuration's).</summary>
    public string Targets
    {
        get
        {
            string[] llama = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
            var chosen = llama.Where(Adapter.Targets.Matches).ToList();
            return chosen.Count == llama.Length ? "all seven" : string.Join(", ", chosen.Select(name => name[..^"_proj".Length]));
        }
    }

    /// <summary>r; the largest for DyLoRA, the last average for AdaLoRA.</summary>
    public long? Rank => Adapter switch
    {
        RankedConfig ranked => ranked.Rank,
        VeraConfig vera => vera.Rank,
        DyLoraConfig dyLora => dyLora.MaximumRank,
        AdaLoraConfig adaLora => adaLora.TargetRank,
        _ => null,
    };

    /// <summary>α, or null where the method has none or the source does not say.</summary>
    public double? Alpha => !GivesAlpha ? null : Adapter switch
    {
        ScaledConfig scaled => scaled.Alpha,
        DyLoraConfig dyLora => dyLora.Alpha,
        AdaLoraConfig adaLora => adaLora.Alpha,
        _ => null,
    };

    /// <summary>How the frozen weights are stored, in words: "dense", "NF4, scales in 8 bits".</summary>
    public string Weights => Storage switch
    {
        null => "dense",
        Nf4 { DoubleQuantization: true } => "NF4, scales in 8 bits",
        GroupInt4 groups => $"int4, groups of {groups.GroupSize}",
        var other => other.GetType().Name.ToUpperInvariant(),
    };

    /// <summary>How long it trains: "3 epochs" or "1,875 steps"; "" if the source does not say.</summary>
    public string Length => Steps is { } steps ? FormattableString.Invariant($"{steps:N0} steps")
        : Epochs is { } epochs ? epochs == 1 ? "1 epoch" : $"{epochs} epochs" : "";

    /// <summary>The learning rate's course, as far as the source gives it: "linear, warm-up 100 steps", "constant".</summary>
    public string Course
    {
        get
        {
            var down = Schedule is not { } schedule ? "" : FinalLearningRatePart == 1 ? "constant" : schedule == LearningRateSchedule.Linear ? "linear" : "cosine";
            var warmup = WarmupSteps is { } steps ? FormattableString.Invariant($"warm-up {steps:N0} steps")
                : WarmupRatio is { } ratio ? FormattableString.Invariant($"warm-up {100 * ratio:0.#} %") : "";
            return down != "" && warmup != "" ? $"{down}, {warmup}" : down + warmup;
        }
    }

    /// <summary>How to train with these numbers. A warm-up that is given in steps takes at most a tenth of the run, so that a short run has
    /// one too; a batch of another size is the caller's to make.</summary>
    /// <param name="steps">Optimizer steps of the run.</param>
    /// <param name="learningRate">In place of the preset's: a model far smaller than the paper's wants another.</param>
    /// <exception cref="InvalidOperationException">The preset has no learning rate, and none is given.</exception>
    public TrainingOptions Options(long steps, double? learningRate = null)
    {
        TrainingOptions usual = new();
        return usual with
        {
            Steps = steps,
            LearningRate = learningRate ?? LearningRate ?? throw new InvalidOperationException(
                $"\"{Name}\" has no learning rate: none could be checked against its source. Give one, as Options({steps}, learningRate: 2e-4)"),
            WarmupSteps = WarmupRatio is { } ratio ? (long)Math.Ceiling(ratio * steps) : Math.Min(WarmupSteps ?? 0, steps / 10),
            Schedule = Schedule ?? usual.Schedule,
            FinalLearningRatePart = Schedule is null ? usual.FinalLearningRatePart : FinalLearningRatePart,
            WeightDecay = WeightDecay ?? usual.WeightDecay,
            MaxGradientNorm = MaxGradientNorm ?? usual.MaxGradientNorm,
            Policies = Policies(steps),
        };
    }

    /// <summary>Stores the model's linear layers as the paper does, and puts the adapter on its targets.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers with the names of a Llama.</param>
    /// <param name="name">The adapter's name; a preset with policies needs the default one.</param>
    /// <returns>What trains now.</returns>
    /// <exception cref="ArgumentException">A target is not in the model, or the name is taken; nothing is changed.</exception>
    public TrainableParameters Apply(nn.Module model, string name = LowRank.Adapter.DefaultName)
    {
        var targets = model.TargetsOf(Adapter, name);
        Adapter.CheckStart(targets);
        if (Storage is { } format && Adapter is not LoraConfig { Init: LoraInit.LoftQ }) model.Quantize(format);   // LoftQ quantizes by itself
        return model.Adapt(Adapter, name: name);
    }

    /// <summary>Name, paper and place: what a chart or a table cites.</summary>
    public override string ToString() => $"{Name} (arXiv {Paper}, {Where})";
}
