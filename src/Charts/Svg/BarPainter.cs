// Grouped bars: a value above each where there is room, labels below (wrapped), a legend where there are several series.

namespace Charts;

static class BarPainter
{
    const double LineHeight = 15, AboveBars = 16;

    public static void Draw(SvgWriter svg, Chart chart, Plot plot)
    {
        double slot = (plot.Right - plot.Left) / Math.Max(1, chart.Labels.Length);
        double bar = Math.Min(64, slot * 0.76 / chart.Bars.Length), ground = plot.Y.Map(plot.Y.Start);
        for (var g = 0; g < chart.Labels.Length; g++)
        {
            double middle = plot.Left + slot * (g + 0.5), left = middle - bar * chart.Bars.Length / 2;
            for (var s = 0; s < chart.Bars.Length; s++, left += bar) Bar(svg, chart, plot, chart.Bars[s].Values[g], s, left, bar, ground);
            var lines = LabelLines(chart.Labels[g], slot);
            for (var i = 0; i < lines.Count; i++) svg.Text(middle, plot.Bottom + 18 + LineHeight * i, lines[i], Style.TextSize, Style.Ink, "middle");
        }
        Legend(svg, chart, plot);
    }

    static void Bar(SvgWriter svg, Chart chart, Plot plot, double value, int series, double left, double width, double ground)
    {
        if (!chart.Y.Shows(value)) return;
        double end = Math.Clamp(plot.Y.Map(value), plot.Top, plot.Bottom), gap = Math.Min(3, width * 0.08);
        var colour = Style.Colour(series);
        var paper = chart.Bars[series].Paper;
        svg.Rectangle(left + gap, Math.Min(end, ground), width - 2 * gap, Math.Abs(end - ground), paper ? Style.Background : colour, paper ? colour : null, paper ? "4 3" : null);
        var text = Numbers.Short(value);
        if (Style.TextWidth(text, Style.SmallSize) > width + (chart.Bars.Length == 1 ? 24 : 2)) return;
        var below = end > ground && end + 16 < plot.Bottom;                          // a bar down to the labels keeps its value inside
        svg.Text(left + width / 2, below ? end + 14 : end - 5, text, Style.SmallSize, end > ground && !below && !paper ? Style.Background : Style.Ink, "middle");
    }

    /// <summary>Height of the labels' lines after the first.</summary>
    public static double ExtraLabelHeight(Chart chart, double width) => chart.Bars.Length == 0 ? 0
        : LineHeight * (chart.Labels.Select(l => LabelLines(l, width / chart.Labels.Length).Count).DefaultIfEmpty(1).Max() - 1);

    static List<string> LabelLines(string label, double slot) => TextLines.Wrap(label, Style.TextSize, slot - 6, most: 3);

    /// <summary>Height of the legend above the plot, and of the value above the highest bar.</summary>
    public static double LegendHeight(Chart chart, double width) => LegendRows(chart, width).Count * 20 + (chart.Bars.Length > 0 ? AboveBars : 0);

    static void Legend(SvgWriter svg, Chart chart, Plot plot)
    {
        var rows = LegendRows(chart, plot.Right - plot.Left);
        var y = plot.Top - AboveBars - rows.Count * 20 + 6;
        foreach (var row in rows)
        {
            var x = plot.Left;
            foreach (var s in row)
            {
                var paper = chart.Bars[s].Paper;
                svg.Rectangle(x, y - 4, 12, 12, paper ? Style.Background : Style.Colour(s), paper ? Style.Colour(s) : null, paper ? "3 2" : null);
                svg.Text(x + 18, y + 6, Name(chart.Bars[s]), Style.TextSize, Style.Ink);
                x += EntryWidth(chart.Bars[s]);
            }
            y += 20;
        }
    }

    static List<List<int>> LegendRows(Chart chart, double width)
    {
        var rows = new List<List<int>>();
        if (chart.Bars.Length < 2 && !chart.Bars.Any(b => b.Paper)) return rows;
        var used = double.PositiveInfinity;
        for (var s = 0; s < chart.Bars.Length; s++)
        {
            if (used + EntryWidth(chart.Bars[s]) > width)
            {
                rows.Add([]);
                used = 0;
            }
            rows[^1].Add(s);
            used += EntryWidth(chart.Bars[s]);
        }
        return rows;
    }

    static double EntryWidth(BarSeries bars) => 18 + Style.TextWidth(Name(bars), Style.TextSize) + 18;

    static string Name(BarSeries bars) => bars.Paper && !bars.Name.Contains("paper", StringComparison.OrdinalIgnoreCase) ? (bars.Name + " (paper)").TrimStart() : bars.Name;
}
