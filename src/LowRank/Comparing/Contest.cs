// A fair contest: every contender gets the same search over the learning rate, on validation questions, and is reported on others. A search
// tries three neighbouring rates of the ladder and goes on past the better end until the best rate has a neighbour on either side.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Runs contenders on a task over a base model.</summary>
/// <param name="task">The task.</param>
/// <param name="modelFolder">The base model.</param>
/// <param name="device">Where it trains; the CPU if left out.</param>
public sealed class Contest(ContestTask task, string modelFolder, Device? device = null)
{
    /// <summary>The learning rates that are tried, a factor of about 3 apart.</summary>
    public static IReadOnlyList<double> Ladder { get; } = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1];

    private readonly string model = Path.GetFileName(Path.TrimEndingDirectorySeparator(modelFolder));

    /// <summary>Trains once and measures.</summary>
    /// <param name="contender">Who.</param>
    /// <param name="rate">The learning rate.</param>
    /// <param name="seed">Of start, projections and data order.</param>
    /// <param name="onStep">Called after each step.</param>
    public ContestPoint Run(Contender contender, double rate, long seed, Action<StepMetrics>? onStep = null)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        using var lm = CausalLm.Load(modelFolder, device: device);
        contender.Prepare(lm, seed);
        var trained = contender.FirstRate > 0 ? TrainableParameters.Of(lm).Trainable : 0;
        IEnumerable<Batch> Batches(IReadOnlyList<Question> questions) =>
            new QuestionBatches(lm.Tokenizer!, task.WithExamples(questions, contender.Shots), 2 * ContestTask.BatchSize, device: device).InOrder();
        var point = new ContestPoint(task.Name, model, contender.Name, rate, seed, StepsOf(contender), trained, null, null, null);
        try
        {
            if (trained > 0)
                Trainer.Fit(lm, new QuestionBatches(lm.Tokenizer!, task.Training, ContestTask.BatchSize, seed, device: device).At, new()
                {
                    Steps = task.Steps, LearningRate = rate, WarmupSteps = task.Steps / 10, Seed = seed, Log = null, OnStep = onStep, Policies = contender.Policies(task.Steps),
                });
        }
        catch (TrainingDivergedException)
        {
            return point;       // a rate beyond what the method bears
        }
        return point with
        {
            Validation = Finite(Evaluation.Loss(lm, Batches(task.Validation))), Test = Finite(Evaluation.Loss(lm, Batches(task.Test))),
            Exact = task.OneAnswer ? AnswerScore.Of(lm, Batches(task.Test)).ExactMatch : null,
        };
    }

    /// <summary>The point of a run from the file; made and added if it is not there.</summary>
    public ContestPoint Point(ContestFile file, Contender contender, double rate, long seed)
    {
        if (file.Find(task.Name, model, contender.Name, rate, seed, StepsOf(contender)) is { } known) return known;
        var point = Run(contender, rate, seed);
        file.Add(point);
        return point;
    }

    /// <summary>The whole search of a contender with one seed: the point with the lowest validation loss.</summary>
    /// <param name="file">Where points are and go.</param>
    /// <param name="contender">Who.</param>
    /// <param name="seed">Of all runs.</param>
    /// <param name="firstRate">The middle of the first three rates, a step of the ladder; the contender's own if left out.</param>
    public ContestPoint Search(ContestFile file, Contender contender, long seed, double? firstRate = null)
    {
        if (contender.FirstRate == 0) return Point(file, contender, 0, seed);
        var middle = Ladder.ToList().IndexOf(firstRate ?? contender.FirstRate);
        if (middle < 0) throw new ArgumentException($"{contender.Name} would begin at {firstRate ?? contender.FirstRate}, which is no step of the ladder {string.Join(", ", Ladder)}");
        var tried = new Dictionary<int, ContestPoint>();
        int Best() => tried.MinBy(t => t.Value.Validation ?? double.PositiveInfinity).Key;
        void Try(int step)
        {
            if (step >= 0 && step < Ladder.Count && !tried.ContainsKey(step)) tried[step] = Point(file, contender, Ladder[step], seed);
        }
        for (var step = middle - 1; step <= middle + 1; step++) Try(step);
        for (var best = -1; best != Best();)
        {
            best = Best();
            Try(best - 1);
            Try(best + 1);
        }
        return tried[Best()];
    }

    private int StepsOf(Contender contender) => contender.FirstRate > 0 ? task.Steps : 0;

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
