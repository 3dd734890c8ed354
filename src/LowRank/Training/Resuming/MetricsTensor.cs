// A run's metrics as one tensor, so that a checkpoint has them bit for bit.
using static TorchSharp.torch;

namespace LowRank;

internal static class MetricsTensor
{
    private const int Columns = 7;

    /// <summary>[steps, 7] float64: loss, learning rate, norm, tokens a second, seconds, whether it was evaluated, and with what.</summary>
    public static Tensor Of(IReadOnlyList<StepMetrics> steps)
    {
        var numbers = new double[steps.Count * Columns];
        foreach (var (i, s) in steps.Index())
            new[] { s.Loss, s.LearningRate, s.GradientNorm, s.TokensPerSecond, s.Seconds, s.EvaluationLoss is null ? 0 : 1, s.EvaluationLoss ?? 0 }
                .CopyTo(numbers, i * Columns);
        return tensor(numbers).view(steps.Count, Columns);
    }

    /// <exception cref="InvalidDataException">It is not such a tensor of so many steps.</exception>
    public static List<StepMetrics> Read(Tensor metrics, long steps)
    {
        if (metrics.dtype != ScalarType.Float64 || !metrics.shape.SequenceEqual([steps, Columns]))
            throw new InvalidDataException($"the metrics are {RunFacts.Shape(metrics)}; {steps} steps have Float64 [{steps}, {Columns}]");
        return [.. metrics.data<double>().ToArray().Chunk(Columns).Select((s, i) => new StepMetrics(i + 1, s[0], s[1], s[2], s[3], s[4], s[5] == 0 ? null : s[6]))];
    }
}
