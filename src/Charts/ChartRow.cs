// Several charts side by side, as one drawing: small multiples.

using System.Collections.Immutable;

namespace Charts;

/// <summary>Charts side by side, wrapped after <paramref name="Columns"/> of them.</summary>
[TypeFormatterSource(typeof(ChartRowFormatters), PreferredMimeTypes = [Mime.Svg, Mime.Html, Mime.Plain])]
public sealed record ChartRow(ImmutableArray<Chart> Charts, int Columns)
{
    /// <summary>Charts side by side.</summary>
    public static ChartRow Of(params IEnumerable<Chart> charts)
    {
        ImmutableArray<Chart> all = [.. charts];
        return new(all, Math.Max(1, all.Length));
    }

    /// <summary>The drawing as one SVG document.</summary>
    public string ToSvg() => SvgChart.Render(this);

    /// <summary>The charts in words.</summary>
    public override string ToString() => string.Join("\n", Charts);
}
