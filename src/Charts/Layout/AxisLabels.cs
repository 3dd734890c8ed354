// What stands beside an axis: numbers at its ticks, or the names of categories.

using System.Collections.Immutable;
using System.Globalization;

namespace Charts;

static class AxisLabels
{
    /// <summary>The labels of an axis of numbers.</summary>
    public static string[] Of(Axis axis, Scale scale) => axis.Log ? [.. scale.Ticks.Select(Numbers.Short)] : Numbers.Ticks(scale.Ticks);

    /// <summary>The labels of a horizontal axis; one that would run into the one before is empty.</summary>
    public static string[] OfHorizontal(Axis axis, Scale scale)
    {
        var labels = Of(axis, scale);
        var free = double.NegativeInfinity;
        for (var i = 0; i < labels.Length; i++)
        {
            double x = scale.Map(scale.Ticks[i]), half = Style.TextWidth(labels[i], Style.TextSize) / 2;
            if (x - half < free) labels[i] = "";
            else free = x + half + 6;
        }
        return labels;
    }
}

/// <summary>The names below bars, boxes and the columns of a heat map: broken into lines, or slanted where a word is wider than its place,
/// and only every <paramref name="Stride"/>th where there are too many. <paramref name="Height"/> in pixels.</summary>
sealed record CategoryLabels(ImmutableArray<ImmutableArray<string>> Lines, bool Slanted, int Stride, double Height)
{
    public static CategoryLabels None { get; } = new([], false, 1, 0);

    const double Sine = 0.5736, Cosine = 0.8192;                 // of 35°

    /// <summary>The slant of long names, in degrees.</summary>
    public const double Angle = 35;

    /// <param name="labels">The names.</param>
    /// <param name="width">Pixels that all of them have.</param>
    /// <param name="left">Pixels left of the first, into which a slanted name may reach.</param>
    public static CategoryLabels Of(ImmutableArray<string> labels, double width, double left)
    {
        if (labels.Length == 0) return None;
        double slot = width / labels.Length;
        var numbers = labels.All(label => double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out _));
        var wrapped = labels.Select(label => TextLines.Wrap(label, Style.TextSize, slot - 6, most: 3)).ToArray();
        if (wrapped.All(lines => lines.All(line => Style.TextWidth(line, Style.TextSize) <= (numbers ? slot - 6 : slot))))
            return new([.. wrapped.Select(lines => lines.ToImmutableArray())], false, 1, 5 + Style.LineHeight * Math.Max(1, wrapped.Max(lines => lines.Count)));
        if (numbers)
            return new([.. labels.Select(l => ImmutableArray.Create(l))], false, (int)Math.Ceiling(labels.Max(l => Style.TextWidth(l, Style.TextSize) + 8) / slot), 5 + Style.LineHeight);
        // A name ends below its place and begins to the left of it: the first may reach to the edge of the drawing.
        var cut = labels.Select((label, i) => Style.Fit(label, Style.TextSize, Math.Min(170, (left + slot * (i + 0.5) - 6) / Cosine))).ToArray();
        var stride = (int)Math.Ceiling(Style.LineHeight / Sine / slot / 1.6);
        return new([.. cut.Select(l => ImmutableArray.Create(l))], true, Math.Max(1, stride), 14 + Sine * cut.Max(l => Style.TextWidth(l, Style.TextSize)));
    }
}
