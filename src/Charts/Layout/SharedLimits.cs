// Charts that are to be compared: the widest limits of each axis, and of the colours, for all of them. What a chart sets itself stays.

using System.Collections.Immutable;

namespace Charts;

static class SharedLimits
{
    public static ImmutableArray<Chart> Of(IReadOnlyCollection<Chart> charts)
    {
        Plot[] plots = [.. charts.Select(Plot.Of)];
        var numbers = plots.Where(p => p.Chart.Series is not [HeatSeries or PictureSeries] && !p.IsEmpty).ToArray();
        var upright = numbers.Where(p => p.Chart.Labels.Length == 0).ToArray();
        (double, double)? colours = plots.Any(p => p.Colours is not null)
            ? (plots.Min(p => Range(p.Chart)?.Low ?? double.PositiveInfinity), plots.Max(p => Range(p.Chart)?.High ?? double.NegativeInfinity)) : null;
        return [.. plots.Select(p => p.Chart with
        {
            X = upright.Contains(p) ? Wide(p.Chart.X, upright.Where(q => q.Chart.X.Log == p.Chart.X.Log).Select(q => q.X)) : p.Chart.X,
            Y = numbers.Contains(p) ? Wide(p.Chart.Y, numbers.Where(q => q.Chart.Y.Log == p.Chart.Y.Log).Select(q => q.Y)) : p.Chart.Y,
            ColourRange = p.Chart.ColourRange ?? (p.Colours is null || !(colours?.Item1 < colours?.Item2) ? null : colours),
        })];
    }

    static Axis Wide(Axis axis, IEnumerable<Scale> scales)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (var limits in scales.Select(s => s.Limits)) (low, high) = (Math.Min(low, limits.Low), Math.Max(high, limits.High));
        double Value(double unit) => axis.Log ? Math.Pow(10, unit) : unit;
        return axis with { Min = axis.Min ?? Value(low), Max = axis.Max ?? Value(high) };
    }

    static (double Low, double High)? Range(Chart chart) => chart.ColourRange ?? chart.Series.Select(s => s switch
    {
        HeatSeries heat => heat.Values.Range(), ContourSeries contours => contours.Z.Range(), _ => ((double, double)?)null,
    }).FirstOrDefault(r => r is not null);
}
