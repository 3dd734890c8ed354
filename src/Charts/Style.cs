// The look shared by every lesson. Colours are those of Okabe and Ito (2008), which readers with any colour vision tell apart;
// their yellow is left out (unreadable as text on white), and each series has a marker of its own too.

namespace Charts;

static class Style
{
    public const string Font = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";
    public const string Ink = "#1b1f24", Muted = "#57606a", Grid = "#e6e8eb", AxisLine = "#8c959f", Background = "#ffffff";
    public const double TitleSize = 16, TextSize = 12.5, SmallSize = 11.5;

    static readonly string[] Colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
    static readonly string[] Markers = ["circle", "square", "diamond", "triangle-up"];

    public static string Colour(int series) => Colours[series % Colours.Length];

    /// <summary>Plotly's name of a series' marker.</summary>
    public static string Marker(int series) => Markers[series % Markers.Length];

    /// <summary>Beyond this many points the markers would hide the line.</summary>
    public const int MostMarkers = 40;

    /// <summary>An estimate of a text's width in pixels: no font is at hand when a chart is written.</summary>
    public static double TextWidth(string text, double size) => size * text.Sum(Advance);

    static double Advance(char c) => c switch
    {
        'i' or 'j' or 'l' or '.' or ',' or ':' or ';' or '\'' or '|' or '!' or 'I' => 0.29,
        'f' or 't' or 'r' or ' ' or '(' or ')' or '-' or '/' => 0.37,
        'm' or 'w' or 'M' or 'W' or '@' or '%' => 0.88,
        >= 'A' and <= 'Z' => 0.69,
        > '\u2fff' => 1.0,
        _ => 0.57,
    };
}
