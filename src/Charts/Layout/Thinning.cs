// Long series in a static picture: more points than pixels make it large and show nothing more. A line keeps the first, lowest, highest and
// last point of each pixel column, which draws the same pixels; of points that would cover each other one is kept. Plotly gets all of them.

using System.Globalization;

namespace Charts;

static class Thinning
{
    const double PointsAPixel = 4;
    const int MostPoints = 4000;

    public static bool IsLong(LineSeries line, double plotWidth) => line.X.Length > PointsAPixel * plotWidth;

    public static bool IsLong(PointSeries points) => points.X.Length > MostPoints && points.Labels.IsDefault;

    public const int MostCells = 256;

    /// <summary>The points to draw of a run of points in pixels.</summary>
    public static List<(double X, double Y)> Line(List<(double X, double Y)> points)
    {
        var kept = new List<(double X, double Y)>();
        for (var i = 0; i < points.Count;)
        {
            var column = Math.Floor(points[i].X);
            int end = i, low = i, high = i;
            for (; end < points.Count && Math.Floor(points[end].X) == column; end++)
            {
                if (points[end].Y < points[low].Y) low = end;
                if (points[end].Y > points[high].Y) high = end;
            }
            foreach (var at in new[] { i, Math.Min(low, high), Math.Max(low, high), end - 1 }.Distinct()) kept.Add(points[at]);
            i = end;
        }
        return kept;
    }

    /// <summary>One point of each square of a pixel and a half.</summary>
    public static IEnumerable<(double X, double Y)> Points(IEnumerable<(double X, double Y)> points) =>
        points.DistinctBy(p => ((int)(p.X / 1.5), (int)(p.Y / 1.5)));

    /// <summary>What to say of it below the chart; empty when nothing is thinned.</summary>
    public static string Note(Chart chart, double plotWidth)
    {
        static string Count(int n) => n.ToString("N0", CultureInfo.InvariantCulture);
        var lines = chart.Series.OfType<LineSeries>().Where(l => IsLong(l, plotWidth)).Select(l => l.X.Length).DefaultIfEmpty(0).Max();
        var points = chart.Series.OfType<PointSeries>().Where(IsLong).Select(p => p.X.Length).DefaultIfEmpty(0).Max();
        var grid = chart.Series.Select(s => s switch { HeatSeries h => h.Values, PictureSeries p => p.Pixels, _ => null }).FirstOrDefault(g => g is not null && Math.Max(g.Rows, g.Columns) > MostCells);
        if (lines > 0) return $"Drawn from {Count(lines)} points: each pixel column shows its first, lowest, highest and last.";
        if (points > 0) return $"Drawn from {Count(points)} points: those that cover each other once.";
        return grid is null ? "" : $"Drawn from {Count(grid.Rows)} × {Count(grid.Columns)} numbers: a cell shows the mean of several.";
    }
}
