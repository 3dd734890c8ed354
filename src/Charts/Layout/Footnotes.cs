// The sentences below a chart: its caption, whose the dashed and dotted strokes are, what bands mean, and what the drawing leaves out.

namespace Charts;

static class Footnotes
{
    public static List<string> Of(Chart chart, double plotWidth) => TextLines.Wrap(Text(chart, plotWidth), Style.TextSize, chart.Width - 32, most: 8);

    /// <param name="chart">The chart.</param>
    /// <param name="plotWidth">Pixels of the plot: what is finer is thinned in the static drawing. 0: nothing is.</param>
    public static string Text(Chart chart, double plotWidth)
    {
        var bands = chart.Series.OfType<LineSeries>().Where(l => l.HasBand && l.BandMeaning.Length > 0).Select(l => l.BandMeaning).Distinct().ToArray();
        string[] parts =
        [
            chart.CaptionText,
            bands.Length > 0 ? $"Band: {string.Join("; ", bands)}." : "",
            Origin.Legend(chart.Series.Select(s => s.Origin).Concat(chart.References.Select(r => r.Origin))),
            LeftOut(chart),
            plotWidth > 0 ? Thinning.Note(chart, plotWidth) : "",
        ];
        return string.Join(" ", parts.Where(p => p.Length > 0));
    }

    static string LeftOut(Chart chart)
    {
        var lost = chart.Series.OfType<HistogramSeries>().Sum(h => h.Values.Count(v => !chart.X.Shows(v)));
        return lost == 0 ? "" : $"{lost:N0} {(lost == 1 ? "number is" : "numbers are")} left out: {(chart.X.Log ? "not positive or " : "")}not finite.";
    }
}
