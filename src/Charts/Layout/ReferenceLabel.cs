// The words of reference lines: above a line at its right end (below, where the line is at the very top), beside the top of an upright
// one, on the side where no other line crosses them. Two that would cover each other take turns.

namespace Charts;

/// <summary>Words at a place, in pixels.</summary>
sealed record ReferenceLabel(ReferenceLine Line, string Text, double X, double Y, string Anchor)
{
    public static List<ReferenceLabel> Of(Plot plot)
    {
        var labels = new List<ReferenceLabel>();
        var upright = new List<(double Left, double Right, int Row)>();
        double[] lines = [.. plot.Chart.References.Where(l => l.Vertical && plot.Chart.X.Shows(l.Value)).Select(l => plot.X.Map(l.Value))];
        bool Crossed(double from, double to) => lines.Any(x => x > from && x < to);
        foreach (var line in plot.Chart.References.Where(l => l.Label.Length > 0 && (l.Vertical ? plot.Chart.X : plot.Chart.Y).Shows(l.Value)))
        {
            var at = (line.Vertical ? plot.X : plot.Y).Map(line.Value);
            var text = line.Origin.Label(line.Label);
            if (line.Vertical)
            {
                if (at < plot.Left - 1 || at > plot.Right + 1) continue;
                var width = Style.TextWidth(text, Style.SmallSize) + 10;
                var left = at + width > plot.Chart.Width - 4 || (Crossed(at + 1, at + width) && !Crossed(at - width, at - 1) && at - width >= plot.Left);
                var (from, to) = left ? (at - width, at) : (at, at + width);
                var row = 0;
                while (upright.Any(u => u.Row == row && u.Left < to && u.Right > from)) row++;
                upright.Add((from, to, row));
                labels.Add(new(line, text, left ? at - 5 : at + 5, plot.Top + 11 + Style.LineHeight * row, left ? "end" : "start"));
            }
            else if (at >= plot.Top - 1 && at <= plot.Bottom + 1)
                labels.Add(new(line, text, plot.Right, at < plot.Top + 14 ? at + 13 : at - 5, "end"));
        }
        return labels;
    }
}
