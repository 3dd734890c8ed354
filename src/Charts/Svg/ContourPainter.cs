// Bands of height, each painted over the one below it.

namespace Charts;

static class ContourPainter
{
    public static void Draw(SvgWriter svg, Plot plot, ContourSeries contours)
    {
        if (contours.Z.Rows < 2 || contours.Z.Columns < 2) return;
        var colours = plot.Colours!;
        double[] xs = [.. contours.X.Select(x => Math.Clamp(plot.X.Map(x), plot.Left - 2000, plot.Right + 2000))];
        double[] ys = [.. contours.Y.Select(y => Math.Clamp(plot.Y.Map(y), plot.Top - 2000, plot.Bottom + 2000))];
        var area = new SvgWriter();
        area.Area(Rings(double.MinValue), colours.Band(0), null, 0);
        for (var i = 0; i < colours.Levels.Length; i++) area.Area(Rings(colours.Levels[i]), colours.Band(i + 1), "#ffffff99", 0.5);
        svg.Clip(plot.Left, plot.Top, plot.Right - plot.Left, plot.Bottom - plot.Top, area.Elements);

        IEnumerable<List<(double X, double Y)>> Rings(double level) => ContourRings.Of(contours.Z, xs, ys, level);
    }
}
