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
    public const string Plotly = "application/vnd.plotly.v1+json", Svg = "image/svg+xml", Html = "text/html", Plain = "text/plain";
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
        new Formatter<Chart>(Mime.Svg, chart => chart.ToSvg()),
        new Formatter<Chart>(Mime.Html, chart => chart.ToSvg()),
        new Formatter<Chart>(Mime.Plain, chart => chart.ToString()),
    ];
}

sealed class ChartRowFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<ChartRow>(Mime.Svg, row => row.ToSvg()),
        new Formatter<ChartRow>(Mime.Html, row => row.ToSvg()),
        new Formatter<ChartRow>(Mime.Plain, row => row.ToString()),
    ];
}

sealed class TableFormatters
{
    public IEnumerable<object> CreateTypeFormatters() =>
    [
        new Formatter<Table>(Mime.Html, table => table.ToHtml()),
        new Formatter<Table>(Mime.Plain, table => table.ToString()),
    ];
}
