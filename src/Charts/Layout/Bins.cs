// The bins that all histograms of a chart share: round edges, as wide as Freedman and Diaconis (1981) ask for, 2·IQR/∛n; equal steps of
// the logarithm on a logarithmic axis.

namespace Charts;

sealed record Bins(double[] Edges)
{
    const int Most = 80;

    public int Count => Edges.Length - 1;

    /// <summary>The bins of a chart's histograms; null when it has none with numbers.</summary>
    public static Bins? Of(Chart chart)
    {
        double Unit(double value) => chart.X.Log ? Math.Log10(value) : value;
        var values = chart.Series.OfType<HistogramSeries>().SelectMany(s => s.Values).Where(chart.X.Shows).Select(Unit).Order().ToArray();
        if (values.Length == 0) return null;
        double low = values[0], high = values[^1];
        double[] edges;
        if (!(high - low > 1e-12 * Math.Max(Math.Abs(low), Math.Abs(high))) || !double.IsFinite(high - low)) edges = [low - 3 * Half(low), low - Half(low), high + Half(high), high + 3 * Half(high)];
        else if (chart.Bins is { } wanted) edges = [.. Enumerable.Range(0, wanted + 1).Select(i => i == wanted ? high : low + (high - low) * i / wanted)];
        else
        {
            var spread = 2 * (values[3 * (values.Length - 1) / 4] - values[(values.Length - 1) / 4]) / Math.Cbrt(values.Length);
            var width = spread > 0 ? spread : (high - low) / (1 + Math.Log2(values.Length));
            var step = Scale.NiceStep(Math.Max(width * 0.7, (high - low) / Most));      // a round step near the wanted width, not always above it
            double first = Math.Floor(low / step + 1e-9), last = Math.Max(first + 1, Math.Ceiling(high / step - 1e-9));
            edges = [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)];
        }
        return new(chart.X.Log ? [.. edges.Select(e => Math.Pow(10, e))] : edges);
    }

    /// <summary>The height over each bin: a count, or with <paramref name="density"/> the share over the bin's width.</summary>
    public double[] Heights(HistogramSeries series, bool density)
    {
        var counts = new double[Count];
        foreach (var value in series.Values.Where(double.IsFinite))
        {
            var at = Array.BinarySearch(Edges, value);
            var bin = at >= 0 ? at : ~at - 1;
            if (value < Edges[0] * (Edges[0] > 0 ? 1 - 1e-12 : 1 + 1e-12)) continue;     // not positive, on a logarithmic axis
            counts[Math.Clamp(bin, 0, Count - 1)]++;
        }
        var all = counts.Sum();
        return density && all > 0 ? [.. counts.Select((count, i) => count / all / (Edges[i + 1] - Edges[i]))] : counts;
    }

    static double Half(double value) => Math.Max(0.5, Math.Abs(value) * 1e-3);
}
