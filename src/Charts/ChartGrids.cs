// Heat maps, contours and pictures.

using System.Collections.Immutable;
using System.Numerics;

namespace Charts;

public sealed partial record Chart
{
    /// <summary>What <see cref="Colours"/> set: the numbers at the ends of the colours' scale.</summary>
    public (double Low, double High)? ColourRange { get; init; }

    /// <summary>Sets the numbers between which a heat map or contours take their colours, so that several charts can be compared.</summary>
    /// <exception cref="ArgumentException">Not finite, or <paramref name="high"/> is not above <paramref name="low"/>.</exception>
    public Chart Colours(double low, double high) => double.IsFinite(high - low) && high > low ? this with { ColourRange = (low, high) }
        : throw new ArgumentException($"Colours from {low} to {high}: give two finite numbers, the lower one first.");

    /// <summary>A heat map: a coloured cell for each number of a matrix, its row 0 at the top. With numbers on both sides of 0 the colours
    /// part at 0, else they go from dark (low) to light (high). Small matrices show their numbers too.</summary>
    /// <param name="values">[rows, columns].</param>
    /// <param name="rows">The rows' labels, by default their numbers from 0.</param>
    /// <param name="columns">The columns' labels, by default their numbers from 0.</param>
    /// <param name="name">What the colours mean, above their scale.</param>
    /// <exception cref="ArgumentException">Labels are not as many as rows or columns.</exception>
    public static Chart HeatMap<T>(T[,] values, IEnumerable<string>? rows = null, IEnumerable<string>? columns = null, string name = "") where T : INumber<T> =>
        HeatMap(Grid.Of(values), rows, columns, name);

    /// <inheritdoc cref="HeatMap{T}(T[,], IEnumerable{string}, IEnumerable{string}, string)"/>
    public static Chart HeatMap<T>(IEnumerable<IEnumerable<T>> values, IEnumerable<string>? rows = null, IEnumerable<string>? columns = null, string name = "") where T : INumber<T> =>
        HeatMap(Grid.Of(values), rows, columns, name);

    /// <summary>The heights of a plane in bands of equal height. Lines and points may be drawn over it.</summary>
    /// <param name="xs">Rising positions of the columns.</param>
    /// <param name="ys">Rising positions of the rows.</param>
    /// <param name="values">[ys, xs]: the height at each; NaN leaves a hole.</param>
    /// <param name="name">What the heights are, above the colours' scale.</param>
    /// <exception cref="ArgumentException">Positions that do not rise, or a matrix of another shape.</exception>
    public static Chart Contour<TX, TY, T>(IEnumerable<TX> xs, IEnumerable<TY> ys, T[,] values, string name = "")
        where TX : INumber<TX> where TY : INumber<TY> where T : INumber<T>
    {
        ImmutableArray<double> x = Doubles(xs), y = Doubles(ys);
        var z = Grid.Of(values);
        if (z.Rows != y.Length || z.Columns != x.Length)
            throw new ArgumentException($"The heights are {z.Rows} × {z.Columns}, but there are {y.Length} ys and {x.Length} xs; give a matrix [ys, xs].");
        foreach (var (axis, positions) in new[] { ("xs", x), ("ys", y) })
            if (positions.Zip(positions.Skip(1)).Any(pair => !(pair.Second > pair.First))) throw new ArgumentException($"The {axis} of contours must rise.");
        return new Chart().WithNumeric(new ContourSeries(x, y, z, name, Origin.Measured));
    }

    /// <summary>The heights of a function over a plane in bands of equal height.</summary>
    public static Chart Contour<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, Func<double, double, double> height, string name = "")
        where TX : INumber<TX> where TY : INumber<TY>
    {
        ImmutableArray<double> x = Doubles(xs), y = Doubles(ys);
        var values = new double[y.Length, x.Length];
        for (var i = 0; i < y.Length; i++)
            for (var j = 0; j < x.Length; j++) values[i, j] = height(x[j], y[i]);
        return Contour(x, y, values, name);
    }

    /// <summary>A grey picture, row 0 at the top; its lowest value is black, its highest white. Put several in a <see cref="ChartRow"/>.</summary>
    /// <param name="pixels">[rows, columns].</param>
    /// <param name="inverted">Lowest white, highest black: ink on paper.</param>
    public static Chart Picture<T>(T[,] pixels, bool inverted = false) where T : INumber<T> => Picture(Grid.Of(pixels), inverted);

    /// <summary>A grey picture from pixels row after row, as data sets store them.</summary>
    /// <param name="pixels">As many as <paramref name="width"/> times the number of rows.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="inverted">Lowest white, highest black: ink on paper.</param>
    /// <exception cref="ArgumentException">The pixels fill no whole rows.</exception>
    public static Chart Picture<T>(IEnumerable<T> pixels, int width, bool inverted = false) where T : INumber<T>
    {
        var values = Doubles(pixels);
        if (width < 1 || values.Length % width != 0) throw new ArgumentException($"{values.Length} pixels are no whole rows of {width}.");
        return Picture(new Grid(values, values.Length / width, width), inverted);
    }

    static Chart HeatMap(Grid grid, IEnumerable<string>? rows, IEnumerable<string>? columns, string name)
    {
        return new Chart { RowLabels = Names(rows, grid.Rows, "rows"), Labels = Names(columns, grid.Columns, "columns") }.With(new HeatSeries(grid, name, Origin.Measured));

        static ImmutableArray<string> Names(IEnumerable<string>? labels, int count, string what)
        {
            ImmutableArray<string> names = labels is null ? [.. Enumerable.Range(0, count).Select(i => $"{i}")] : [.. labels];
            return names.Length == count ? names : throw new ArgumentException($"The heat map has {count} {what} but {names.Length} labels for them; give one for each.");
        }
    }

    static Chart Picture(Grid pixels, bool inverted)
    {
        if (inverted) pixels = pixels with { Values = [.. pixels.Values.Select(v => -v)] };
        double widest = Math.Max(1, Math.Max(pixels.Rows, pixels.Columns)), scale = Math.Max(1, Math.Round(168 / widest));
        return new Chart { Width = Math.Max(40, (int)Math.Min(600, pixels.Columns * scale)) + 16, Height = Math.Max(40, (int)Math.Min(600, pixels.Rows * scale)) + 16 }
            .With(new PictureSeries(pixels, "", Origin.Measured));
    }
}
