// The scale beside a heat map or contours: which colour is which number. Contours have bands at round levels.

namespace Charts;

/// <summary>From numbers to colours. <paramref name="Levels"/> are the edges of contours' bands, empty for a heat map.</summary>
sealed record ColourScale(Palette Palette, double Low, double High, double[] Levels, string Name)
{
    const double Bar = 12, Gap = 14;

    /// <summary>The ticks beside the colours, and their labels.</summary>
    public double[] Ticks { get; } = Levels.Length > 0 && Levels.Length <= 8 ? Levels : Scale.For(new Axis(Min: Low, Max: High), [Low, High], 6, false, false).Ticks;

    public string[] Labels => Numbers.Ticks(Ticks);

    /// <summary>Pixels that the scale takes at the right of the plot.</summary>
    public double Room => Gap + Bar + 6 + Labels.Select(l => Style.TextWidth(l, Style.SmallSize)).DefaultIfEmpty(0).Max();

    /// <summary>From the plot's right edge to the colours, and their width.</summary>
    public static (double Offset, double Width) Place => (Gap, Bar);

    public double PlaceOf(double value) => (value - Low) / (High - Low);

    /// <summary>The scale of a chart; null when nothing in it is coloured by numbers.</summary>
    public static ColourScale? Of(Chart chart)
    {
        if (chart.Series.OfType<HeatSeries>().FirstOrDefault() is { } heat)
        {
            var (low, high) = chart.ColourRange ?? heat.Values.Range();
            var (palette, from, to) = Palette.For(low, high);
            return new(palette, from, to, [], heat.Name);
        }
        if (chart.Series.OfType<ContourSeries>().FirstOrDefault() is { } contours)
        {
            var (low, high) = chart.ColourRange ?? contours.Z.Range();
            var (palette, from, to) = Palette.For(low, high);
            var step = Scale.NiceStep((to - from) / 10);
            double first = Math.Floor(from / step + 1e-9) + 1, last = Math.Ceiling(to / step - 1e-9) - 1;
            double[] levels = [.. Enumerable.Range(0, (int)Math.Max(0, last - first) + 1).Select(i => (first + i) * step)];
            return new(palette, levels[0] - step / 2, levels[^1] + step / 2, levels, contours.Name);
        }
        return null;
    }

    /// <summary>The colour of the band above <paramref name="level"/> levels, from 0.</summary>
    public string Band(int level) => Palette.HexAt(level / (double)Levels.Length);
}
