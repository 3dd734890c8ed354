// Each line's name beside its end; names that would overlap are moved apart.

namespace Charts;

/// <summary>A name and the middle of its line of text, in pixels.</summary>
sealed record EndName(int Series, string Text, double Y);

static class EndNames
{
    public static EndName[] Of(Plot plot)
    {
        if (!plot.NamesAtEnds) return [];
        var names = Enumerable.Range(0, plot.Chart.Series.Length)
            .Where(s => plot.Chart.Series[s] is LineSeries { Label.Length: > 0 })
            .Select(s => (Series: s, plot.Chart.Series[s].Label, At: End(plot, (LineSeries)plot.Chart.Series[s])))
            .Where(n => n.At is not null).OrderBy(n => n.At).ToArray();
        var places = Apart([.. names.Select(n => n.At!.Value)], plot.Top, plot.Bottom);
        return [.. names.Zip(places, (n, y) => new EndName(n.Series, n.Label, y))];
    }

    static double? End(Plot plot, LineSeries line)
    {
        double? beyond = null;                                   // the last point where all lie right of a given limit
        for (var i = line.X.Length - 1; i >= 0; i--)
        {
            if (!plot.Chart.X.Shows(line.X[i]) || !plot.Chart.Y.Shows(line.Y[i])) continue;
            var y = Math.Clamp(plot.Y.Map(line.Y[i]), plot.Top, plot.Bottom);
            if (plot.X.Map(line.X[i]) <= plot.Right + 1) return y;
            beyond ??= y;
        }
        return beyond;
    }

    /// <summary>Moves sorted heights apart so that names don't overlap, each as near its own as that allows.</summary>
    internal static double[] Apart(double[] heights, double top, double bottom)
    {
        // Neighbours that touch form a block, centred on the mean of its members' wishes; blocks that touch join.
        var blocks = new List<(double Centre, int Count)>();
        foreach (var height in heights)
        {
            blocks.Add((height, 1));
            while (blocks.Count > 1 && blocks[^1].Centre - blocks[^2].Centre < Style.LineHeight * (blocks[^1].Count + blocks[^2].Count) / 2.0) Join();
        }
        // A block that sticks out is pushed in, and joins what it then touches.
        for (var i = 0; i < blocks.Count; i++) blocks[i] = (Inside(blocks[i]), blocks[i].Count);
        var places = new List<double>();
        foreach (var (centre, count) in blocks)
        {
            var first = centre - Style.LineHeight * (count - 1) / 2.0;
            if (places.Count > 0) first = Math.Max(first, places[^1] + Style.LineHeight);
            for (var i = 0; i < count; i++) places.Add(first + i * Style.LineHeight);
        }
        for (var i = places.Count - 2; i >= 0; i--)
            if (places[^1] > bottom) places[i] = Math.Min(places[i], places[i + 1] - Style.LineHeight);
        return [.. places];

        void Join()
        {
            var (a, b) = (blocks[^2], blocks[^1]);
            blocks.RemoveRange(blocks.Count - 2, 2);
            blocks.Add(((a.Centre * a.Count + b.Centre * b.Count) / (a.Count + b.Count), a.Count + b.Count));
        }

        double Inside((double Centre, int Count) block)
        {
            var half = Style.LineHeight * (block.Count - 1) / 2.0;
            return Math.Clamp(block.Centre, top + half, Math.Max(top + half, bottom - half));
        }
    }
}
