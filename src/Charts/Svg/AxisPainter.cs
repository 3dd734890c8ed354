// The grid, the axis line and the ticks' labels.

namespace Charts;

static class AxisPainter
{
    public static void Draw(SvgWriter svg, Chart chart, Plot plot)
    {
        var labels = Labels(chart.Y, plot.Y);
        for (var i = 0; i < plot.Y.Ticks.Length; i++)
        {
            var y = plot.Y.Map(plot.Y.Ticks[i]);
            svg.Line(plot.Left, y, plot.Right, y, Style.Grid);
            svg.Text(plot.Left - 8, y + 4, labels[i], Style.TextSize, Style.Muted, "end");
        }
        if (chart.Bars.Length > 0)
        {
            var ground = plot.Y.Map(plot.Y.Start);
            svg.Line(plot.Left, ground, plot.Right, ground, Style.AxisLine);
            return;
        }
        svg.Line(plot.Left, plot.Bottom, plot.Right, plot.Bottom, Style.AxisLine);
        if (!plot.IsEmpty) Horizontal(svg, chart, plot);
    }

    // Ticks whose labels would run into the one before keep their stroke only.
    static void Horizontal(SvgWriter svg, Chart chart, Plot plot)
    {
        var labels = Labels(chart.X, plot.X);
        var free = double.NegativeInfinity;
        for (var i = 0; i < plot.X.Ticks.Length; i++)
        {
            double x = plot.X.Map(plot.X.Ticks[i]), half = Style.TextWidth(labels[i], Style.TextSize) / 2;
            svg.Line(x, plot.Bottom, x, plot.Bottom + 5, Style.AxisLine);
            if (x - half < free) continue;
            svg.Text(x, plot.Bottom + 19, labels[i], Style.TextSize, Style.Muted, "middle");
            free = x + half + 6;
        }
    }

    static string[] Labels(Axis axis, Scale scale) => axis.Log ? [.. scale.Ticks.Select(Numbers.Short)] : Numbers.Ticks(scale.Ticks);
}
