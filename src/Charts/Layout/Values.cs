// The numbers of a chart that its axes must hold.

using System.Collections.Immutable;

namespace Charts;

static class Values
{
    /// <summary>Whether a number can be drawn at all: finite, and not so large that a difference of two overflows.</summary>
    public static bool Drawable(double value) => Math.Abs(value) <= 1e300;

    public static IEnumerable<double> Xs(Chart chart, Bins? bins) => chart.Series.SelectMany(series => series switch
    {
        LineSeries line => line.X,
        PointSeries points => points.X,
        ContourSeries contours => contours.X,
        HistogramSeries when bins is not null => bins.Edges,
        _ => Enumerable.Empty<double>(),
    });

    /// <summary>Of lines and points only what stands at an x that the axis shows.</summary>
    public static IEnumerable<double> Ys(Chart chart, Bins? bins)
    {
        return chart.Series.SelectMany(series => series switch
        {
            LineSeries line => Shown(line.X, line.HasBand ? [line.Y, line.Low, line.High] : [line.Y]),
            PointSeries points => Shown(points.X, [points.Y]),
            BarSeries bars => bars.Values,
            BoxSeries boxes => boxes.Boxes.OfType<BoxSummary>().SelectMany(b => b.Outliers.Append(b.LowerWhisker).Append(b.UpperWhisker)),
            ContourSeries contours => contours.Y,
            HistogramSeries histogram when bins is not null => bins.Heights(histogram, chart.Density),
            _ => Enumerable.Empty<double>(),
        });

        IEnumerable<double> Shown(ImmutableArray<double> xs, IEnumerable<ImmutableArray<double>> values) =>
            values.SelectMany(v => v.Where((_, i) => chart.X.Shows(xs[i])));
    }
}
