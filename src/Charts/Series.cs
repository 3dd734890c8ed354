// What a chart is made of: plain records, compared by what they hold.

using System.Collections.Immutable;

namespace Charts;

/// <summary>Points joined in order. A NaN or an infinity leaves a gap; on a logarithmic axis so does a value of 0 or less.</summary>
public sealed record LineSeries(ImmutableArray<double> X, ImmutableArray<double> Y, string Name, bool Paper);

/// <summary>One bar for each of the chart's labels.</summary>
public sealed record BarSeries(ImmutableArray<double> Values, string Name, bool Paper);

/// <summary>A horizontal line at <paramref name="Value"/>.</summary>
public sealed record ReferenceLine(double Value, string Label, bool Paper);

/// <summary>Words at a point.</summary>
public sealed record Note(double X, double Y, string Text);

/// <summary>An axis. <paramref name="Min"/>, <paramref name="Max"/> and <paramref name="Ticks"/> come from the data where they are not given.</summary>
public sealed record Axis(string Label = "", bool Log = false, double? Min = null, double? Max = null, ImmutableArray<double> Ticks = default)
{
    /// <summary>Can this value be drawn on this axis?</summary>
    internal bool Shows(double value) => double.IsFinite(value) && (!Log || value > 0);
}
