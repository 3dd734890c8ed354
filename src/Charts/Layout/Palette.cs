// Colours for numbers: dark to light with an even step to the eye and to colour-blind readers (the anchors of viridis), blue through
// white to red for numbers on both sides of 0, and greys for pictures.

using System.Collections.Immutable;
using System.Globalization;

namespace Charts;

sealed record Palette(ImmutableArray<string> Stops)
{
    public static Palette Sequential { get; } = new(["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"]);
    public static Palette Diverging { get; } = new(["#2166ac", "#67a9cf", "#d1e5f0", "#f7f7f7", "#fddbc7", "#ef8a62", "#b2182b"]);
    public static Palette Greys { get; } = new(["#000000", "#ffffff"]);

    /// <summary>The colours for numbers from <paramref name="low"/> to <paramref name="high"/>, and the ends of their scale.</summary>
    public static (Palette Palette, double Low, double High) For(double low, double high)
    {
        if (low < 0 && high > 0)
        {
            var reach = Math.Max(-low, high);
            return (Diverging, -reach, reach);
        }
        return low < high ? (Sequential, low, high) : (Sequential, low - 0.5, high + 0.5);
    }

    /// <summary>The colour at a place from 0 to 1.</summary>
    public (byte R, byte G, byte B) At(double place)
    {
        var at = Math.Clamp(place, 0, 1) * (Stops.Length - 1);
        var below = Math.Min((int)at, Stops.Length - 2);
        var part = at - below;
        byte Channel(int i) => (byte)Math.Round(Hex(Stops[below], i) * (1 - part) + Hex(Stops[below + 1], i) * part);
        return (Channel(0), Channel(1), Channel(2));
    }

    /// <summary>The same as "#rrggbb".</summary>
    public string HexAt(double place)
    {
        var (r, g, b) = At(place);
        return $"#{r:x2}{g:x2}{b:x2}";
    }

    /// <summary>Black or white, whichever is read better on the colour at a place.</summary>
    public string InkOn(double place)
    {
        var (r, g, b) = At(place);
        return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111111" : "#fefefe";
    }

    /// <summary>256 colours, as an indexed picture wants them.</summary>
    public (byte R, byte G, byte B)[] Table() => [.. Enumerable.Range(0, 256).Select(i => At(i / 255.0))];

    static int Hex(string colour, int channel) => int.Parse(colour.AsSpan(1 + 2 * channel, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
