// A drawing: one chart, or several side by side, each with its place.

using System.Collections.Immutable;

namespace Charts;

/// <summary>A chart's layout at its place in a drawing.</summary>
sealed record Placed(Plot Plot, double X, double Y);

/// <summary>A drawing of charts, in pixels, with the words that describe it.</summary>
sealed record Canvas(ImmutableArray<Placed> Charts, double Width, double Height, string Description)
{
    /// <summary>As wide as a telephone held upright leaves for a figure.</summary>
    public const int NarrowWidth = 350;

    public static Canvas Of(Chart chart)
    {
        var plot = Plot.Of(chart);
        return new([new(plot, 0, 0)], chart.Width, plot.Height, chart.ToString());
    }

    /// <summary>Row after row, each as high as its highest chart.</summary>
    public static Canvas Of(ChartRow row)
    {
        var placed = new List<Placed>();
        double top = 0, width = 0;
        foreach (var charts in row.Charts.Chunk(Math.Max(1, row.Columns)))
        {
            double left = 0, highest = 0;
            foreach (var plot in charts.Select(Plot.Of))
            {
                placed.Add(new(plot, left, top));
                left += plot.Chart.Width;
                highest = Math.Max(highest, plot.Height);
            }
            width = Math.Max(width, left);
            top += highest;
        }
        return new([.. placed], Math.Max(1, width), Math.Max(1, top), row.ToString());
    }

    /// <summary>As wide as pages leave for a figure.</summary>
    public const int PageWidth = 760;

    /// <summary>The same charts on a page: a row that is wider has narrower charts, laid out anew, so that words keep their size.</summary>
    public Canvas OnPage()
    {
        if (Width <= PageWidth) return this;
        Chart[] charts = [.. Charts.Select(c => c.Plot.Chart with { Width = (int)(c.Plot.Chart.Width * PageWidth / Width) })];
        return Of(new ChartRow([.. charts], Charts.GroupBy(c => c.Y).Max(row => row.Count()))) with { Description = Description };
    }

    /// <summary>The same charts for a narrow page: none wider than it, as many in a row as fit. Itself where it is narrow already.</summary>
    public Canvas Narrow()
    {
        if (Width <= NarrowWidth) return this;
        Chart[] charts = [.. Charts.Select(c => c.Plot.Chart with { Width = Math.Min(NarrowWidth, c.Plot.Chart.Width) })];
        var columns = Math.Max(1, NarrowWidth / charts.Max(c => c.Width));
        return Of(new ChartRow([.. charts], columns)) with { Description = Description };
    }
}
