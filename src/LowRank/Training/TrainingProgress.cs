using System.Globalization;

namespace LowRank;

/// <summary>Writes how training goes: a bar on one line that renews itself in a terminal or a notebook, once it has taken two seconds; about
/// twenty plain lines when redirected or in CI.</summary>
internal sealed class TrainingProgress(TextWriter? writer, long steps, bool live)
{
    private const int Cells = 16;
    private const double Patience = 2, Pause = 0.2;         // seconds

    private readonly long every = Math.Max(1, steps / 20);
    private double shown = double.NegativeInfinity;
    private int width;

    public TrainingProgress(TextWriter? writer, long steps) : this(writer, steps, ReferenceEquals(writer, Console.Out)
        && (IsSet("CONSOLE_RENEWS_LINES") || (!Console.IsOutputRedirected && !IsSet("CI"))))
    {
    }

    // CONSOLE_RENEWS_LINES: whoever shows the console knows a carriage return, though it is no terminal. A notebook's kernel sets it.
    private static bool IsSet(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));

    public void Show(StepMetrics step)
    {
        if (writer is null) return;
        var last = step.Step == steps;
        var due = last || step.EvaluationLoss is not null || (live ? step.Seconds - shown >= Pause : step.Step % every == 0);
        if (!due || (live && step.Seconds < Patience)) return;
        shown = step.Seconds;
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
