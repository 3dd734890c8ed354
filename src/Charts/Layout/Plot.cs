// Where everything of a chart stands, in pixels from its upper left corner: both renderers draw by this, so that they show the same picture.

namespace Charts;

/// <summary>The layout of one chart. Left, Right, Top and Bottom bound the plot; Height includes the caption below.</summary>
sealed record Plot(Chart Chart, double Left, double Right, double Top, double Bottom, Scale X, Scale Y, bool IsEmpty)
{
    const double Padding = 8, EndNameGap = 8;

    public required List<string> Title { get; init; }
    public required List<string> YLabel { get; init; }
    public required List<string> XLabel { get; init; }
    public required List<string> Caption { get; init; }
    public required List<LegendEntry> Legend { get; init; }
    public required CategoryLabels Categories { get; init; }
    public required bool NamesAtEnds { get; init; }
    public required Bins? Bins { get; init; }

    /// <summary>The colours of a heat map or of contours.</summary>
    public required ColourScale? Colours { get; init; }

    public double Height => Chart.Height + PictureTitle + (Caption.Count > 0 ? 18 * Caption.Count + 8 : 0);

    /// <summary>The bottom of the figure itself, above its caption.</summary>
    public double FigureBottom => Chart.Height + PictureTitle;

    /// <summary>A picture keeps its size: its title comes on top.</summary>
    double PictureTitle => IsPicture(Chart) ? 17 * Title.Count : 0;

    public double LegendTop => Top - ValuesAbove(Chart) - Charts.Legend.Height(Legend);

    public static bool IsPicture(Chart chart) => chart.Series is [PictureSeries];

    public static Plot Of(Chart chart)
    {
        if (IsPicture(chart)) return OfPicture(chart);
        var bins = Bins.Of(chart);
        var heat = chart.Series is [HeatSeries];
        var standing = chart.Series.Any(s => s is BarSeries or HistogramSeries);
        var contours = chart.Series.OfType<ContourSeries>().ToArray();
        var colours = ColourScale.Of(chart);
        double[] ys = [.. Values.Ys(chart, bins)];
        var wantedY = Math.Clamp(chart.Height / 70, 2, 6);
        var y = heat ? Scale.Categories(chart.RowLabels.Length)
            : contours.Length > 0 ? Scale.Exactly(chart.Y, ys, wantedY)
            : Scale.For(chart.Y, ys.Concat(chart.References.Where(r => !r.Vertical).Select(r => r.Value)), wantedY, roundOut: true, fromZero: standing);

        double widest = heat ? Math.Min(chart.Width * 0.3, Widest(chart.RowLabels)) : Widest(AxisLabels.Of(chart.Y, y));
        double left = 16 + widest + 8;
        double names = EndNames(chart);
        var atEnds = names > 0 && colours is null && names <= 0.3 * chart.Width && chart.Series.Count(s => s is LineSeries) * Style.LineHeight <= chart.Height * 0.7;
        double right = chart.Width - 20 - (atEnds ? names + EndNameGap : 0) - (colours?.Room ?? 0);

        var title = TextLines.Wrap(chart.TitleText, Style.TitleSize, chart.Width - 30, most: 3, bold: true);
        var yLabel = TextLines.Wrap(chart.Y.Label, Style.TextSize, chart.Width - 32, most: 2);
        var xLabel = TextLines.Wrap(chart.X.Label, Style.TextSize, chart.Width - 32, most: 2);
        var legend = Charts.Legend.Of(chart, atEnds, right - left);
        var categories = CategoryLabels.Of(heat || chart.Labels.Length > 0 ? chart.Labels : [], right - left, left);
        double top = 16 + title.Count * 21 + (yLabel.Count > 0 ? 10 + 18 * yLabel.Count : 10) + (colours is { Name.Length: > 0 } ? 18 : 0)
            + Charts.Legend.Height(legend) + ValuesAbove(chart);
        double bottom = chart.Height - 12 - Math.Max(18, categories.Height) - (xLabel.Count > 0 ? 2 + 18 * xLabel.Count : 0);
        bottom = Math.Max(top + 20, bottom);
        right = Math.Max(left + 20, right);

        var wantedX = Math.Clamp((int)(right - left) / 55, 3, 10);
        double[] xs = [.. Values.Xs(chart, bins)];
        var x = chart.Labels.Length > 0 ? Scale.Categories(chart.Labels.Length).Between(left, right)
            : contours.Length > 0 ? Scale.Exactly(chart.X, xs, wantedX).Between(left, right)
            : Scale.For(chart.X, xs.Concat(chart.References.Where(r => r.Vertical).Select(r => r.Value)), wantedX, roundOut: false, fromZero: false).Between(left + Padding, right - Padding);
        y = heat ? y.Between(top, bottom) : y.Between(bottom, top);
        var empty = heat ? chart.Labels.Length == 0 || chart.RowLabels.Length == 0 : !ys.Any(chart.Y.Shows);
        return new(chart, left, right, top, bottom, x, y, empty)
        {
            Title = title, YLabel = yLabel, XLabel = xLabel, Legend = legend, Categories = categories, NamesAtEnds = atEnds, Bins = bins, Colours = colours,
            Caption = Footnotes.Of(chart, right - left),
        };
    }

    // As large as fits, whole pixels square, centred.
    static Plot OfPicture(Chart chart)
    {
        var pixels = ((PictureSeries)chart.Series[0]).Pixels;
        double width = chart.Width - 16, height = chart.Height - 16;
        var title = TextLines.Wrap(chart.TitleText, Style.TextSize, chart.Width - 4, most: 2);
        double scale = Math.Min(width / Math.Max(1, pixels.Columns), height / Math.Max(1, pixels.Rows));
        double left = (chart.Width - scale * pixels.Columns) / 2, top = 8 + 17 * title.Count + (height - scale * pixels.Rows) / 2;
        double right = left + scale * Math.Max(1, pixels.Columns), bottom = top + scale * Math.Max(1, pixels.Rows);
        return new(chart, left, right, top, bottom, Scale.Categories(pixels.Columns).Between(left, right), Scale.Categories(pixels.Rows).Between(top, bottom), pixels.Values.IsEmpty)
        {
            Title = title, YLabel = [], XLabel = [], Legend = [], Categories = CategoryLabels.None, NamesAtEnds = false, Bins = null, Colours = null,
            Caption = Footnotes.Of(chart, chart.Width),
        };
    }

    /// <summary>Room above bars for their values.</summary>
    static double ValuesAbove(Chart chart) => chart.Series.Any(s => s is BarSeries) ? 16 : 0;

    static double EndNames(Chart chart) => Widest(chart.Series.OfType<LineSeries>().Select(l => l.Label), bold: true);

    static double Widest(IEnumerable<string> texts, bool bold = false) => texts.Select(t => Style.TextWidth(t, Style.TextSize, bold)).DefaultIfEmpty(0).Max();
}
