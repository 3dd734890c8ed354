using System.Diagnostics;
using System.Globalization;

namespace LowRank;

/// <summary>Writes how training goes: a bar on one line that renews itself in a terminal or a notebook, once it has taken two seconds; about
/// twenty plain lines when redirected or in CI.</summary>
internal sealed class TrainingProgress(TextWriter? writer, long steps)
{
    private const int Cells = 16;

    private readonly bool live = writer is not null && ReferenceEquals(writer, Console.Out) && (TrainingOptions.LogRenewsItsLine
        || (!Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))));
    private readonly long every = Math.Max(1, steps / 20);
    private readonly Stopwatch sinceStart = Stopwatch.StartNew(), sinceLast = Stopwatch.StartNew();
    private int width;

    public void Show(StepMetrics step)
    {
        if (writer is null) return;
        var last = step.Step == steps;
        if (live ? sinceStart.ElapsedMilliseconds < 2000 || (sinceLast.ElapsedMilliseconds < 200 && !last) : step.Step % every != 0 && !last && step.EvaluationLoss is null) return;
        sinceLast.Restart();
        var line = (live ? Bar((double)step.Step / steps) : "") + Words(step);
        if (!live)
        {
            writer.WriteLine(line);
            return;
        }
        writer.Write("\r" + line.PadRight(width));
        width = line.Length;
        if (last || step.EvaluationLoss is not null) End();
    }

    /// <summary>Leaves the line that renews itself.</summary>
    public void End()
    {
        if (live && width > 0) writer!.WriteLine();
        width = 0;
    }

    private string Words(StepMetrics step)
    {
        var left = TimeSpan.FromSeconds(step.Seconds / step.Step * (steps - step.Step));
        var line = string.Create(CultureInfo.InvariantCulture,
            $"step {step.Step}/{steps}  loss {step.Loss:F4}  lr {step.LearningRate:G3}  {step.TokensPerSecond:F0} tokens/s  {Time(left)} left");
        return step.EvaluationLoss is { } loss ? line + string.Create(CultureInfo.InvariantCulture, $"  evaluation {loss:F4}") : line;
    }

    private static string Bar(double part)
    {
        var full = (int)Math.Round(part * Cells);
        return new string('█', full) + new string('░', Cells - full) + " ";
    }

    private static string Time(TimeSpan time) => time.TotalHours >= 1
        ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}"
        : $"{time.Minutes}:{time.Seconds:00}";
}
