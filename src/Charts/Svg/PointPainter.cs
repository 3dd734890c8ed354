// Scatters: markers while they can be told apart, small dots that show through where there are many.

namespace Charts;

static class PointPainter
{
    const int MostMarkers = 200;

    public static void Draw(SvgWriter svg, Plot plot, PointSeries series, int index)
    {
        var points = PointLabels.Points(plot, series).Select(p => (p.X, p.Y)).ToList();
        var colour = Style.Colour(index);
        if (points.Count > MostMarkers)
        {
            svg.Dots(Thinning.IsLong(series) ? Thinning.Points(points) : points, colour, points.Count > 2000 ? 3 : 5, points.Count > 2000 ? 0.5 : 0.65);
            return;
        }
        foreach (var (x, y) in points) svg.Marker(Style.Marker(index), x, y, colour, !series.Origin.IsMeasured);
    }
}
