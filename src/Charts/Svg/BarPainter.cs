// Grouped bars with a value above each where there is room, grouped boxes, and histograms.

namespace Charts;

static class BarPainter
{
    public static void Draw(SvgWriter svg, Plot plot)
    {
        var chart = plot.Chart;
        int[] standing = [.. Enumerable.Range(0, chart.Series.Length).Where(s => chart.Series[s] is BarSeries or BoxSeries)];
        if (standing.Length == 0 || chart.Labels.Length == 0) return;
        double slot = (plot.Right - plot.Left) / chart.Labels.Length, width = Width(slot, standing.Length), ground = plot.Y.Map(plot.Y.Start);
        for (var group = 0; group < chart.Labels.Length; group++)
        {
            var left = plot.Left + slot * (group + 0.5) - width * standing.Length / 2;
            foreach (var s in standing)
            {
                if (chart.Series[s] is BarSeries bars) Bar(svg, plot, bars.Values[group], s, left, width, ground, alone: standing.Length == 1);
                if (chart.Series[s] is BoxSeries boxes && boxes.Boxes[group] is { } box) Box(svg, plot, box, s, left, width);
                left += width;
            }
        }
    }

    /// <summary>Pixels of a bar in a slot that <paramref name="count"/> share.</summary>
    public static double Width(double slot, int count) => Math.Min(64, slot * 0.76 / Math.Max(1, count));

    static void Bar(SvgWriter svg, Plot plot, double value, int series, double left, double width, double ground, bool alone)
    {
        if (!plot.Chart.Y.Shows(value)) return;
        double end = Math.Clamp(plot.Y.Map(value), plot.Top, plot.Bottom), gap = Math.Min(3, width * 0.08);
        var colour = Style.Colour(series);
        var origin = plot.Chart.Series[series].Origin;
        svg.Rectangle(left + gap, Math.Min(end, ground), width - 2 * gap, Math.Abs(end - ground), origin.IsMeasured ? colour : Style.Background, origin.IsMeasured ? null : colour, origin.Dash);
        var text = Numbers.Short(value);
        if (Style.TextWidth(text, Style.SmallSize) > width + (alone ? 24 : 4)) return;
        var below = end > ground && end + 16 < plot.Bottom;                          // a bar down to the labels keeps its value inside
        svg.Text(left + width / 2, below ? end + 14 : end - 5, text, Style.SmallSize, end > ground && !below && origin.IsMeasured ? Style.Background : Style.Ink, "middle");
    }

    static void Box(SvgWriter svg, Plot plot, BoxSummary box, int series, double left, double width)
    {
        if (!plot.Chart.Y.Shows(box.LowerWhisker)) return;
        double Y(double value) => Math.Clamp(plot.Y.Map(value), plot.Top - 20, plot.Bottom + 20);
        var colour = Style.Colour(series);
        double gap = Math.Min(8, width * 0.12), middle = left + width / 2, cap = width / 4;
        svg.Line(middle, Y(box.LowerWhisker), middle, Y(box.LowerQuartile), colour, 1.5);
        svg.Line(middle, Y(box.UpperQuartile), middle, Y(box.UpperWhisker), colour, 1.5);
        foreach (var whisker in new[] { box.LowerWhisker, box.UpperWhisker }) svg.Line(middle - cap, Y(whisker), middle + cap, Y(whisker), colour, 1.5);
        svg.Rectangle(left + gap, Y(box.UpperQuartile), width - 2 * gap, Y(box.LowerQuartile) - Y(box.UpperQuartile), colour, opacity: 0.25);
        svg.Rectangle(left + gap, Y(box.UpperQuartile), width - 2 * gap, Y(box.LowerQuartile) - Y(box.UpperQuartile), "none", colour);
        svg.Line(left + gap, Y(box.Median), left + width - gap, Y(box.Median), colour, 3);
        var outliers = box.Outliers.Where(plot.Chart.Y.Shows).Select(o => (middle, Y(o))).ToArray();
        if (outliers.Length > 0) svg.Dots(outliers, colour, 5, 0.8);
    }

    /// <summary>Bars that touch; several histograms show through each other.</summary>
    public static void Histogram(SvgWriter svg, Plot plot, HistogramSeries series, int index)
    {
        var bins = plot.Bins!;
        var heights = bins.Heights(series, plot.Chart.Density);
        var several = plot.Chart.Series.Count(s => s is HistogramSeries) > 1;
        var ground = plot.Y.Map(plot.Y.Start);
        double X(double edge) => Math.Clamp(plot.X.Map(edge), plot.Left, plot.Right);
        for (var i = 0; i < bins.Count; i++)
        {
            if (!plot.Chart.Y.Shows(heights[i]) || heights[i] == 0) continue;
            double left = X(bins.Edges[i]), right = X(bins.Edges[i + 1]), top = Math.Clamp(plot.Y.Map(heights[i]), plot.Top, plot.Bottom), gap = right - left > 6 ? 0.5 : 0;
            svg.Rectangle(left + gap, top, right - left - 2 * gap, ground - top, Style.Colour(index), opacity: several ? 0.55 : 1);
        }
    }
}
