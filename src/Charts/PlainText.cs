// A chart in words, for terminals, logs and screen readers: its title, then what each series says.

using System.Text;

namespace Charts;

static class PlainText
{
    public static string Describe(Chart chart)
    {
        var text = new StringBuilder(chart.TitleText.Length > 0 ? chart.TitleText : chart.Series is [PictureSeries] ? "picture" : "chart");
        foreach (var series in chart.Series) text.Append('\n').Append($"  {(series.Name.Length > 0 ? series.Name + ": " : "")}{Words(chart, series)}{Evidence(series.Origin)}");
        foreach (var line in chart.References) text.Append('\n').Append($"  {line.Label}: {Numbers.Short(line.Value)}{Evidence(line.Origin)}");
        return text.ToString();
    }

    static string Words(Chart chart, Series series) => series switch
    {
        LineSeries line => Ends(chart, line),
        PointSeries points => Points(chart, points),
        BarSeries bars => string.Join(", ", chart.Labels.Select((label, i) => $"{label} {Numbers.Short(bars.Values[i])}")),
        BoxSeries boxes => string.Join(", ", chart.Labels.Select((label, i) => boxes.Boxes[i] is { } box
            ? $"{label} {Numbers.Short(box.Median)} ({Numbers.Short(box.LowerQuartile)} to {Numbers.Short(box.UpperQuartile)})" : $"{label} none")),
        HistogramSeries histogram => Sample(histogram),
        HeatSeries heat => Matrix(heat.Values),
        ContourSeries contours => Matrix(contours.Z),
        PictureSeries picture => $"{picture.Pixels.Rows} × {picture.Pixels.Columns} pixels",
        _ => "",
    };

    static string Evidence(Origin origin) => origin.Evidence switch
    {
        Charts.Evidence.Paper => origin.Source.Length > 0 ? $" (paper: {origin.Source})" : " (paper)", Charts.Evidence.Guess => " (guess)", _ => "",
    };

    static string Ends(Chart chart, LineSeries line)
    {
        var shown = Enumerable.Range(0, line.X.Length).Where(i => chart.X.Shows(line.X[i]) && chart.Y.Shows(line.Y[i])).ToArray();
        return shown.Length switch
        {
            0 => "no points",
            1 => $"{Numbers.Short(line.Y[shown[0]])} at {Numbers.Short(line.X[shown[0]])}",
            _ => $"{Numbers.Short(line.Y[shown[0]])} at {Numbers.Short(line.X[shown[0]])} … {Numbers.Short(line.Y[shown[^1]])} at {Numbers.Short(line.X[shown[^1]])}",
        };
    }

    static string Points(Chart chart, PointSeries points)
    {
        var shown = Enumerable.Range(0, points.X.Length).Where(i => chart.X.Shows(points.X[i]) && chart.Y.Shows(points.Y[i])).ToArray();
        string At(int i) => $"({Numbers.Short(points.X[i])}, {Numbers.Short(points.Y[i])})";
        if (shown.Length > 0 && shown.Length <= 12) return string.Join(", ", shown.Select(i => (points.Labels.IsDefault ? "" : points.Labels[i] + " ") + At(i)));
        return shown.Length == 0 ? "no points" : $"{shown.Length} points";
    }

    static string Sample(HistogramSeries histogram)
    {
        var values = histogram.Values.Where(Values.Drawable).ToArray();
        return values.Length == 0 ? "no numbers" : $"{values.Length} numbers from {Numbers.Short(values.Min())} to {Numbers.Short(values.Max())}, mean {Numbers.Short(values.Average())}";
    }

    static string Matrix(Grid grid)
    {
        var (low, high) = grid.Range();
        return $"{grid.Rows} × {grid.Columns} numbers" + (grid.Values.Any(Values.Drawable) ? $" from {Numbers.Short(low)} to {Numbers.Short(high)}" : "");
    }
}
