// The look shared by every lesson. Colours are those of Okabe and Ito (2008), which readers with any colour vision tell apart;
// their yellow is left out (unreadable on white), and each series has a marker of its own too. Names in a series' colour take a
// darker tone of it, and every colour has a partner for dark pages.

namespace Charts;

static class Style
{
    public const string Font = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif";
    public const string Ink = "#1b1f24", Muted = "#57606a", Grid = "#e6e8eb", AxisLine = "#8c959f", Background = "#ffffff";
    public const double TitleSize = 16, TextSize = 12.5, SmallSize = 11.5, LineHeight = 15;

    // stroke or fill, text, and their partners on dark
    static readonly (string Colour, string Text, string Dark)[] Series =
    [
        ("#0072B2", "#0067a1", "#4ca3f0"), ("#D55E00", "#b65000", "#f58b45"), ("#009E73", "#007f5c", "#33c79c"), ("#CC79A7", "#a9527f", "#e59ac6"),
        ("#E69F00", "#8f6200", "#f2b33d"), ("#56B4E9", "#1f7fb5", "#8fd2ff"), ("#000000", "#000001", "#f0f3f6"),
    ];

    static readonly string[] Markers = ["circle", "square", "diamond", "triangle-up"];

    /// <summary>The colour of a series' lines and areas.</summary>
    public static string Colour(int series) => Series[series % Series.Length].Colour;

    /// <summary>The colour of a series' name.</summary>
    public static string TextColour(int series) => Series[series % Series.Length].Text;

    /// <summary>Plotly's name of a series' marker.</summary>
    public static string Marker(int series) => Markers[series % Markers.Length];

    /// <summary>Every colour with what takes its place on a dark page.</summary>
    public static IEnumerable<(string Light, string Dark)> DarkPartners =>
    [
        (Background, "#14181c"), (Ink, "#dfe5ea"), (Muted, "#a3aeb9"), (Grid, "#2b333b"), (AxisLine, "#6f7a85"),
        .. Series.SelectMany(s => new[] { (s.Colour, s.Dark), (s.Text, s.Dark) }),
    ];

    /// <summary>Beyond this many points the markers would hide the line.</summary>
    public const int MostMarkers = 40;

    /// <summary>An estimate of a text's width in pixels, a little above the truth: no font is at hand when a chart is written.</summary>
    public static double TextWidth(string text, double size, bool bold = false) => size * text.Sum(Advance) * (bold ? 1.08 : 1);

    /// <summary>The text, cut with "…" where it is wider than <paramref name="width"/>.</summary>
    public static string Fit(string text, double size, double width, bool bold = false)
    {
        if (TextWidth(text, size, bold) <= width) return text;
        var length = text.Length;
        while (length > 1 && TextWidth(text[..length] + "…", size, bold) > width) length--;
        if (char.IsHighSurrogate(text[length - 1])) length--;
        return text[..length].TrimEnd() + "…";
    }

    static double Advance(char c) => c switch
    {
        'i' or 'j' or 'l' or '.' or ',' or ':' or ';' or '\'' or '|' or '!' or 'I' => 0.31,
        'f' or 't' or 'r' or ' ' or '(' or ')' or '-' or '/' => 0.4,
        'm' or 'w' or 'M' or 'W' or '@' or '%' => 0.92,
        >= 'A' and <= 'Z' => 0.71,
        > '\u2fff' => 1.0,
        _ => 0.61,
    };
}
