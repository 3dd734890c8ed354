// From values to pixels along one axis: limits that hold the data, nice ticks, linear or logarithmic.

namespace Charts;

sealed class Scale
{
    readonly double low, high;          // limits, as logarithms on a logarithmic axis
    readonly double from, to;           // their pixels
    readonly bool log;

    Scale(double low, double high, double from, double to, bool log, double[] ticks) =>
        (this.low, this.high, this.from, this.to, this.log, Ticks) = (low, high, from, to, log, ticks);

    public double[] Ticks { get; }

    /// <summary>The value at the start of the axis, where bars stand.</summary>
    public double Start => log ? Math.Pow(10, low) : Math.Clamp(0, low, high);

    /// <summary>The limits in the axis's own units: values, or their logarithms to base 10 on a logarithmic axis.</summary>
    public (double Low, double High) Limits => (low, high);

    /// <summary>The unit of an axis of <paramref name="count"/> categories, which stand at 0, 1, 2, …</summary>
    public static Scale Categories(int count) => new(-0.5, Math.Max(1, count) - 0.5, 0, 1, false, []);

    /// <summary>Exactly between two values, whatever their ticks.</summary>
    public static Scale Exactly(Axis axis, IEnumerable<double> values, int wantedTicks)
    {
        var shown = values.Where(axis.Shows).ToArray();
        return shown.Length == 0 ? For(axis, shown, wantedTicks, false, false)
            : For(axis with { Min = axis.Min ?? shown.Min(), Max = axis.Max ?? shown.Max() }, shown, wantedTicks, roundOut: false, fromZero: false);
    }

    public double Map(double value) => from + ((log ? Math.Log10(value) : value) - low) / (high - low) * (to - from);

    /// <summary>What stands at a pixel, in the axis's own units (see <see cref="Limits"/>).</summary>
    public double UnitAt(double pixel) => low + (pixel - from) / (to - from) * (high - low);

    /// <summary>The same scale between other pixels.</summary>
    public Scale Between(double start, double end) => new(low, high, start, end, log, Ticks);

    /// <param name="axis">Its given limits and ticks win.</param>
    /// <param name="values">All values on the axis; those that it can't show are skipped.</param>
    /// <param name="wantedTicks">About how many ticks have room.</param>
    /// <param name="roundOut">Widen the limits to whole ticks.</param>
    /// <param name="fromZero">Keep 0 in view (bars).</param>
    public static Scale For(Axis axis, IEnumerable<double> values, int wantedTicks, bool roundOut, bool fromZero)
    {
        if (axis is { Min: { } lowest, Max: { } highest } && !(highest > lowest)) axis = axis with { Min = null, Max = null };    // no such interval
        var shown = values.Where(axis.Shows).ToArray();
        double min = shown.Length > 0 ? shown.Min() : axis.Log ? 1 : 0, max = shown.Length > 0 ? shown.Max() : axis.Log ? 10 : 1;
        return axis.Log ? Logarithmic(axis, min, max, wantedTicks, roundOut, fromZero) : Linear(axis, min, max, wantedTicks, roundOut, fromZero);
    }

    static Scale Linear(Axis axis, double min, double max, int wantedTicks, bool roundOut, bool fromZero)
    {
        if (fromZero) (min, max) = (Math.Min(0, min), Math.Max(0, max));
        if (max - min <= 1e-12 * Math.Max(Math.Abs(min), Math.Abs(max)))            // one point, or all the same
        {
            var margin = min == 0 ? 1 : Math.Abs(min) * 0.1;
            (min, max) = (min - (fromZero ? 0 : margin), max + margin);
        }
        (min, max) = (axis.Min ?? min, axis.Max ?? max);
        if (!(max > min)) max = min + 1;
        var step = NiceStep((max - min) / Math.Max(1, wantedTicks));
        if (roundOut)
            (min, max) = (axis.Min ?? Math.Floor(min / step + 1e-9) * step, axis.Max ?? Math.Ceiling(max / step - 1e-9) * step);
        return new(min, max, 0, 1, false, axis.Ticks.IsDefault ? Multiples(step, min, max) : [.. axis.Ticks.Where(t => t >= min && t <= max)]);
    }

    static Scale Logarithmic(Axis axis, double min, double max, int wantedTicks, bool roundOut, bool standing)
    {
        if (standing) min /= 2;                                                     // the smallest bar keeps some height
        (min, max) = (axis.Min is > 0 ? axis.Min.Value : min, axis.Max is > 0 ? axis.Max.Value : max);
        if (!(max > min * (1 + 1e-9))) (min, max) = (min / 2, max * 2);
        var ticks = axis.Ticks.IsDefault ? LogTicks(min, max, wantedTicks, roundOut) : [.. axis.Ticks.Where(t => t > 0)];
        if (roundOut && axis.Ticks.IsDefault)
            (min, max) = (axis.Min ?? Math.Min(min, ticks[0]), axis.Max ?? Math.Max(max, ticks[^1]));
        return new(Math.Log10(min), Math.Log10(max), 0, 1, true, [.. ticks.Where(t => t >= min * (1 - 1e-9) && t <= max * (1 + 1e-9))]);
    }

    /// <summary>1, 2 or 5 times a power of ten, at least <paramref name="rough"/>.</summary>
    internal static double NiceStep(double rough)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return unit * (rough / unit) switch { <= 1.0000001 => 1, <= 2.0000001 => 2, <= 5.0000001 => 5, _ => 10 };
    }

    static double[] Multiples(double step, double min, double max)
    {
        double first = Math.Ceiling(min / step - 1e-9), last = Math.Floor(max / step + 1e-9);
        return [.. Enumerable.Range(0, (int)Math.Min(100, last - first + 1)).Select(i => (first + i) * step)];
    }

    // Whole decades where there are at least two; else 1, 2, 5 in each; else, within a factor of about three, as on a linear axis.
    static double[] LogTicks(double min, double max, int wantedTicks, bool roundOut)
    {
        int first = (int)Math.Floor(Math.Log10(min) + 1e-9), last = (int)Math.Ceiling(Math.Log10(max) - 1e-9);
        var decades = Enumerable.Range(first, last - first + 1).ToArray();
        if (Math.Log10(max / min) > 2.2)
            return Every(decades, (decades.Length + wantedTicks - 1) / Math.Max(1, wantedTicks), min, max, roundOut);
        if (max / min > 3) return Enclose([.. decades.SelectMany(d => new[] { 1, 2, 5 }, (d, m) => m * Math.Pow(10, d))], min, max, roundOut);
        var step = NiceStep((max - min) / Math.Max(1, wantedTicks));
        return Enclose([.. Multiples(step, Math.Max(step, min - step), max + step)], min, max, roundOut);
    }

    static double[] Every(int[] decades, int stride, double min, double max, bool roundOut) =>
        Enclose([.. decades.Where((_, i) => i % Math.Max(1, stride) == 0).Select(d => Math.Pow(10, d))], min, max, roundOut);

    // The ticks inside the limits, and with roundOut the nearest one outside at each end.
    static double[] Enclose(double[] ticks, double min, double max, bool roundOut)
    {
        if (!roundOut) return [.. ticks.Where(t => t >= min * (1 - 1e-9) && t <= max * (1 + 1e-9))];
        var below = ticks.LastOrDefault(t => t <= min * (1 + 1e-9), ticks[0]);
        var above = ticks.FirstOrDefault(t => t >= max * (1 - 1e-9), ticks[^1]);
        return [.. ticks.Where(t => t >= below && t <= above)];
    }
}
