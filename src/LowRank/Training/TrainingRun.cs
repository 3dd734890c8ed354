namespace LowRank;

/// <summary>What one optimizer step measured.</summary>
/// <param name="Step">Counted from 1.</param>
/// <param name="Loss">Mean cross entropy of the step's batches before the update, in nats.</param>
/// <param name="LearningRate">That the step used.</param>
/// <param name="GradientNorm">Over all trained parameters, before clipping.</param>
/// <param name="TokensPerSecond">Of this step.</param>
/// <param name="Seconds">Since training began.</param>
/// <param name="EvaluationLoss">What <see cref="TrainingOptions.Evaluate"/> gave, on the steps that called it.</param>
public sealed record StepMetrics(
    long Step, double Loss, double LearningRate, double GradientNorm, double TokensPerSecond, double Seconds, double? EvaluationLoss = null);

/// <summary>A training run: its steps, and how it ended.</summary>
/// <param name="Steps">One record a step.</param>
/// <param name="Tokens">Token positions seen.</param>
/// <param name="Seconds">Wall-clock time, that of calls before it which a checkpoint continued included.</param>
/// <param name="Cancelled">The run was stopped before its last step.</param>
public sealed record TrainingRun(IReadOnlyList<StepMetrics> Steps, long Tokens, double Seconds, bool Cancelled)
{
    /// <summary>Steps that were done before this call, which a checkpoint brought back; they are among <see cref="Steps"/>. 0: it began anew.</summary>
    public long ResumedAfter { get; init; }

    /// <summary>The steps that were evaluated, with what the evaluation gave.</summary>
    public IEnumerable<(long Step, double Loss)> Evaluations =>
        Steps.Where(s => s.EvaluationLoss is not null).Select(s => (s.Step, s.EvaluationLoss!.Value));

    /// <summary>Median time of a step in seconds, the first (which warms up) left out.</summary>
    public double SecondsPerStep
    {
        get
        {
            if (Steps.Count < 2) return Seconds;
            var times = Steps.Zip(Steps.Skip(1), (a, b) => b.Seconds - a.Seconds).Order().ToArray();
            return times[times.Length / 2];
        }
    }
}

/// <summary>Training stopped because a number was no longer finite.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>The step, counted from 1.</summary>
    public long Step { get; }

    /// <summary>The first parameter whose gradient is not finite; null when the loss itself was not.</summary>
    public string? Parameter { get; }

    internal TrainingDivergedException(long step, double loss)
        : base($"step {step}: the loss is {loss}. Nothing was updated in this step. Lower the learning rate, or look for bad values in the data or the weights.") =>
        Step = step;

    internal TrainingDivergedException(long step, string parameter)
        : base($"step {step}: the gradient of {parameter} is not finite. Nothing was updated in this step. Lower the learning rate or lengthen the warm-up.") =>
        (Step, Parameter) = (step, parameter);

    internal TrainingDivergedException(long step, MomentsNotFiniteException moments) : base($"step {step}: {moments.Message} Lower the learning rate or lengthen the warm-up.", moments) =>
        (Step, Parameter) = (step, moments.Parameter);
}
