// A chart in a web page: the static drawing as an image (with a second one for narrow pages), which shows wherever scripts don't run; where
// plotly.js is in the page (see Plotly.Library), a script draws the same chart with it and hides the image, except on paper.

using System.Net;
using System.Reflection;
using System.Text;

namespace Charts;

static class ChartHtml
{
    static readonly string Script = Resource("chart.js")
        .Replace("COLOURS", "[" + string.Join(",", Style.DarkPartners.Select(c => $"[\"{c.Light}\",\"{c.Dark}\"]")) + "]", StringComparison.Ordinal);

    public static string Render(Canvas canvas)
    {
        canvas = canvas.OnPage();
        var id = "wb-" + Guid.NewGuid().ToString("n")[..12];
        var live = canvas.Charts.Select(c => c.Plot.Chart.LiveName).FirstOrDefault(name => name.Length > 0) ?? "";
        var html = $"""<div class="wb-figure" id="{id}">{Picture(canvas)}</div>""";
        return Plotly.IsThere ? $"{html}<script>{Script}workbookChart(\"{id}\",{PlotlyFigure.RenderBoth(canvas)},{Json(live)});</script>" : html;
    }

    /// <summary>The static drawing as an image; a narrow page takes a narrow drawing.</summary>
    public static string Picture(Canvas canvas)
    {
        var narrow = canvas.Narrow();
        var source = ReferenceEquals(narrow, canvas) ? "" : $"""<source media="(max-width: {canvas.Width * 0.9:0}px)" srcset="{DataUri(narrow)}">""";
        return $"""<picture>{source}<img alt="{WebUtility.HtmlEncode(canvas.Description)}" src="{DataUri(canvas)}" style="max-width:100%"></picture>""";
    }

    public static string DataUri(Canvas canvas) => "data:image/svg+xml;base64," + Convert.ToBase64String(Encoding.UTF8.GetBytes(SvgChart.Render(canvas)));

    /// <summary>A text as a literal that can stand in a script element.</summary>
    public static string Json(string text) => System.Text.Json.JsonSerializer.Serialize(text);

    /// <summary>A script of this assembly, without its comments.</summary>
    public static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var lines = new StreamReader(stream).ReadToEnd().Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal));
        return string.Join("\n", lines) + "\n";
    }
}
