// The grid, the axis line and what stands beside the axes.

namespace Charts;

static class AxisPainter
{
    public static void Draw(SvgWriter svg, Plot plot)
    {
        if (plot.Chart.Series is [HeatSeries]) Rows(svg, plot);
        else Vertical(svg, plot);
        if (plot.Chart.Labels.Length > 0) Categories(svg, plot);
        else if (!plot.IsEmpty) Horizontal(svg, plot);
        if (plot.Colours is { } colours && !plot.IsEmpty) Colours(svg, plot, colours);
    }

    static void Vertical(SvgWriter svg, Plot plot)
    {
        var labels = AxisLabels.Of(plot.Chart.Y, plot.Y);
        for (var i = 0; i < plot.Y.Ticks.Length; i++)
        {
            var y = plot.Y.Map(plot.Y.Ticks[i]);
            svg.Line(plot.Left, y, plot.Right, y, Style.Grid);
            svg.Text(plot.Left - 8, y + 4, labels[i], Style.TextSize, Style.Muted, "end");
        }
        var ground = plot.Chart.Series.Any(s => s is BarSeries) ? plot.Y.Map(plot.Y.Start) : plot.Bottom;
        svg.Line(plot.Left, ground, plot.Right, ground, Style.AxisLine);
    }

    static void Horizontal(SvgWriter svg, Plot plot)
    {
        var labels = AxisLabels.OfHorizontal(plot.Chart.X, plot.X);
        for (var i = 0; i < labels.Length; i++)
        {
            var x = plot.X.Map(plot.X.Ticks[i]);
            svg.Line(x, plot.Bottom, x, plot.Bottom + 5, Style.AxisLine);
            svg.Text(x, plot.Bottom + 19, labels[i], Style.TextSize, Style.Muted, "middle");
        }
    }

    static void Categories(SvgWriter svg, Plot plot)
    {
        var labels = plot.Categories;
        for (var i = 0; i < labels.Lines.Length; i += labels.Stride)
        {
            var x = plot.X.Map(i);
            if (labels.Slanted) svg.Text(x + 4, plot.Bottom + 16, labels.Lines[i][0], Style.TextSize, Style.Ink, "end", turn: -CategoryLabels.Angle);
            else
                for (var line = 0; line < labels.Lines[i].Length; line++)
                    svg.Text(x, plot.Bottom + 18 + Style.LineHeight * line, labels.Lines[i][line], Style.TextSize, Style.Ink, "middle");
        }
    }

    static void Rows(SvgWriter svg, Plot plot)
    {
        var labels = plot.Chart.RowLabels;
        var stride = Math.Max(1, (int)Math.Ceiling(Style.LineHeight * labels.Length / (plot.Bottom - plot.Top)));
        for (var i = 0; i < labels.Length; i += stride)
            svg.Text(plot.Left - 6, plot.Y.Map(i) + 4, Style.Fit(labels[i], Style.TextSize, plot.Left - 14), Style.TextSize, Style.Ink, "end");
    }

    static void Colours(SvgWriter svg, Plot plot, ColourScale colours)
    {
        var (offset, width) = ColourScale.Place;
        double left = plot.Right + offset, height = plot.Bottom - plot.Top;
        double Height(double place) => plot.Bottom - place * height;
        if (colours.Levels.Length == 0)
            svg.Image(left, plot.Top, width, height, Png.Encode([.. Enumerable.Range(0, 256).Select(i => (byte)(255 - i))], 1, 256, colours.Palette.Table()));
        else
            for (var band = 0; band <= colours.Levels.Length; band++)
            {
                double low = band == 0 ? 0 : colours.PlaceOf(colours.Levels[band - 1]), high = band == colours.Levels.Length ? 1 : colours.PlaceOf(colours.Levels[band]);
                svg.Rectangle(left, Height(high), width, Height(low) - Height(high), colours.Band(band));
            }
        for (var i = 0; i < colours.Ticks.Length; i++)
            svg.Text(left + width + 5, Height(colours.PlaceOf(colours.Ticks[i])) + 4, colours.Labels[i], Style.SmallSize, Style.Muted);
        svg.Text(plot.Chart.Width - 16, plot.Top - 8, Style.Fit(colours.Name, Style.SmallSize, plot.Chart.Width - 32), Style.SmallSize, Style.Muted, "end");
    }
}
