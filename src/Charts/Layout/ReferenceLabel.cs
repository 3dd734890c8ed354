// The words of reference lines: above a line at its right end (below, where the line is at the very top), or where series cross them there,
// below it or at its left end; beside the top of an upright one, on the side where no other line crosses them. Two that would cover each
// other take turns.

namespace Charts;

/// <summary>Words at a place, in pixels.</summary>
sealed record ReferenceLabel(ReferenceLine Line, string Text, double X, double Y, string Anchor)
{
    public static List<ReferenceLabel> Of(Plot plot)
    {
        var labels = new List<ReferenceLabel>();
        var upright = new List<(double Left, double Right, int Row)>();
        var taken = new List<(double Left, double Top, double Right, double Bottom)>();
        double[] lines = [.. plot.Chart.References.Where(l => l.Vertical && plot.Chart.X.Shows(l.Value)).Select(l => plot.X.Map(l.Value))];
        double[] levels = [.. plot.Chart.References.Where(l => !l.Vertical && plot.Chart.Y.Shows(l.Value)).Select(l => plot.Y.Map(l.Value))];
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
            {
                var width = Style.TextWidth(text, Style.SmallSize);
                double above = at < plot.Top + 14 ? at + 13 : at - 5, below = at > plot.Bottom - 14 ? at - 5 : at + 13;
                (bool AtLeft, double Y) place = new[] { (false, above), (false, below), (true, above), (true, below) }.MinBy(p => Covered(Box(p.Item1, p.Item2)));
                taken.Add(Box(place.AtLeft, place.Y));
                labels.Add(new(line, text, place.AtLeft ? plot.Left : plot.Right, place.Y, place.AtLeft ? "start" : "end"));

                (double Left, double Top, double Right, double Bottom) Box(bool atLeft, double y) =>
                    (atLeft ? plot.Left : plot.Right - width, y - 10, atLeft ? plot.Left + width : plot.Right, y + 3);
            }
        }
        return labels;

        // How many pixels of series, of other reference lines and of labels that are there already words in a box would lie on.
        double Covered((double Left, double Top, double Right, double Bottom) box) =>
            plot.Chart.Series.OfType<LineSeries>().Sum(line => LineInside(plot, line, box))
            + levels.Count(y => y > box.Top && y < box.Bottom) * (box.Right - box.Left)
            + taken.Count(t => t.Left < box.Right && t.Right > box.Left && t.Top < box.Bottom && t.Bottom > box.Top) * plot.Chart.Width;
    }

    // The width of a line's part within a box, looked at pixel by pixel.
    static double LineInside(Plot plot, LineSeries line, (double Left, double Top, double Right, double Bottom) box)
    {
        var inside = 0.0;
        for (var i = 1; i < line.X.Length; i++)
        {
            if (!plot.Chart.X.Shows(line.X[i - 1]) || !plot.Chart.X.Shows(line.X[i]) || !plot.Chart.Y.Shows(line.Y[i - 1]) || !plot.Chart.Y.Shows(line.Y[i])) continue;
            double x0 = plot.X.Map(line.X[i - 1]), x1 = plot.X.Map(line.X[i]), y0 = plot.Y.Map(line.Y[i - 1]), y1 = plot.Y.Map(line.Y[i]);
            if (Math.Max(x0, x1) < box.Left || Math.Min(x0, x1) > box.Right) continue;
            var pieces = (int)Math.Clamp(Math.Abs(x1 - x0) + Math.Abs(y1 - y0), 1, 2000);
            for (var k = 0; k <= pieces; k++)
            {
                double part = (double)k / pieces, x = x0 + (x1 - x0) * part, y = y0 + (y1 - y0) * part;
                if (x >= box.Left && x <= box.Right && y >= box.Top && y <= box.Bottom) inside++;
            }
        }
        return inside;
    }
}
