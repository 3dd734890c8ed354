// The legend's rows: a sample of each series' stroke, then its name.

namespace Charts;

static class LegendPainter
{
    public static void Draw(SvgWriter svg, Plot plot)
    {
        foreach (var entry in plot.Legend)
        {
            double x = plot.Left + entry.X, y = plot.LegendTop + entry.Row * Legend.RowHeight + 6;
            var series = plot.Chart.Series[entry.Series];
            var colour = Style.Colour(entry.Series);
            switch (series)
            {
                case LineSeries line:
                    svg.Polyline([(x, y), (x + 20, y)], colour, line.Origin.Dash);
                    if (line.X.Length <= Style.MostMarkers) svg.Marker(Style.Marker(entry.Series), x + 10, y, colour, !line.Origin.IsMeasured);
                    break;
                case PointSeries:
                    svg.Marker(Style.Marker(entry.Series), x + 10, y, colour, !series.Origin.IsMeasured);
                    break;
                default:
                    svg.Rectangle(x + 6, y - 6, 12, 12, series.Origin.IsMeasured ? colour : Style.Background, series.Origin.IsMeasured ? null : colour, series.Origin.Dash);
                    break;
            }
            svg.Text(x + Legend.Swatch, y + 4.5, entry.Text, Style.TextSize, Style.Ink);
        }
    }
}
