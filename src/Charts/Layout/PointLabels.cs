// Words beside the points of a scatter: at the right, left, above or below, wherever they cover no other words or points.

namespace Charts;

/// <summary>A label's baseline start, in pixels.</summary>
sealed record PointLabel(int Series, int Point, string Text, double X, double Y);

static class PointLabels
{
    const double Height = 12, Gap = 8;

    public static List<PointLabel> Of(Plot plot)
    {
        var taken = plot.Chart.Series.OfType<PointSeries>().SelectMany(s => Points(plot, s)).Select(p => (p.X - 4, p.Y - 4, p.X + 4, p.Y + 4)).ToList();
        var labels = new List<PointLabel>();
        for (var s = 0; s < plot.Chart.Series.Length; s++)
        {
            if (plot.Chart.Series[s] is not PointSeries { Labels.IsDefault: false } points) continue;
            foreach (var (i, x, y) in Points(plot, points))
            {
                var width = Style.TextWidth(points.Labels[i], Style.SmallSize);
                (double X, double Y)[] candidates =
                [
                    (x + Gap, y + 4), (x - Gap - width, y + 4), (x - width / 2, y - Gap), (x - width / 2, y + Gap + Height - 2),
                    (x + Gap, y - Gap), (x + Gap, y + Gap + 6), (x - Gap - width, y - Gap), (x - Gap - width, y + Gap + 6),
                ];
                var place = candidates.OrderBy(c => Cost(c.X, c.Y - Height + 2, c.X + width, c.Y + 2)).First();
                labels.Add(new(s, i, points.Labels[i], place.X, place.Y));
                taken.Add((place.X, place.Y - Height + 2, place.X + width, place.Y + 2));
            }
        }
        return labels;

        // What a place would cover, and what would leave the drawing.
        double Cost(double left, double top, double right, double bottom) =>
            taken.Sum(t => Math.Max(0, Math.Min(right, t.Item3) - Math.Max(left, t.Item1)) * Math.Max(0, Math.Min(bottom, t.Item4) - Math.Max(top, t.Item2)))
            + 100 * (Math.Max(0, right - plot.Chart.Width + 4) + Math.Max(0, plot.Left - left) + Math.Max(0, plot.Top - top - 10) + Math.Max(0, bottom - plot.Bottom));
    }

    public static IEnumerable<(int Index, double X, double Y)> Points(Plot plot, PointSeries points) =>
        from i in Enumerable.Range(0, points.X.Length)
        where plot.Chart.X.Shows(points.X[i]) && plot.Chart.Y.Shows(points.Y[i])
        let x = plot.X.Map(points.X[i])
        let y = plot.Y.Map(points.Y[i])
        where x >= plot.Left - 1 && x <= plot.Right + 1 && y >= plot.Top - 1 && y <= plot.Bottom + 1
        select (i, x, y);
}
