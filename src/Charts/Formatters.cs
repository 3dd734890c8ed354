// How charts and tables show themselves in a C# notebook, without knowing any kernel: kernels look for an attribute of this name by
// convention, make the source, and ask each formatter (MimeType, Format). See "convention-based formatters" of .NET Interactive.

namespace Charts;

[AttributeUsage(AttributeTargets.Class)]
sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    public Type FormatterSourceType { get; } = formatterSourceType;
    public string[]? PreferredMimeTypes { get; set; }
}

static class Mime
{
    public const string Plotly = "application/vnd.plotly.v1+json", Svg = "image/svg+xml", Html = "text/html", Plain = "text/plain",
        Markdown = "text/markdown", Csv = "text/csv";
}

/// <summary>One representation of a value.</summary>
sealed class Formatter<T>(string mimeType, Func<T, string> render)
{
    public string MimeType { get; } = mimeType;

    public bool Format(object instance, TextWriter writer)
    {
        if (instance is not T value) return false;
        writer.Write(render(value));
        return true;
    }
}

sealed class ChartFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<Chart>(Mime.Plotly, chart => chart.ToPlotlyJson()),
        new Formatter<Chart>(Mime.Html, chart => chart.ToHtml()),
        new Formatter<Chart>(Mime.Svg, chart => chart.ToSvg()),
        new Formatter<Chart>(Mime.Plain, chart => chart.ToString()),
    ];
}

sealed class ChartRowFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<ChartRow>(Mime.Plotly, row => row.ToPlotlyJson()),
        new Formatter<ChartRow>(Mime.Html, row => row.ToHtml()),
        new Formatter<ChartRow>(Mime.Svg, row => row.ToSvg()),
        new Formatter<ChartRow>(Mime.Plain, row => row.ToString()),
    ];
}

sealed class SliderFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<Slider>(Mime.Html, slider => slider.ToHtml()),
        new Formatter<Slider>(Mime.Svg, slider => slider.ToSvg()),
        new Formatter<Slider>(Mime.Plain, slider => slider.ToString()),
    ];
}

sealed class PlotlyLibraryFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<PlotlyLibrary>(Mime.Html, library => library.ToHtml()),
        new Formatter<PlotlyLibrary>(Mime.Plain, library => library.ToString()),
    ];
}

sealed class ProgressFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<ProgressLine>(Mime.Html, line => line.ToHtml()),
        new Formatter<ProgressLine>(Mime.Plain, line => line.ToString()),
    ];
}

sealed class TableFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<Table>(Mime.Html, table => table.ToHtml()),
        new Formatter<Table>(Mime.Markdown, table => table.ToMarkdown()),
        new Formatter<Table>(Mime.Csv, table => table.ToCsv()),
        new Formatter<Table>(Mime.Plain, table => table.ToString()),
    ];
}

sealed class ClaimFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<Claim>(Claim.MimeType, claim => claim.ToJson()),
        new Formatter<Claim>(Mime.Html, claim => claim.ToHtml()),
        new Formatter<Claim>(Mime.Plain, claim => claim.ToString()),
    ];
}
