// Heat maps and pictures: one small indexed picture stretched over the plot, and the numbers in the cells of a small matrix.

namespace Charts;

static class HeatPainter
{
    const double SmallestCell = 20;
    static readonly (byte, byte, byte) MissingGrey = (208, 212, 217);

    public static void Draw(SvgWriter svg, Plot plot, HeatSeries heat)
    {
        var colours = plot.Colours!;
        Pixels(svg, plot, heat.Values, colours.Palette, colours.PlaceOf);
        if (!ShowsNumbers(plot, heat.Values)) return;
        for (var i = 0; i < heat.Values.Rows; i++)
            for (var j = 0; j < heat.Values.Columns; j++)
                if (Values.Drawable(heat.Values[i, j]))
                    svg.Text(plot.X.Map(j), plot.Y.Map(i) + 4, Numbers.Short(heat.Values[i, j]), Style.SmallSize, colours.Palette.InkOn(colours.PlaceOf(heat.Values[i, j])), "middle");
    }

    public static void Picture(SvgWriter svg, Plot plot)
    {
        for (var i = 0; i < plot.Title.Count; i++) svg.Text(plot.Chart.Width / 2.0, 18 + 17 * i, plot.Title[i], Style.TextSize, Style.Ink, "middle");
        var pixels = ((PictureSeries)plot.Chart.Series[0]).Pixels;
        if (plot.IsEmpty) svg.Text(plot.Chart.Width / 2.0, plot.Chart.Height / 2.0, "no data", Style.TextSize, Style.Muted, "middle");
        else Pixels(svg, plot, pixels, Palette.Greys, PlaceIn(pixels));
    }

    /// <summary>From a pixel's value to its place between black and white.</summary>
    public static Func<double, double> PlaceIn(Grid pixels)
    {
        var (low, high) = pixels.Range();
        return value => high > low ? (value - low) / (high - low) : 0.5;
    }

    /// <summary>Whether every number fits into its cell.</summary>
    public static bool ShowsNumbers(Plot plot, Grid grid)
    {
        double width = (plot.Right - plot.Left) / grid.Columns, height = (plot.Bottom - plot.Top) / grid.Rows;
        return height >= SmallestCell && width >= SmallestCell && grid.Values.Length <= 400
            && grid.Values.Where(Values.Drawable).All(v => Style.TextWidth(Numbers.Short(v), Style.SmallSize) <= width - 2);
    }

    // The last colour of the table is that of a missing number.
    static void Pixels(SvgWriter svg, Plot plot, Grid grid, Palette palette, Func<double, double> place)
    {
        grid = grid.Shrunk(Thinning.MostCells);
        var table = palette.Table();
        var missing = grid.Values.Any(v => !Values.Drawable(v));
        var most = missing ? 254 : 255;
        if (missing) table = [.. Enumerable.Range(0, 255).Select(i => palette.At(i / 254.0)), MissingGrey];
        svg.Image(plot.Left, plot.Top, plot.Right - plot.Left, plot.Bottom - plot.Top,
            Png.Encode([.. grid.Values.Select(v => Values.Drawable(v) ? (byte)Math.Round(Math.Clamp(place(v), 0, 1) * most) : (byte)255)], grid.Columns, grid.Rows, table));
    }
}
