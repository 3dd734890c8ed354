// A paper's claim beside what was measured: a verdict without its measurement stops the notebook, and a short run decides nothing.

namespace Charts.Tests;

public class ClaimTests
{
    const string Text = "DoRA beats LoRA at \"the same\" rank", Paper = "Liu et al. 2024, Table 1";

    [Fact]
    public void A_measurement_bears_each_verdict_out_or_stops()
    {
        foreach (var (judge, verdict, words) in new (Func<bool, Claim>, Verdict, string)[]
        {
            (holds => Claim.Reproduced(Text, Paper, holds, "0.01 nats"), Verdict.Reproduced, "reproduced"),
            (holds => Claim.NotHere(Text, Paper, holds, "0.01 nats"), Verdict.NotHere, "not at this size"),
            (holds => Claim.Confounded(Text, Paper, holds, "0.01 nats"), Verdict.Confounded, "confounded"),
        })
        {
            var claim = judge(true);
            Assert.Equal((verdict, words), (claim.Verdict, claim.Words));
            var failed = Assert.Throws<ClaimFailedException>(() => judge(false));
            Assert.Contains(words, failed.Message);
            Assert.Contains("0.01 nats", failed.Message);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_short_run_decides_nothing(bool holds) =>
        Assert.Equal(Verdict.Undecided, Claim.Reproduced(Text, Paper, holds, "0.01", [1], decided: false).Verdict);

    [Fact]
    public void It_is_kept_as_data_and_read_again()
    {
        var claim = Claim.NotHere(Text, Paper, true, "ahead in 3 of 6 pairs, Δ < 0.01", [1, 2, 3]);
        var read = Claim.FromJson(claim.ToJson())!;
        Assert.Equal(claim with { Seeds = [] }, read with { Seeds = [] });
        Assert.Equal(claim.Seeds.ToArray(), read.Seeds.ToArray());
        foreach (var other in new[] { "{}", "[1]", "not json", "{\"verdict\":\"Perhaps\"}", "3" }) Assert.Null(Claim.FromJson(other));
    }

    [Fact]
    public void A_page_and_a_terminal_show_everything_escaped()
    {
        var claim = Claim.Reproduced("r < d & s", Paper, true, "a > b", [1, 2]);
        Assert.Contains("r &lt; d &amp; s", claim.ToHtml());
        Assert.Contains("a &gt; b (seeds 1, 2)", claim.ToHtml());
        Assert.Equal("r < d & s (Liu et al. 2024, Table 1)\n  ✓ reproduced: a > b (seeds 1, 2)", claim.ToString());
    }

    [Fact]
    public void Kernels_find_its_formatters_and_the_data_first()
    {
        var attribute = (TypeFormatterSourceAttribute)Attribute.GetCustomAttribute(typeof(Claim), typeof(TypeFormatterSourceAttribute))!;
        Assert.Equal([Claim.MimeType, "text/html", "text/plain"], attribute.PreferredMimeTypes!);
        Assert.Equal(3, ((ClaimFormatters)Activator.CreateInstance(attribute.FormatterSourceType)!).CreateTypeFormatters().Count());
    }
}
