using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Generating;

public sealed class SamplerTests
{
    private static readonly float[] Logits = [.. new[] { 0.5, 0.2, 0.15, 0.1, 0.05 }.Select(p => (float)Math.Log(p))];

    /// <summary>How often each token is drawn, as a share.</summary>
    private static double[] Shares(GenerationOptions options, params long[] text)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var logits = tensor(Logits);
        var counts = new double[Logits.Length];
        const int draws = 4000;
        for (var i = 0; i < draws; i++) counts[Sampler.Draw(logits, text, options, generator)]++;
        Assert.Equal(Logits, logits.data<float>().ToArray());
        return [.. counts.Select(count => count / draws)];
    }

    private static void Near(double[] expected, double[] shares) =>
        Assert.All(expected.Zip(shares), pair => Assert.InRange(pair.Second, pair.First == 0 ? 0 : pair.First - 0.03, pair.First == 0 ? 0 : pair.First + 0.03));

    [Fact]
    public void It_draws_by_the_probabilities() => Near([0.5, 0.2, 0.15, 0.1, 0.05], Shares(new()));

    [Fact]
    public void Top_k_leaves_the_likeliest() => Near([0.5 / 0.85, 0.2 / 0.85, 0.15 / 0.85, 0, 0], Shares(new() { TopK = 3 }));

    [Theory]
    [InlineData(0.45, 1), InlineData(0.5001, 2), InlineData(0.69, 2), InlineData(0.8, 3), InlineData(1e-9, 1)]
    public void Top_p_leaves_those_that_reach_it(double p, int kept)
    {
        double[] all = [0.5, 0.2, 0.15, 0.1, 0.05];
        var sum = all.Take(kept).Sum();
        Near([.. all.Select((share, i) => i < kept ? share / sum : 0)], Shares(new() { TopP = p }));
    }

    /// <summary>Peaked, so that a few tokens have p; flat, so that it takes most of the vocabulary.</summary>
    [Theory, InlineData(6, 0.9), InlineData(0.3, 0.9), InlineData(0.3, 0.1), InlineData(5, 0.95)]
    public void Of_a_large_vocabulary_top_p_leaves_the_same(double spread, double p)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var logits = randn(20_000, generator: generator).mul(spread);
        var (sorted, order) = logits.softmax(0).sort(0, descending: true);
        var kept = (int)sorted.cumsum(0).sub(sorted).lt(p).sum().item<long>();
        var allowed = order.data<long>().ToArray()[..kept].ToHashSet();
        var drawn = Enumerable.Range(0, 500).Select(_ => Sampler.Draw(logits, [], new() { TopP = p }, generator)).ToList();
        Assert.All(drawn, token => Assert.Contains(token, allowed));
        Assert.InRange(drawn.Distinct().Count(), Math.Min(kept, 300) / 3, kept);
        Assert.Equal(spread > 1, kept <= 512);
    }

    [Fact]
    public void Top_p_counts_among_those_of_top_k() => Near([0.5 / 0.7, 0.2 / 0.7, 0, 0, 0], Shares(new() { TopK = 3, TopP = 0.75 }));

    [Fact]
    public void Temperature_flattens()
    {
        double[] flat = [.. new[] { 0.5, 0.2, 0.15, 0.1, 0.05 }.Select(Math.Sqrt)];
        Near([.. flat.Select(x => x / flat.Sum())], Shares(new() { Temperature = 2 }));
    }

    [Fact]
    public void The_penalty_is_for_what_the_text_has()
    {
        using var generator = new Generator(1);
        using var logits = tensor(new[] { 2f, 1.5f, -1f, -1.2f });
        var greedy = GenerationOptions.Greedy with { RepetitionPenalty = 1.5 };
        Assert.Equal(0, Sampler.Draw(logits, [3], greedy, generator));
        Assert.Equal(1, Sampler.Draw(logits, [0, 0, 3], greedy, generator));    // 2/1.5 is less than 1.5
        using var negative = tensor(new[] { -1f, -1.2f });
        Assert.Equal(1, Sampler.Draw(negative, [0], greedy, generator));        // −1 · 1.5
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        foreach (var (options, name) in new (GenerationOptions, string)[]
        {
            (new() { Temperature = double.NaN }, "Temperature"), (new() { TopK = -1 }, "TopK"), (new() { TopP = 0 }, "TopP"), (new() { TopP = 1.1 }, "TopP"),
            (new() { RepetitionPenalty = 0 }, "RepetitionPenalty"), (new() { MaxNewTokens = -1 }, "MaxNewTokens"),
        })
            Assert.StartsWith(name, Assert.Throws<ArgumentException>(options.Validate).Message);
    }
}
