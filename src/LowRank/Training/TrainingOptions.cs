namespace LowRank;

/// <summary>How the learning rate goes from its highest to its last, once the warm-up is over.</summary>
public enum LearningRateSchedule
{
    /// <summary>Half a cosine: slowly, fast, slowly.</summary>
    Cosine,

    /// <summary>A straight line.</summary>
    Linear,
}

/// <summary>How <see cref="Trainer.Fit(CausalLm, Func{long, Batch}, TrainingOptions?)"/> trains. The defaults suit an adapter on a small model.</summary>
public sealed record TrainingOptions
{
    /// <summary>Optimizer steps.</summary>
    public long Steps { get; init; } = 100;

    /// <summary>The highest learning rate, reached after the warm-up.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>The way down from the highest learning rate to the last.</summary>
    public LearningRateSchedule Schedule { get; init; }

    /// <summary>The learning rate of the last step, as a part of the highest; 1 keeps it constant.</summary>
    public double FinalLearningRatePart { get; init; } = 0.1;

    /// <summary>Steps over which the learning rate rises linearly from 0.</summary>
    public long WarmupSteps { get; init; } = 10;

    /// <summary>AdamW's decoupled decay, on matrices only (norms, biases and magnitudes are vectors).</summary>
    public double WeightDecay { get; init; }

    /// <summary>AdamW's decay of its first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of its second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>How AdamW keeps its moments: in full, as 8-bit codes, on pages; and whether it steps 16-bit parameters as float32 masters.</summary>
    public TrainingOptimizer Optimizer { get; init; } = new FullAdamW();

    /// <summary>Gradients are scaled down to this norm over all parameters; infinity leaves them.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>Batches whose gradients are averaged into one step; those of 16-bit parameters are summed in float32 where these have masters.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Keep each decoder layer's input alone for backward and compute the layer again there: the activations of one layer in memory instead
    /// of all, for about a third more time; the same numbers bit for bit. (<see cref="MemoryLedger.OfTraining"/> says what it saves.)</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Called every <see cref="EvaluateEvery"/> steps and after the last; gives a loss to record, in nats.</summary>
    public Func<double>? Evaluate { get; init; }

    /// <summary>Steps between evaluations.</summary>
    public long EvaluateEvery { get; init; } = 100;

    /// <summary>Called after each step, on the training thread: for live charts, checkpoints, policies.</summary>
    public Action<StepMetrics>? OnStep { get; init; }

    /// <summary>Rules beside these options: what trains at a step, and how fast.</summary>
    public IReadOnlyList<TrainingPolicy> Policies { get; init; } = [];

    /// <summary>Where progress is written: one line that renews itself where it can, a plain line now and then elsewhere; null: nowhere.</summary>
    public TextWriter? Log { get; init; } = Console.Out;

    /// <summary>Seeds dropout.</summary>
    public long Seed { get; init; }

    /// <summary>Where the run leaves what it needs to go on when it is interrupted, as <c>new("out/run", every: 50)</c>; null: nowhere. A call with
    /// the same options, data and model goes on from the newest one.</summary>
    public TrainingCheckpoints? Checkpoints { get; init; }

    /// <summary>Stops after the current step, with a checkpoint where there are any; what was learned is kept and the run so far is returned.</summary>
    public CancellationToken Cancellation { get; init; }

    internal void Validate()
    {
        if (Steps < 0) throw new ArgumentException($"Steps is {Steps}; it must not be negative");
        if (Accumulation < 1) throw new ArgumentException($"Accumulation is {Accumulation}; it must be at least 1");
        if (EvaluateEvery < 1) throw new ArgumentException($"EvaluateEvery is {EvaluateEvery}; it must be at least 1");
        if (!(LearningRate >= 0 && double.IsFinite(LearningRate))) throw new ArgumentException($"LearningRate is {LearningRate}; it must be finite and not negative");
        if (WarmupSteps < 0) throw new ArgumentException($"WarmupSteps is {WarmupSteps}; it must not be negative");
        if (!Enum.IsDefined(Schedule)) throw new ArgumentException($"Schedule is {Schedule}; it must be {string.Join(" or ", Enum.GetNames<LearningRateSchedule>())}");
        if (FinalLearningRatePart is not (>= 0 and <= 1)) throw new ArgumentException($"FinalLearningRatePart is {FinalLearningRatePart}; it must lie between 0 and 1");
        if (!(WeightDecay >= 0 && double.IsFinite(WeightDecay))) throw new ArgumentException($"WeightDecay is {WeightDecay}; it must be finite and not negative");
        if (!(Epsilon > 0 && double.IsFinite(Epsilon))) throw new ArgumentException($"Epsilon is {Epsilon}; it must be finite and positive");
        foreach (var (name, beta) in new[] { (nameof(Beta1), Beta1), (nameof(Beta2), Beta2) })
            if (beta is not (>= 0 and < 1)) throw new ArgumentException($"{name} is {beta}; it must be at least 0 and below 1");
        (Optimizer ?? throw new ArgumentException("Optimizer is null; the default is new FullAdamW()")).Validate();
        Checkpoints?.Validate();
        if (!(MaxGradientNorm > 0)) throw new ArgumentException($"MaxGradientNorm is {MaxGradientNorm}; it must be positive (infinity: no clipping)");
    }

    /// <summary>The learning rate of a step, counted from 0: a linear warm-up, then down as <see cref="Schedule"/> says.</summary>
    public double LearningRateAt(long step)
    {
        if (step < WarmupSteps) return LearningRate * (step + 1) / WarmupSteps;
        var progress = Steps - 1 <= WarmupSteps ? 1 : (double)(step - WarmupSteps) / (Steps - 1 - WarmupSteps);
        progress = Math.Min(progress, 1);
        var left = Schedule == LearningRateSchedule.Linear ? 1 - progress : 0.5 * (1 + Math.Cos(Math.PI * progress));
        return LearningRate * (FinalLearningRatePart + (1 - FinalLearningRatePart) * left);
    }
}
