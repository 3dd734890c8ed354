// Lines with bands, and scatters.

using System.Collections.Immutable;
using System.Numerics;

namespace Charts;

public sealed partial record Chart
{
    /// <summary>A chart of one line.</summary>
    /// <param name="xs">Horizontal positions; as many as <paramref name="ys"/>.</param>
    /// <param name="ys">Values; NaN and infinities leave a gap.</param>
    /// <param name="name">Written at the line's end.</param>
    /// <param name="paper">The place in a paper that reports these values ("Table 6"): dashed, with hollow markers.</param>
    /// <param name="guess">Nobody's values: dotted, with hollow markers.</param>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static Chart Line<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, string name = "", string? paper = null, bool guess = false)
        where TX : INumber<TX> where TY : INumber<TY> => new Chart().WithLine(xs, ys, name, paper, guess);

    /// <summary>A chart of one line over 0, 1, 2, …</summary>
    public static Chart Line<TY>(IEnumerable<TY> ys, string name = "", string? paper = null, bool guess = false) where TY : INumber<TY> =>
        new Chart().WithLine(ys, name, paper, guess);

    /// <summary>A chart of points that nothing joins.</summary>
    /// <param name="xs">Horizontal positions; as many as <paramref name="ys"/>.</param>
    /// <param name="ys">Values.</param>
    /// <param name="name">Shown in the legend.</param>
    /// <param name="labels">Written beside the points, one for each.</param>
    /// <param name="paper">The place in a paper that reports these values: hollow markers.</param>
    /// <param name="guess">Nobody's values: hollow markers.</param>
    /// <exception cref="ArgumentException">They differ in length.</exception>
    public static Chart Scatter<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, string name = "", IEnumerable<string>? labels = null, string? paper = null, bool guess = false)
        where TX : INumber<TX> where TY : INumber<TY> => new Chart().WithScatter(xs, ys, name, labels, paper, guess);

    /// <summary>Adds a line.</summary>
    /// <inheritdoc cref="Line{TX, TY}"/>
    public Chart WithLine<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, string name = "", string? paper = null, bool guess = false)
        where TX : INumber<TX> where TY : INumber<TY>
    {
        var (x, y) = Pair("line", name, xs, ys);
        return WithNumeric(new LineSeries(x, y, name, Origin.Of(paper, guess)));
    }

    /// <summary>Adds a line over 0, 1, 2, …</summary>
    public Chart WithLine<TY>(IEnumerable<TY> ys, string name = "", string? paper = null, bool guess = false) where TY : INumber<TY>
    {
        var values = ys.ToArray();
        return WithLine(Enumerable.Range(0, values.Length), values, name, paper, guess);
    }

    /// <summary>Adds a band around the line that was added last.</summary>
    /// <param name="low">Its lower edge, one value for each point of the line.</param>
    /// <param name="high">Its upper edge.</param>
    /// <param name="meaning">What the band is, printed below the chart: "lowest to highest of 5 seeds".</param>
    /// <exception cref="ArgumentException">The edges and the line differ in length.</exception>
    public Chart WithBand<T>(IEnumerable<T> low, IEnumerable<T> high, string meaning) where T : INumber<T>
    {
        if (Series is not [.., LineSeries line]) throw new InvalidOperationException("A band needs a line: call WithBand right after Line or WithLine.");
        ImmutableArray<double> lower = Doubles(low), upper = Doubles(high);
        if (lower.Length != line.Y.Length || upper.Length != line.Y.Length)
            throw new ArgumentException($"""The band has {lower.Length} and {upper.Length} values around the {line.Y.Length} points of "{line.Name}"; give one for each.""");
        return this with { Series = Series.SetItem(Series.Length - 1, line with { Low = lower, High = upper, BandMeaning = meaning }) };
    }

    /// <summary>Adds the mean of several runs as a line, and their lowest and highest as a band.</summary>
    /// <exception cref="ArgumentException">A run differs in length from <paramref name="xs"/>, or there is none.</exception>
    public Chart WithRuns<TX, TY>(IEnumerable<TX> xs, IEnumerable<IEnumerable<TY>> runs, string name = "") where TX : INumber<TX> where TY : INumber<TY>
    {
        var x = Doubles(xs);
        var all = runs.Select(Doubles).ToArray();
        if (all.Length == 0) throw new ArgumentException($"""The line "{name}" has no runs.""");
        if (all.FirstOrDefault(run => run.Length != x.Length) is { IsDefault: false } odd)
            throw new ArgumentException($"""A run of "{name}" has {odd.Length} values but there are {x.Length} xs; give one value for each x.""");
        var columns = Enumerable.Range(0, x.Length).Select(i => all.Select(run => run[i]).ToArray()).ToArray();
        return WithLine(x, columns.Select(c => c.Average()), name).WithBand(columns.Select(c => c.Min()), columns.Select(c => c.Max()), $"lowest to highest of {all.Length} runs");
    }

    /// <summary>Adds points that nothing joins.</summary>
    /// <inheritdoc cref="Scatter"/>
    public Chart WithScatter<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, string name = "", IEnumerable<string>? labels = null, string? paper = null, bool guess = false)
        where TX : INumber<TX> where TY : INumber<TY>
    {
        var (x, y) = Pair("scatter", name, xs, ys);
        ImmutableArray<string> words = labels is null ? default : [.. labels];
        if (!words.IsDefault && words.Length != x.Length) throw new ArgumentException($"""The scatter "{name}" has {x.Length} points but {words.Length} labels; give one for each.""");
        return WithNumeric(new PointSeries(x, y, name, Origin.Of(paper, guess), words));
    }

    static (ImmutableArray<double> X, ImmutableArray<double> Y) Pair<TX, TY>(string kind, string name, IEnumerable<TX> xs, IEnumerable<TY> ys)
        where TX : INumber<TX> where TY : INumber<TY>
    {
        ImmutableArray<double> x = Doubles(xs), y = Doubles(ys);
        return x.Length == y.Length ? (x, y) : throw new ArgumentException($"""The {kind} "{name}" has {x.Length} xs but {y.Length} ys; give one y for each x.""");
    }
}
