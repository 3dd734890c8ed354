// Several charts as one drawing: small multiples.

using System.Collections.Immutable;

namespace Charts;

/// <summary>Charts side by side, wrapped after <paramref name="Columns"/> of them; on a narrow page after as many as fit.</summary>
[TypeFormatterSource(typeof(ChartRowFormatters), PreferredMimeTypes = [Mime.Plotly, Mime.Html, Mime.Svg, Mime.Plain])]
public sealed record ChartRow(ImmutableArray<Chart> Charts, int Columns)
{
    /// <summary>Charts side by side.</summary>
    public static ChartRow Of(params IEnumerable<Chart> charts)
    {
        ImmutableArray<Chart> all = [.. charts];
        return new(all, Math.Max(1, all.Length));
    }

    /// <summary>Begins a new row after so many charts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1.</exception>
    public ChartRow Wrap(int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        return this with { Columns = columns };
    }

    /// <summary>Gives all charts the same limits on their axes of numbers and the same colours, so that they can be compared.</summary>
    public ChartRow SharedAxes() => this with { Charts = SharedLimits.Of(Charts) };

    /// <summary>The drawing as one SVG document.</summary>
    public string ToSvg() => SvgChart.Render(Canvas.Of(this));

    /// <inheritdoc cref="Chart.ToPlotlyJson"/>
    public string ToPlotlyJson() => PlotlyFigure.Render(Canvas.Of(this));

    /// <inheritdoc cref="Chart.ToHtml"/>
    public string ToHtml() => ChartHtml.Render(Canvas.Of(this));

    /// <summary>The charts in words.</summary>
    public override string ToString() => string.Join("\n", Charts);
}
