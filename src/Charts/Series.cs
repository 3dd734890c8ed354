// What a chart is made of: plain records. Numbers are doubles; a NaN or an infinity is a gap, on a logarithmic axis so is 0 or less.

using System.Collections.Immutable;

namespace Charts;

/// <summary>One set of numbers in a chart, with a name and where they come from.</summary>
public abstract record Series(string Name, Origin Origin)
{
    /// <summary>The name as a reader sees it.</summary>
    internal string Label => Origin.Label(Name);
}

/// <summary>Points joined in order, with a band around them where <paramref name="Low"/> and <paramref name="High"/> are given.</summary>
public sealed record LineSeries(ImmutableArray<double> X, ImmutableArray<double> Y, string Name, Origin Origin,
    ImmutableArray<double> Low = default, ImmutableArray<double> High = default, string BandMeaning = "") : Series(Name, Origin)
{
    internal bool HasBand => !Low.IsDefault;
}

/// <summary>Points that nothing joins; <paramref name="Labels"/>, one for each, are written beside them where given.</summary>
public sealed record PointSeries(ImmutableArray<double> X, ImmutableArray<double> Y, string Name, Origin Origin, ImmutableArray<string> Labels = default) : Series(Name, Origin);

/// <summary>One bar for each of the chart's labels.</summary>
public sealed record BarSeries(ImmutableArray<double> Values, string Name, Origin Origin) : Series(Name, Origin);

/// <summary>One box for each of the chart's labels; null where there is no finite sample.</summary>
public sealed record BoxSeries(ImmutableArray<BoxSummary?> Boxes, string Name, Origin Origin) : Series(Name, Origin);

/// <summary>Numbers whose distribution is drawn. All histograms of a chart share their bins.</summary>
public sealed record HistogramSeries(ImmutableArray<double> Values, string Name, Origin Origin) : Series(Name, Origin);

/// <summary>A coloured cell for each number of a grid; row 0 is at the top.</summary>
public sealed record HeatSeries(Grid Values, string Name, Origin Origin) : Series(Name, Origin);

/// <summary>Bands of equal height over a plane: <paramref name="Z"/>[i, j] is the value at Y[i] and X[j].</summary>
public sealed record ContourSeries(ImmutableArray<double> X, ImmutableArray<double> Y, Grid Z, string Name, Origin Origin) : Series(Name, Origin);

/// <summary>A grey picture, its lowest value black and its highest white; row 0 is at the top.</summary>
public sealed record PictureSeries(Grid Pixels, string Name, Origin Origin) : Series(Name, Origin);

/// <summary>A line at <paramref name="Value"/>: across the plot, or upright where <paramref name="Vertical"/>.</summary>
public sealed record ReferenceLine(double Value, string Label, Origin Origin, bool Vertical = false);

/// <summary>Words at a point.</summary>
public sealed record Note(double X, double Y, string Text);

/// <summary>An axis. <paramref name="Min"/>, <paramref name="Max"/> and <paramref name="Ticks"/> come from the data where they are not given.</summary>
public sealed record Axis(string Label = "", bool Log = false, double? Min = null, double? Max = null, ImmutableArray<double> Ticks = default)
{
    /// <summary>Can this value be drawn on this axis?</summary>
    internal bool Shows(double value) => Values.Drawable(value) && (!Log || value > 0);
}
