// How a training's progress reads: a line that renews itself, or plain lines.

namespace LowRank.Tests.Training;

public sealed class TrainingProgressTests
{
    /// <summary>What is written over a run of steps that each take so long.</summary>
    private static string Written(bool live, long steps, double seconds, long evaluateEvery = 1000)
    {
        var writer = new StringWriter { NewLine = "\n" };
        var progress = new TrainingProgress(writer, steps, live);
        for (long step = 1; step <= steps; step++)
            progress.Show(new(step, 2.5, 1e-3, 1, 4000, step * seconds, step % evaluateEvery == 0 ? 2.25 : null));
        progress.End();
        return writer.ToString();
    }

    [Fact]
    public void AShortRunShowsNothingWhereALineCanRenewItself() => Assert.Equal("", Written(live: true, 100, 0.01));

    [Fact]
    public void ALongRunHasOneLineThatEndsFull()
    {
        var text = Written(live: true, 100, 0.05);
        Assert.Single(text, c => c == '\n');
        Assert.InRange(text.Count(c => c == '\r'), 10, 16);                       // three of the five seconds, every fifth of one
        Assert.StartsWith("\r██████░░░░░░░░░░ step 40/100  loss 2.5000  lr 0.001  4000 tokens/s  0:03 left", text);
        Assert.Contains("████████████████ step 100/100", text.Split('\r')[^1]);
    }

    [Fact]
    public void AnEvaluationKeepsItsLine()
    {
        var text = Written(live: true, 100, 0.05, evaluateEvery: 50);
        Assert.Equal(2, text.Split('\n').Count(line => line.Contains("evaluation 2.2500")));
        Assert.Equal(2, text.Count(c => c == '\n'));
    }

    [Fact]
    public void AFileGetsAboutTwentyPlainLines()
    {
        var lines = Written(live: false, 200, 0.001).TrimEnd('\n').Split('\n');
        Assert.Equal(20, lines.Length);
        Assert.All(lines, line => Assert.StartsWith("step ", line));
    }
}
