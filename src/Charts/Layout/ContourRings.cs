// Marching squares: the closed rings around everything at or above a level, in pixels. A ring has the high side always on the same hand, so
// rings around holes wind the other way and one path with the non-zero rule fills the area. Outside the grid lies minus infinity, which
// closes rings along the border; a NaN is a hole of the same kind.

namespace Charts;

static class ContourRings
{
    /// <param name="z">The heights; z[i, j] stands at (xs[j], ys[i]).</param>
    /// <param name="xs">Pixels of the columns.</param>
    /// <param name="ys">Pixels of the rows.</param>
    /// <param name="level">The level.</param>
    public static List<List<(double X, double Y)>> Of(Grid z, double[] xs, double[] ys, double level)
    {
        // Along the border of a cell, corner after corner, a crossing either leaves the high region or enters it. The ring runs from where it
        // leaves to where it enters; the neighbour cell walks the shared edge backwards, where the entry is its exit.
        var next = new Dictionary<(int, int, bool), (int, int, bool)>();
        for (var i = -1; i < z.Rows; i++)
            for (var j = -1; j < z.Columns; j++) Cell(i, j);

        var rings = new List<List<(double X, double Y)>>();
        while (next.Count > 0)
        {
            var ring = new List<(double X, double Y)>();
            var edge = next.Keys.First();
            while (next.Remove(edge, out var following))
            {
                var point = Crossing(edge);
                if (ring.Count == 0 || ring[^1] != point) ring.Add(point);
                edge = following;
            }
            if (ring.Count > 2) rings.Add(ring);
        }
        return rings;

        void Cell(int i, int j)
        {
            ReadOnlySpan<(int I, int J)> corners = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)];
            var exits = new List<int>();
            var enters = new List<int>();
            for (var k = 0; k < 4; k++)
            {
                bool here = High(corners[k]), there = High(corners[(k + 1) % 4]);
                if (here && !there) exits.Add(k);
                if (!here && there) enters.Add(k);
            }
            foreach (var exit in exits)
            {
                // One entry, or a saddle: its high corners are apart (the entry just before) or joined through a high centre (the one just after).
                var before = enters.MinBy(e => (exit - e + 4) % 4);
                var after = enters.MinBy(e => (e - exit + 4) % 4);
                var joined = enters.Count == 2 && (At(corners[0]) + At(corners[1]) + At(corners[2]) + At(corners[3])) / 4 >= level;
                next[Edge(i, j, exit)] = Edge(i, j, joined ? after : before);
            }
        }

        static (int, int, bool) Edge(int i, int j, int side) => side switch
        {
            0 => (i, j, true), 1 => (i, j + 1, false), 2 => (i + 1, j, true), _ => (i, j, false),
        };

        (double X, double Y) Crossing((int I, int J, bool Along) edge)
        {
            (int I, int J) a = (edge.I, edge.J), b = edge.Along ? (edge.I, edge.J + 1) : (edge.I + 1, edge.J);
            double from = At(a), to = At(b);
            var part = double.IsInfinity(from) ? 1 : double.IsInfinity(to) ? 0 : (level - from) / (to - from);
            return (X(a.J) + part * (X(b.J) - X(a.J)), Y(a.I) + part * (Y(b.I) - Y(a.I)));
        }

        bool High((int I, int J) corner) => At(corner) >= level;

        double At((int I, int J) c) => c.I < 0 || c.J < 0 || c.I >= z.Rows || c.J >= z.Columns || !Values.Drawable(z[c.I, c.J]) ? double.NegativeInfinity : z[c.I, c.J];

        double X(int j) => xs[Math.Clamp(j, 0, xs.Length - 1)];

        double Y(int i) => ys[Math.Clamp(i, 0, ys.Length - 1)];
    }
}
