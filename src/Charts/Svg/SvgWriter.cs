// Writes SVG elements: numbers in the invariant culture with two decimals, every text escaped.

using System.Globalization;
using System.Text;

namespace Charts;

sealed class SvgWriter
{
    readonly StringBuilder xml = new();

    public void Line(double x1, double y1, double x2, double y2, string stroke, double width = 1, string? dash = null) =>
        Raw($"""<line x1="{N(x1)}" y1="{N(y1)}" x2="{N(x2)}" y2="{N(y2)}" stroke="{stroke}" stroke-width="{N(width)}"{Dash(dash)}/>""");

    public void Rectangle(double x, double y, double width, double height, string fill, string? stroke = null, string? dash = null) =>
        Raw($"""<rect x="{N(x)}" y="{N(y)}" width="{N(Math.Max(0, width))}" height="{N(Math.Max(0, height))}" fill="{fill}"{Stroke(stroke, 1.5)}{Dash(dash)}/>""");

    public void Polyline(IEnumerable<(double X, double Y)> points, string stroke, string? dash = null) =>
        Raw($"""<polyline fill="none" stroke="{stroke}" stroke-width="2.25" stroke-linejoin="round" stroke-linecap="round"{Dash(dash)} points="{string.Join(' ', points.Select(p => $"{N(p.X)},{N(p.Y)}"))}"/>""");

    /// <summary>A series' marker, filled or hollow.</summary>
    public void Marker(string shape, double x, double y, string colour, bool hollow)
    {
        const double r = 4;
        var paint = hollow ? $"""fill="{Style.Background}" stroke="{colour}" stroke-width="1.75" """ : $"""fill="{colour}" stroke="{Style.Background}" stroke-width="1" """;
        Raw(shape switch
        {
            "square" => $"""<rect x="{N(x - r + 0.5)}" y="{N(y - r + 0.5)}" width="{N(2 * r - 1)}" height="{N(2 * r - 1)}" {paint}/>""",
            "diamond" => $"""<path d="M{N(x)} {N(y - r - 1)} L{N(x + r + 1)} {N(y)} L{N(x)} {N(y + r + 1)} L{N(x - r - 1)} {N(y)} Z" {paint}/>""",
            "triangle-up" => $"""<path d="M{N(x)} {N(y - r - 1)} L{N(x + r + 0.5)} {N(y + r - 0.5)} L{N(x - r - 0.5)} {N(y + r - 0.5)} Z" {paint}/>""",
            _ => $"""<circle cx="{N(x)}" cy="{N(y)}" r="{N(r)}" {paint}/>""",
        });
    }

    /// <summary>Writes a line of text; <paramref name="anchor"/> (start, middle, end) says where in it <paramref name="x"/> lies.</summary>
    public void Text(double x, double y, string text, double size, string fill, string anchor = "start", bool bold = false)
    {
        if (text.Length == 0) return;
        var weight = bold ? " font-weight=\"600\"" : "";
        Raw($"""<text x="{N(x)}" y="{N(y)}" font-size="{N(size)}" fill="{fill}" text-anchor="{anchor}"{weight}>{Escape(text)}</text>""");
    }

    /// <summary>Elements in a frame of their own, cut at its edges.</summary>
    public void Frame(double x, double y, double width, double height, string elements) =>
        Raw($"""<svg x="{N(x)}" y="{N(y)}" width="{N(width)}" height="{N(height)}" overflow="hidden">{elements}</svg>""");

    /// <summary>The elements written so far.</summary>
    public string Elements => xml.ToString();

    /// <summary>A whole document around <paramref name="elements"/>.</summary>
    public static string Document(double width, double height, string description, string elements) =>
        $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {N(width)} {N(height)}" width="{N(width)}" height="{N(height)}" role="img" aria-label="{Escape(description)}" style="max-width:100%;height:auto" font-family="{Style.Font}"><rect width="100%" height="100%" fill="{Style.Background}"/>{elements}</svg>""";

    void Raw(string element) => xml.Append(element).Append('\n');

    static string Dash(string? dash) => dash is null ? "" : $" stroke-dasharray=\"{dash}\"";

    static string Stroke(string? stroke, double width) => stroke is null ? "" : $" stroke=\"{stroke}\" stroke-width=\"{N(width)}\"";

    internal static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    // XML allows no control characters, escaped or not, and no half of a surrogate pair.
    static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
            escaped.Append(rune.Value switch
            {
                '&' => "&amp;", '<' => "&lt;", '>' => "&gt;", '"' => "&quot;",
                '\n' or '\t' => " ",
                < 0x20 or 0xFFFE or 0xFFFF => "\uFFFD",
                _ => rune.ToString(),
            });
        return escaped.ToString();
    }
}
