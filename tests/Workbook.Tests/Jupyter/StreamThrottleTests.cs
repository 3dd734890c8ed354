using Workbook.Jupyter;

namespace Workbook.Tests.Jupyter;

public sealed class StreamThrottleTests
{
    readonly Clock _clock = new();
    readonly List<string> _published = [];

    StreamThrottle Throttle(int burst, int perSecond) => new(new OutputBudget(burst, perSecond, _clock), _published.Add);

    [Fact]
    public void WithinTheBudgetTextGoesOutAtOnce()
    {
        var throttle = Throttle(10, 1);
        throttle.Write("abcde");
        throttle.Write("fghij");
        Assert.Equal(["abcde", "fghij"], _published);
        Assert.False(throttle.IsHolding);
    }

    [Fact]
    public void BeyondItTextWaitsAndNothingIsLostWhileLittleWaits()
    {
        var throttle = Throttle(5, 10);
        foreach (string text in (string[])["abcde", "fg\n", "hi\n"]) throttle.Write(text);
        throttle.Retry();
        Assert.Equal(["abcde"], _published);
        _clock.Now += TimeSpan.FromSeconds(0.6);
        throttle.Retry();
        Assert.Equal(["abcde"], _published); // the bucket holds five
        throttle.Release();
        Assert.Equal(["abcde", "fg\nhi\n"], _published);
    }

    [Fact]
    public void TheBucketFillsAgain()
    {
        var throttle = Throttle(5, 10);
        throttle.Write("abcde");
        throttle.Write("fgh");
        _clock.Now += TimeSpan.FromSeconds(0.3);
        throttle.Retry();
        Assert.Equal(["abcde", "fgh"], _published);
    }

    [Fact]
    public void WhatIsLeftOutIsCounted()
    {
        var throttle = Throttle(0, 1);
        const int lines = 100_000;
        for (int i = 0; i < lines; i++) throttle.Write($"{i}\n");
        throttle.Release();
        string text = Assert.Single(_published);
        string[] shown = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith($"… {lines - (shown.Length - 1):N0} lines (", shown[0]);
        Assert.Equal($"{lines - shown.Length + 1}", shown[1]); // whole lines
        Assert.Equal($"{lines - 1}", shown[^1]);
        Assert.InRange(text.Length, StreamThrottle.KeptCharacters / 2, 3 * StreamThrottle.KeptCharacters);
    }

    [Fact]
    public void OneEndlessLineIsCutBetweenCharacters()
    {
        var throttle = Throttle(0, 1);
        throttle.Write("a" + string.Concat(Enumerable.Repeat("🙂", 40_000)));
        throttle.Release();
        string kept = _published[0].Split("…\n")[1];
        Assert.True(char.IsHighSurrogate(kept[0]));
    }

    sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => Now.Ticks;
    }
}
