// The rule of storage levels by itself: scripted losses in, levels out.
namespace LowRank.Tests.Training;

public sealed class StorageLevelRuleTests
{
    /// <summary>The level after each loss, of three levels from 0.</summary>
    private static string Levels(double[] losses, double gain = 0.1, double tolerance = 0.2, int patience = 1, int rest = 0, int start = 0)
    {
        var rule = new StorageLevelRule(3, start, gain, tolerance, patience, rest);
        return string.Join(' ', losses.Select(rule.Next));
    }

    [Fact]
    public void DownWhileTheLossFallsByTheGain()
    {
        // The first evaluation, and the first after a change, has none before it to gain on; no level below the last.
        Assert.Equal("0 1 1 2 2 2", Levels([3, 2.9, 2.7, 2.5, 2.3, 2.1]));
        Assert.Equal("0 0 0 0", Levels([3, 2.95, 2.9, 2.85]));
        Assert.Equal("0 0 1 1 1 2", Levels([3, 2.8, 2.6, 2.5, 2.3, 2.1], patience: 2));
        Assert.Equal("0 0 0 0 1", Levels([3, 2.8, 2.75, 2.6, 2.4], patience: 2));       // in a row
    }

    [Fact]
    public void UpWhenItIsAboveTheBestByMoreThanTheTolerance()
    {
        Assert.Equal("2 2 1 0 0 0", Levels([3, 3.19, 3.3, 3.3, 3.3, 3.3], start: 2));
        Assert.Equal("2 2 2 2 1", Levels([3, 3.3, 3.15, 3.3, 3.3], start: 2, patience: 2));        // in a row
        Assert.Equal("2 2 1 1 0", Levels([3, 3.3, 3.3, 3.3, 3.3], start: 2, patience: 2));
        Assert.Equal("2 1 0 0", Levels([3, double.NaN, double.PositiveInfinity, double.NaN], start: 2));
        Assert.Equal("1 0", Levels([double.NaN, double.NaN], start: 2));
        // The best is the run's, not the level's: what a coarser level costs counts, however it goes on from there.
        Assert.Equal("0 1 0", Levels([3, 2.5, 2.8]));
    }

    [Fact]
    public void ALevelThatWasLeftStaysClosedForAWhile()
    {
        double[] backAndForth = [3, 2.8, 3.1, 2.7, 2.5, 2.3, 2.1, 1.9];
        Assert.Equal("0 1 0 0 1 1 2 2", Levels(backAndForth));
        Assert.Equal("0 1 0 0 0 1 1 2", Levels(backAndForth, rest: 2));
        Assert.Equal("0 1 0 0 0 0 1 1", Levels(backAndForth, rest: 3));
    }
}
