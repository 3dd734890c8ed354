// A chart in words, for terminals and logs: its title, then each series with its first and last value.

using System.Text;

namespace Charts;

static class PlainText
{
    public static string Describe(Chart chart)
    {
        var text = new StringBuilder(chart.TitleText.Length > 0 ? chart.TitleText : "chart");
        foreach (var line in chart.Lines) text.Append('\n').Append($"  {Named(line.Name)}{Ends(chart, line)}{(line.Paper ? " (paper)" : "")}");
        foreach (var bars in chart.Bars)
            text.Append('\n').Append($"  {Named(bars.Name)}{string.Join(", ", chart.Labels.Select((label, i) => $"{label} {Numbers.Short(bars.Values[i])}"))}"
                + (bars.Paper ? " (paper)" : ""));
        foreach (var line in chart.References) text.Append('\n').Append($"  {line.Label}: {Numbers.Short(line.Value)}{(line.Paper ? " (paper)" : "")}");
        return text.ToString();
    }

    static string Named(string name) => name.Length > 0 ? name + ": " : "";

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
}
