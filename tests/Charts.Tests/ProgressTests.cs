// Progress on one line, and charts that are drawn again while something runs; by a clock that the tests turn.

namespace Charts.Tests;

public class ProgressTests
{
    sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; } = TimeSpan.FromSeconds(1);
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => Now.Ticks;
    }

    /// <summary>A notebook that remembers what is displayed and how it is renewed.</summary>
    sealed class Cell
    {
        public List<object> Displayed { get; } = [];
        public List<object> Updates { get; } = [];

        public Action<object> Show(object value)
        {
            Displayed.Add(value);
            return Updates.Add;
        }
    }

    [Fact]
    public void What_is_over_within_two_seconds_shows_nothing()
    {
        var (clock, cell, writer) = (new Clock(), new Cell(), new StringWriter());
        foreach (var notebook in new[] { true, false })
        {
            using var progress = new Progress("quick", 10, notebook ? cell.Show : null, writer, terminal: true, clock);
            for (var i = 0; i < 10; i++)
            {
                clock.Now += TimeSpan.FromSeconds(0.1);
                progress.Step();
            }
        }
        Assert.Empty(cell.Displayed);
        Assert.Equal("", writer.ToString());
    }

    [Fact]
    public void A_notebook_has_one_line_that_is_renewed_four_times_a_second()
    {
        var (clock, cell) = (new Clock(), new Cell());
        using (var progress = new Progress("ranks", 100, cell.Show, null, false, clock))
            for (var i = 0; i < 100; i++)
            {
                clock.Now += TimeSpan.FromSeconds(0.1);
                progress.Step($"loss {i}");
            }
        Assert.Single(cell.Displayed);
        Assert.InRange(cell.Updates.Count, 20, 34);                               // 8 seconds, every 0.3 of them, and the end
        var line = (ProgressLine)cell.Updates[4];
        Assert.Equal(10, line.Rate, 1e-6);
        Assert.Equal((100 - line.Done) / 10.0, line.Left!.Value.TotalSeconds, 1e-3);
        Assert.Contains($"{line.Done}/100, 10 a second, 0:0{line.Left.Value.Seconds} left, loss", line.ToString());
        Assert.Contains("<progress max=\"1\" value=\"0.3", line.ToHtml());
        Assert.Equal("ranks: 100 in 0:10, loss 99", cell.Updates[^1].ToString());
    }

    [Fact]
    public void A_terminal_has_one_line_and_a_file_only_the_end()
    {
        foreach (var terminal in new[] { true, false })
        {
            var (clock, writer) = (new Clock(), new StringWriter { NewLine = "\n" });
            using (var progress = new Progress("ranks", 4, null, writer, terminal, clock))
                for (var i = 0; i < 3; i++)
                {
                    clock.Now += TimeSpan.FromSeconds(3);
                    progress.Step();
                }
            var text = writer.ToString();
            if (!terminal) Assert.Equal("ranks: 3 of 4 in 0:09\n", text);
            else
            {
                Assert.Equal(4, text.Count(c => c == '\r'));
                Assert.Contains("ranks ███████████████░░░░░ 3/4, 3 s each, 0:03 left", text);
                Assert.Equal("ranks: 3 of 4 in 0:09", text.Split('\r')[^1].Trim());
                Assert.EndsWith("\n", text);
            }
        }
    }

    [Fact]
    public void Items_pass_through_in_order() => Assert.Equal([3, 1, 2], Progress.Over([3, 1, 2], "items"));

    [Fact]
    public void A_live_chart_is_drawn_at_most_twice_a_second_and_at_the_end()
    {
        var (clock, cell) = (new Clock(), new Cell());
        var drawn = 0;
        var live = new Live(() => ++drawn, cell.Show, clock);
        for (var i = 0; i < 100; i++)
        {
            live.Tick();
            clock.Now += TimeSpan.FromSeconds(0.02);
        }
        live.Finish();
        Assert.Single(cell.Displayed);
        Assert.Equal(5, drawn);                                                   // at 0, 0.5, 1, 1.5 seconds, and the end
        Assert.Equal(5, cell.Updates[^1]);
    }
}
