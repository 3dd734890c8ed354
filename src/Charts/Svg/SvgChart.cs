// Lays a chart out and draws it: title and axis label above the plot, grid, series, then names at the lines' ends (or a legend for bars),
// the caption below. Coordinates are pixels from the drawing's upper left corner.

namespace Charts;

static class SvgChart
{
    public static string Render(Chart chart)
    {
        var (elements, height) = Draw(chart);
        return SvgWriter.Document(chart.Width, height, chart.ToString(), elements);
    }

    /// <summary>Small multiples: each chart in a cell of its own, each row as high as its highest chart.</summary>
    public static string Render(ChartRow row)
    {
        var svg = new SvgWriter();
        double top = 0, width = 0;
        foreach (var charts in row.Charts.Chunk(Math.Max(1, row.Columns)))
        {
            double left = 0, highest = 0;
            foreach (var chart in charts)
            {
                var (elements, height) = Draw(chart);
                svg.Frame(left, top, chart.Width, height, elements);
                left += chart.Width;
                highest = Math.Max(highest, height);
            }
            width = Math.Max(width, left);
            top += highest;
        }
        return SvgWriter.Document(Math.Max(1, width), Math.Max(1, top), row.ToString(), svg.Elements);
    }

    static (string Elements, double Height) Draw(Chart chart)
    {
        var svg = new SvgWriter();
        var plot = Layout(chart);
        Headings(svg, chart, plot);
        AxisPainter.Draw(svg, chart, plot);
        if (plot.IsEmpty) svg.Text((plot.Left + plot.Right) / 2, (plot.Top + plot.Bottom) / 2, "no data", Style.TextSize, Style.Muted, "middle");
        if (chart.Bars.Length > 0) BarPainter.Draw(svg, chart, plot);
        References(svg, chart, plot);
        if (chart.Lines.Length > 0) LinePainter.Draw(svg, chart, plot);
        foreach (var note in chart.Notes.Where(n => chart.X.Shows(n.X) && chart.Y.Shows(n.Y)))
            svg.Text(plot.X.Map(note.X) + 6, plot.Y.Map(note.Y) - 6, note.Text, Style.SmallSize, Style.Muted);
        var height = chart.Height + Caption(svg, chart);
        return (svg.Elements, height);
    }

    static Plot Layout(Chart chart)
    {
        var bars = chart.Bars.Length > 0;
        var ys = chart.Lines.SelectMany(Shown).Concat(chart.Bars.SelectMany(b => b.Values)).ToArray();
        var y = Scale.For(chart.Y, ys.Concat(chart.References.Select(r => r.Value)), wantedTicks: Math.Clamp(chart.Height / 70, 2, 6), roundOut: true, fromZero: bars);
        double widest = Numbers.Ticks(y.Ticks).Select(t => Style.TextWidth(t, Style.TextSize)).DefaultIfEmpty(0).Max();
        double left = 16 + widest + 8, right = chart.Width - 20 - LinePainter.RoomForNames(chart);
        double top = 16 + Title(chart).Count * 21 + (chart.Y.Label.Length > 0 ? 24 : 10) + BarPainter.LegendHeight(chart, chart.Width - left - 20);
        double bottom = chart.Height - 30 - (chart.X.Label.Length > 0 ? 20 : 0) - BarPainter.ExtraLabelHeight(chart, right - left);
        var x = Scale.For(chart.X, chart.Lines.SelectMany(l => l.X), wantedTicks: Math.Clamp((int)(right - left) / 80, 2, 10), roundOut: false, fromZero: false);
        return new(left, right, top, Math.Max(top + 20, bottom), x.Between(left + 8, right - 8), y.Between(Math.Max(top + 20, bottom), top), !ys.Any(chart.Y.Shows));

        IEnumerable<double> Shown(LineSeries line) => line.Y.Where((_, i) => chart.X.Shows(line.X[i]));
    }

    static List<string> Title(Chart chart) => TextLines.Wrap(chart.TitleText, Style.TitleSize, chart.Width - 30, most: 2);

    static void Headings(SvgWriter svg, Chart chart, Plot plot)
    {
        var baseline = 28.0;
        foreach (var line in Title(chart))
        {
            svg.Text(16, baseline, line, Style.TitleSize, Style.Ink, bold: true);
            baseline += 21;
        }
        svg.Text(16, baseline, chart.Y.Label, Style.TextSize, Style.Muted);
        svg.Text((plot.Left + plot.Right) / 2, chart.Height - 12, chart.X.Label, Style.TextSize, Style.Muted, "middle");
    }

    static void References(SvgWriter svg, Chart chart, Plot plot)
    {
        foreach (var line in chart.References.Where(l => chart.Y.Shows(l.Value)))
        {
            var y = plot.Y.Map(line.Value);
            if (y < plot.Top - 1 || y > plot.Bottom + 1) continue;
            svg.Line(plot.Left, y, plot.Right, y, Style.Muted, 1.25, line.Paper ? "6 4" : null);
            svg.Text(plot.Right, y - 5, line.Label, Style.SmallSize, Style.Muted, "end");
        }
    }

    static double Caption(SvgWriter svg, Chart chart)
    {
        var lines = TextLines.Wrap(chart.CaptionText, Style.TextSize, chart.Width - 32, most: 8);
        for (var i = 0; i < lines.Count; i++) svg.Text(16, chart.Height + 10 + 18 * i, lines[i], Style.TextSize, Style.Muted);
        return lines.Count > 0 ? 18 * lines.Count + 8 : 0;
    }
}

/// <summary>Where the plot lies in the drawing, and its scales.</summary>
sealed record Plot(double Left, double Right, double Top, double Bottom, Scale X, Scale Y, bool IsEmpty);
