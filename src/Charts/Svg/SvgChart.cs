// Draws a canvas: for each chart title and axis label above the plot, grid, series, then names at the lines' ends or a legend, the
// caption below. Where everything stands, Plot decided.

namespace Charts;

static class SvgChart
{
    public static string Render(Canvas canvas)
    {
        var svg = new SvgWriter();
        if (canvas.Charts is [var only]) return SvgWriter.Document(canvas.Width, canvas.Height, canvas.Description, Draw(only.Plot));
        foreach (var (plot, x, y) in canvas.Charts) svg.Frame(x, y, plot.Chart.Width, plot.Height, Draw(plot));
        return SvgWriter.Document(canvas.Width, canvas.Height, canvas.Description, svg.Elements);
    }

    static string Draw(Plot plot)
    {
        var svg = new SvgWriter();
        var chart = plot.Chart;
        if (Plot.IsPicture(chart)) HeatPainter.Picture(svg, plot);
        else
        {
            Headings(svg, plot);
            AxisPainter.Draw(svg, plot);
            if (plot.IsEmpty) svg.Text((plot.Left + plot.Right) / 2, (plot.Top + plot.Bottom) / 2, "no data", Style.TextSize, Style.Muted, "middle");
            else Inside(svg, plot);
            LegendPainter.Draw(svg, plot);
            foreach (var name in EndNames.Of(plot)) svg.Text(plot.Right + 6, name.Y + 4, name.Text, Style.TextSize, Style.TextColour(name.Series), bold: true);
            ReferenceLabels(svg, plot);
            foreach (var label in PointLabels.Of(plot)) svg.Text(label.X, label.Y, label.Text, Style.SmallSize, Style.TextColour(label.Series), halo: true);
            foreach (var note in chart.Notes.Where(n => chart.X.Shows(n.X) && chart.Y.Shows(n.Y))) Note(svg, plot, note);
        }
        for (var i = 0; i < plot.Caption.Count; i++) svg.Text(16, plot.FigureBottom + 10 + 18 * i, plot.Caption[i], Style.TextSize, Style.Muted);
        return svg.Elements;
    }

    // Everything that given limits may cut off.
    static void Inside(SvgWriter svg, Plot plot)
    {
        var inside = new SvgWriter();
        for (var s = 0; s < plot.Chart.Series.Length; s++)
        {
            switch (plot.Chart.Series[s])
            {
                case HeatSeries heat: HeatPainter.Draw(inside, plot, heat); break;
                case ContourSeries contours: ContourPainter.Draw(inside, plot, contours); break;
                case HistogramSeries histogram: BarPainter.Histogram(inside, plot, histogram, s); break;
                case LineSeries { HasBand: true } line: LinePainter.Band(inside, plot, line, s); break;
                default: break;
            }
        }
        BarPainter.Draw(inside, plot);
        foreach (var line in plot.Chart.References) Reference(inside, plot, line);
        for (var s = 0; s < plot.Chart.Series.Length; s++)
        {
            if (plot.Chart.Series[s] is LineSeries line) LinePainter.Draw(inside, plot, line, s);
            if (plot.Chart.Series[s] is PointSeries points) PointPainter.Draw(inside, plot, points, s);
        }
        const double marker = 6;                                                     // a marker on the edge stays whole
        var above = plot.Chart.Series.Any(s => s is BarSeries) ? 16 : marker;
        svg.Clip(plot.Left - marker, plot.Top - above, plot.Right - plot.Left + 2 * marker, plot.Bottom - plot.Top + above + marker, inside.Elements);
    }

    static void Headings(SvgWriter svg, Plot plot)
    {
        var baseline = 28.0;
        foreach (var line in plot.Title)
        {
            svg.Text(16, baseline, line, Style.TitleSize, Style.Ink, bold: true);
            baseline += 21;
        }
        for (var i = 0; i < plot.YLabel.Count; i++) svg.Text(16, baseline + 18 * i, plot.YLabel[i], Style.TextSize, Style.Muted);
        for (var i = 0; i < plot.XLabel.Count; i++)
            svg.Text((plot.Left + plot.Right) / 2, plot.FigureBottom - 12 - 18 * (plot.XLabel.Count - 1 - i), plot.XLabel[i], Style.TextSize, Style.Muted, "middle");
    }

    static void Reference(SvgWriter svg, Plot plot, ReferenceLine line)
    {
        if (!(line.Vertical ? plot.Chart.X : plot.Chart.Y).Shows(line.Value)) return;
        var at = (line.Vertical ? plot.X : plot.Y).Map(line.Value);
        if (line.Vertical && at >= plot.Left - 1 && at <= plot.Right + 1) svg.Line(at, plot.Top, at, plot.Bottom, Style.Muted, 1.25, line.Origin.Dash);
        if (!line.Vertical && at >= plot.Top - 1 && at <= plot.Bottom + 1) svg.Line(plot.Left, at, plot.Right, at, Style.Muted, 1.25, line.Origin.Dash);
    }

    // Over the drawing, above a line at its right end; beside the top of an upright one, on the side that has room.
    static void ReferenceLabels(SvgWriter svg, Plot plot)
    {
        if (plot.IsEmpty) return;
        foreach (var label in ReferenceLabel.Of(plot)) svg.Text(label.X, label.Y, label.Text, Style.SmallSize, Style.Muted, label.Anchor, halo: true);
    }

    static void Note(SvgWriter svg, Plot plot, Note note)
    {
        double x = plot.X.Map(note.X), y = plot.Y.Map(note.Y);
        var left = x + 6 + Style.TextWidth(note.Text, Style.SmallSize) > plot.Chart.Width - 4;
        svg.Text(left ? x - 6 : x + 6, Math.Max(plot.Top + 10, y - 6), note.Text, Style.SmallSize, Style.Ink, left ? "end" : "start", halo: true);
    }
}
