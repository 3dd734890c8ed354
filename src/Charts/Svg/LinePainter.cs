// Lines with markers, and each line's name beside its end: names that would overlap are moved apart.

namespace Charts;

static class LinePainter
{
    const double NameHeight = 15, WidestName = 170;

    public static void Draw(SvgWriter svg, Chart chart, Plot plot)
    {
        var inside = new SvgWriter();
        for (var s = 0; s < chart.Lines.Length; s++) Line(inside, chart, plot, chart.Lines[s], s);
        svg.Frame(0, 0, plot.Right + 6, plot.Bottom + 6, inside.Elements);          // given limits may cut a line off below and at the right
        Names(svg, chart, plot);
    }

    public static double RoomForNames(Chart chart) =>
        chart.Lines.Select(l => Math.Min(WidestName, Style.TextWidth(Name(l), Style.TextSize))).DefaultIfEmpty(0).Max() is var widest and > 0 ? widest + 8 : 0;

    static string Name(LineSeries line) => line.Paper && line.Name.Length > 0 && !line.Name.Contains("paper", StringComparison.OrdinalIgnoreCase) ? line.Name + " (paper)" : line.Name;

    static void Line(SvgWriter svg, Chart chart, Plot plot, LineSeries line, int series)
    {
        var colour = Style.Colour(series);
        foreach (var piece in Pieces(chart, line))
            if (piece.Count > 1) svg.Polyline(piece.Select(i => At(plot, line, i)), colour, line.Paper ? "7 5" : null);
        if (line.X.Length > Style.MostMarkers && !Pieces(chart, line).Any(p => p.Count == 1)) return;
        foreach (var i in Pieces(chart, line).Where(p => p.Count == 1 || line.X.Length <= Style.MostMarkers).SelectMany(p => p))
        {
            var (x, y) = At(plot, line, i);
            svg.Marker(Style.Marker(series), x, y, colour, hollow: line.Paper);
        }
    }

    static (double X, double Y) At(Plot plot, LineSeries line, int i) => (plot.X.Map(line.X[i]), plot.Y.Map(line.Y[i]));

    // Runs of points that can be drawn: a gap ends one.
    static List<List<int>> Pieces(Chart chart, LineSeries line)
    {
        var pieces = new List<List<int>>();
        var open = false;
        for (var i = 0; i < line.X.Length; i++)
        {
            var shown = chart.X.Shows(line.X[i]) && chart.Y.Shows(line.Y[i]);
            if (shown && !open) pieces.Add([]);
            if (shown) pieces[^1].Add(i);
            open = shown;
        }
        return pieces;
    }

    static void Names(SvgWriter svg, Chart chart, Plot plot)
    {
        var names = chart.Lines.Select((line, s) => (line, s, pieces: Pieces(chart, line)))
            .Where(n => n.pieces.Count > 0 && n.line.Name.Length > 0)
            .Select(n => (n.line, n.s, y: Math.Clamp(plot.Y.Map(n.line.Y[n.pieces[^1][^1]]), plot.Top, plot.Bottom)))
            .OrderBy(n => n.y).ToArray();
        var places = Apart([.. names.Select(n => n.y)], plot.Top, plot.Bottom);
        for (var i = 0; i < names.Length; i++)
            svg.Text(plot.Right + 6, places[i] + 4, Name(names[i].line), Style.TextSize, Style.Colour(names[i].s), bold: true);
    }

    /// <summary>Moves sorted heights apart so that names don't overlap, each as near its own as that allows.</summary>
    internal static double[] Apart(double[] heights, double top, double bottom)
    {
        // Neighbours that touch form a block, centred on the mean of its members' wishes; blocks that touch join.
        var blocks = new List<(double Centre, int Count)>();
        foreach (var height in heights)
        {
            blocks.Add((height, 1));
            while (blocks.Count > 1 && blocks[^1].Centre - blocks[^2].Centre < NameHeight * (blocks[^1].Count + blocks[^2].Count) / 2.0)
            {
                var (a, b) = (blocks[^2], blocks[^1]);
                blocks.RemoveRange(blocks.Count - 2, 2);
                blocks.Add(((a.Centre * a.Count + b.Centre * b.Count) / (a.Count + b.Count), a.Count + b.Count));
            }
        }
        var places = new List<double>();
        foreach (var (centre, count) in blocks)
        {
            var first = Math.Clamp(centre - NameHeight * (count - 1) / 2.0, top, Math.Max(top, bottom - NameHeight * (count - 1)));
            for (var i = 0; i < count; i++) places.Add(first + i * NameHeight);
        }
        return [.. places];
    }
}
