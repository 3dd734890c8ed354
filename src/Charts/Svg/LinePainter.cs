// Lines with markers where there are few points, and the bands around them. Given limits cut them off at the plot's edges.

namespace Charts;

static class LinePainter
{
    public static void Draw(SvgWriter svg, Plot plot, LineSeries line, int series)
    {
        var colour = Style.Colour(series);
        var pieces = Pieces(plot, line, i => plot.Chart.Y.Shows(line.Y[i]));
        var marked = line.X.Length <= Style.MostMarkers;
        var thinned = Thinning.IsLong(line, plot.Right - plot.Left);
        foreach (var piece in pieces)
        {
            var points = piece.ConvertAll(i => At(plot, line.X[i], line.Y[i]));
            if (points.Count > 1) svg.Polyline(thinned ? Thinning.Line(points) : points, colour, line.Origin.Dash);
            if (!marked && points.Count > 1) continue;
            foreach (var (x, y) in points) svg.Marker(Style.Marker(series), x, y, colour, !line.Origin.IsMeasured);
        }
    }

    public static void Band(SvgWriter svg, Plot plot, LineSeries line, int series)
    {
        foreach (var piece in Pieces(plot, line, i => plot.Chart.Y.Shows(line.Low[i]) && plot.Chart.Y.Shows(line.High[i])).Where(p => p.Count > 1))
        {
            var low = piece.ConvertAll(i => At(plot, line.X[i], line.Low[i]));
            var high = piece.ConvertAll(i => At(plot, line.X[i], line.High[i]));
            if (Thinning.IsLong(line, plot.Right - plot.Left)) (low, high) = (Thinning.Line(low), Thinning.Line(high));
            svg.Polygon([.. low, .. high.AsEnumerable().Reverse()], Style.Colour(series), 0.18);
        }
    }

    // Far outside the plot a point may stand at any place: the frame cuts it off, and numbers stay short.
    static (double X, double Y) At(Plot plot, double x, double y) => (Math.Clamp(plot.X.Map(x), -1e4, 1e5), Math.Clamp(plot.Y.Map(y), -1e4, 1e5));

    /// <summary>Runs of points that can be drawn: a gap ends one.</summary>
    static List<List<int>> Pieces(Plot plot, LineSeries line, Func<int, bool> shows)
    {
        var pieces = new List<List<int>>();
        var open = false;
        for (var i = 0; i < line.X.Length; i++)
        {
            var shown = plot.Chart.X.Shows(line.X[i]) && shows(i);
            if (shown && !open) pieces.Add([]);
            if (shown) pieces[^1].Add(i);
            open = shown;
        }
        return pieces;
    }
}
