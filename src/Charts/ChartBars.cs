// Bars and boxes over labels, and histograms.

using System.Numerics;

namespace Charts;

public sealed partial record Chart
{
    /// <summary>How many bins histograms have; null: as many as the numbers ask for.</summary>
    public int? Bins { get; init; }

    /// <summary>Whether histograms show the share of each bin over its width (their area is 1), not counts.</summary>
    public bool Density { get; init; }

    /// <summary>A chart with one bar for each label.</summary>
    /// <param name="labels">One for each value.</param>
    /// <param name="values">Heights; NaN draws no bar.</param>
    /// <param name="name">Shown in the legend when there are several series.</param>
    /// <param name="paper">The place in a paper that reports these values ("Table 6"): a dashed outline.</param>
    /// <param name="guess">Nobody's values: a dotted outline.</param>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static Chart Bar<T>(IEnumerable<string> labels, IEnumerable<T> values, string name = "", string? paper = null, bool guess = false)
        where T : INumber<T> => new Chart { Labels = [.. labels] }.WithBars(values, name, paper, guess);

    /// <summary>A chart with a box for each label: the median, the middle half of the samples, Tukey's whiskers, and outliers as points.</summary>
    /// <param name="labels">One for each set of samples.</param>
    /// <param name="samples">What is summarized; numbers that are not finite are left out.</param>
    /// <param name="name">Shown in the legend when there are several series.</param>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static Chart Box<T>(IEnumerable<string> labels, IEnumerable<IEnumerable<T>> samples, string name = "") where T : INumber<T> =>
        new Chart { Labels = [.. labels] }.WithBoxes(samples, name);

    /// <summary>A chart of how often values occur.</summary>
    /// <param name="values">The numbers; those that are not finite are left out.</param>
    /// <param name="name">Shown in the legend when there are several series.</param>
    /// <param name="bins">How many bins; by default as many as the numbers ask for (Freedman and Diaconis), at round edges.</param>
    /// <param name="density">Show shares over the bins' width, so that a density can be drawn over it.</param>
    public static Chart Histogram<T>(IEnumerable<T> values, string name = "", int? bins = null, bool density = false) where T : INumber<T>
    {
        if (bins is { } wanted) ArgumentOutOfRangeException.ThrowIfLessThan(wanted, 1, nameof(bins));
        return new Chart { Bins = bins, Density = density }.WithHistogram(values, name);
    }

    /// <summary>Adds a bar to each group.</summary>
    /// <inheritdoc cref="Bar"/>
    public Chart WithBars<T>(IEnumerable<T> values, string name = "", string? paper = null, bool guess = false) where T : INumber<T>
    {
        var heights = Doubles(values);
        return WithCategories(new BarSeries(heights, name, Origin.Of(paper, guess)), heights.Length);
    }

    /// <summary>Adds a box to each group.</summary>
    /// <inheritdoc cref="Box"/>
    public Chart WithBoxes<T>(IEnumerable<IEnumerable<T>> samples, string name = "") where T : INumber<T>
    {
        BoxSummary?[] boxes = [.. samples.Select(sample => BoxSummary.Of(sample.Select(double.CreateSaturating)))];
        return WithCategories(new BoxSeries([.. boxes], name, Origin.Measured), boxes.Length);
    }

    /// <summary>Adds another set of numbers, counted in the same bins.</summary>
    public Chart WithHistogram<T>(IEnumerable<T> values, string name = "") where T : INumber<T> =>
        WithNumeric(new HistogramSeries(Doubles(values), name, Origin.Measured));
}
