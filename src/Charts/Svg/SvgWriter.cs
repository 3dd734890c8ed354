// Writes SVG elements: numbers in the invariant culture with two decimals, every text escaped. A document carries the colours that take
// the place of its own on a dark page; whoever knows no `light-dark` shows the light ones.

using System.Globalization;
using System.Text;

namespace Charts;

sealed class SvgWriter
{
    readonly StringBuilder xml = new();

    public void Line(double x1, double y1, double x2, double y2, string stroke, double width = 1, string? dash = null) =>
        Raw($"""<line x1="{N(x1)}" y1="{N(y1)}" x2="{N(x2)}" y2="{N(y2)}" stroke="{stroke}" stroke-width="{N(width)}"{Dash(dash)}/>""");

    public void Rectangle(double x, double y, double width, double height, string fill, string? stroke = null, string? dash = null, double opacity = 1) =>
        Raw($"""<rect x="{N(x)}" y="{N(y)}" width="{N(Math.Max(0, width))}" height="{N(Math.Max(0, height))}" fill="{fill}"{Opacity(opacity)}{Stroke(stroke, 1.5)}{Dash(dash)}/>""");

    public void Polyline(IEnumerable<(double X, double Y)> points, string stroke, string? dash = null, double width = 2.25) =>
        Raw($"""<polyline fill="none" stroke="{stroke}" stroke-width="{N(width)}" stroke-linejoin="round" stroke-linecap="round"{Dash(dash)} points="{Points(points)}"/>""");

    public void Polygon(IEnumerable<(double X, double Y)> points, string fill, double opacity) =>
        Raw($"""<polygon fill="{fill}"{Opacity(opacity)} points="{Points(points)}"/>""");

    /// <summary>Closed areas as one shape; what winds the other way is a hole.</summary>
    public void Area(IEnumerable<IReadOnlyList<(double X, double Y)>> rings, string fill, string? stroke, double width)
    {
        var path = string.Concat(rings.Select(ring => "M" + string.Join('L', ring.Select(p => $"{N(p.X)} {N(p.Y)}")) + "Z"));
        if (path.Length > 0) Raw($"""<path d="{path}" fill="{fill}"{Stroke(stroke, width)}/>""");
    }

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

    /// <summary>Many small round points as one element.</summary>
    public void Dots(IEnumerable<(double X, double Y)> points, string colour, double size, double opacity) =>
        Raw($"""<path d="{string.Concat(points.Select(p => $"M{N1(p.X)} {N1(p.Y)}h0"))}" fill="none" stroke="{colour}" stroke-width="{N(size)}" stroke-linecap="round"{(opacity < 1 ? $" stroke-opacity=\"{N(opacity)}\"" : "")}/>""");

    /// <summary>Writes a line of text; <paramref name="anchor"/> (start, middle, end) says where in it <paramref name="x"/> lies.</summary>
    /// <param name="x">Pixels from the left.</param>
    /// <param name="y">The baseline, pixels from the top.</param>
    /// <param name="text">The words.</param>
    /// <param name="size">Pixels.</param>
    /// <param name="fill">The colour.</param>
    /// <param name="anchor">Where in the text x lies.</param>
    /// <param name="bold">Heavier.</param>
    /// <param name="halo">A border in the background's colour, for words over a drawing.</param>
    /// <param name="turn">Degrees clockwise around (x, y).</param>
    public void Text(double x, double y, string text, double size, string fill, string anchor = "start", bool bold = false, bool halo = false, double turn = 0)
    {
        if (text.Length == 0) return;
        var weight = bold ? " font-weight=\"600\"" : "";
        var border = halo ? $" stroke=\"{Style.Background}\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"" : "";
        var turned = turn == 0 ? "" : $" transform=\"rotate({N(turn)} {N(x)} {N(y)})\"";
        Raw($"""<text x="{N(x)}" y="{N(y)}" font-size="{N(size)}" fill="{fill}" text-anchor="{anchor}"{weight}{border}{turned}>{Escape(text)}</text>""");
    }

    /// <summary>Pixels of a picture, stretched without smoothing.</summary>
    public void Image(double x, double y, double width, double height, string png) =>
        Raw($"""<image x="{N(x)}" y="{N(y)}" width="{N(width)}" height="{N(height)}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{png}"/>""");

    /// <summary>Elements in a frame of their own, cut at its edges.</summary>
    public void Frame(double x, double y, double width, double height, string elements) =>
        Raw($"""<svg x="{N(x)}" y="{N(y)}" width="{N(width)}" height="{N(height)}" overflow="hidden">{elements}</svg>""");

    /// <summary>Elements cut at the edges of a rectangle; their coordinates stay the drawing's.</summary>
    public void Clip(double x, double y, double width, double height, string elements) => Raw(
        $"""<svg x="{N(x)}" y="{N(y)}" width="{N(width)}" height="{N(height)}" viewBox="{N(x)} {N(y)} {N(width)} {N(height)}" overflow="hidden">{elements}</svg>""");

    /// <summary>The elements written so far.</summary>
    public string Elements => xml.ToString();

    /// <summary>A whole document around <paramref name="elements"/>.</summary>
    public static string Document(double width, double height, string description, string elements)
    {
        elements = $"<rect width=\"100%\" height=\"100%\" fill=\"{Style.Background}\"/>{elements}";
        return $"""<svg xmlns="http://www.w3.org/2000/svg" class="wb-chart" viewBox="0 0 {N(width)} {N(height)}" width="{N(width)}" height="{N(height)}" role="img" aria-label="{Escape(description)}" style="max-width:100%;height:auto" font-family="{Style.Font}"><style>{DarkStyle(elements)}</style>{elements}</svg>""";
    }

    // A document that stands alone, or as an image, follows its reader's choice; one inside a page the page's.
    static string DarkStyle(string elements) => "svg.wb-chart:root{color-scheme:light dark}" + string.Concat(
        from colour in Style.DarkPartners
        from paint in new[] { "fill", "stroke" }
        where elements.Contains($"{paint}=\"{colour.Light}\"", StringComparison.Ordinal)
        select $".wb-chart [{paint}=\"{colour.Light}\"]{{{paint}:light-dark({colour.Light},{colour.Dark})}}");

    void Raw(string element) => xml.Append(element).Append('\n');

    static string Points(IEnumerable<(double X, double Y)> points) => string.Join(' ', points.Select(p => $"{N1(p.X)},{N1(p.Y)}"));

    static string Dash(string? dash) => dash is null ? "" : $" stroke-dasharray=\"{dash}\"";

    static string Opacity(double opacity) => opacity < 1 ? $" fill-opacity=\"{N(opacity)}\"" : "";

    static string Stroke(string? stroke, double width) => stroke is null ? "" : $" stroke=\"{stroke}\" stroke-width=\"{N(width)}\"";

    internal static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    // A tenth of a pixel is finer than the eye, and keeps long lines short.
    static string N1(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

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
