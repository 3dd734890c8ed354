// The series that are not named beside their lines, in rows above the plot.

namespace Charts;

/// <summary>An entry of the legend: a series of the chart by its index, its words, and where it stands in its row.</summary>
sealed record LegendEntry(int Series, string Text, double X, int Row);

static class Legend
{
    public const double RowHeight = 20, Swatch = 26;

    /// <summary>Pixels of the rows and of the space below them.</summary>
    public static double Height(List<LegendEntry> entries) => entries.Count == 0 ? 0 : (entries[^1].Row + 1) * RowHeight + 5;

    /// <summary>The entries, wrapped at <paramref name="width"/>; none where one measured series needs no name.</summary>
    public static List<LegendEntry> Of(Chart chart, bool namesAtEnds, double width)
    {
        var named = Enumerable.Range(0, chart.Series.Length)
            .Where(i => chart.Series[i] is { Label.Length: > 0 } series and not (HeatSeries or ContourSeries or PictureSeries) && !(namesAtEnds && series is LineSeries)).ToArray();
        var entries = new List<LegendEntry>();
        if (chart.Series.Length == 1 && chart.Series[0].Origin.IsMeasured) return entries;
        double x = 0;
        var row = 0;
        foreach (var i in named)
        {
            var text = Style.Fit(chart.Series[i].Label, Style.TextSize, width - Swatch - 6);
            var room = Swatch + Style.TextWidth(text, Style.TextSize) + 18;
            if (x > 0 && x + room - 18 > width) (x, row) = (0, row + 1);
            entries.Add(new(i, text, x, row));
            x += room;
        }
        return entries;
    }
}
