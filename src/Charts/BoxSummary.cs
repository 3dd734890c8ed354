// Tukey's box plot: quartiles by linear interpolation, whiskers to the last sample within 1.5 box lengths, the rest as outliers.

using System.Collections.Immutable;

namespace Charts;

/// <summary>What a box shows of <paramref name="Count"/> samples.</summary>
public sealed record BoxSummary(double LowerWhisker, double LowerQuartile, double Median, double UpperQuartile, double UpperWhisker, ImmutableArray<double> Outliers, int Count)
{
    /// <summary>The summary of the finite samples; null when there is none.</summary>
    internal static BoxSummary? Of(IEnumerable<double> samples)
    {
        var sorted = samples.Where(Values.Drawable).Order().ToArray();
        if (sorted.Length == 0) return null;
        double lower = Quantile(0.25), upper = Quantile(0.75), reach = 1.5 * (upper - lower);
        var inside = sorted.Where(s => s >= lower - reach && s <= upper + reach).ToArray();
        return new(inside[0], lower, Quantile(0.5), upper, inside[^1], [.. sorted.Where(s => s < inside[0] || s > inside[^1])], sorted.Length);

        double Quantile(double part)
        {
            var at = part * (sorted.Length - 1);
            var below = (int)at;
            return below + 1 < sorted.Length ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
        }
    }
}
