// plotly.js, which draws charts that a reader can zoom into. It is not part of this project: the set-up puts plotly.min.js beside this
// assembly (or PLOTLY_JS names one), and a notebook's first cell displays Plotly.Library, once. Without it charts are static pictures.

namespace Charts;

/// <summary>The copy of plotly.js that is at hand.</summary>
public static class Plotly
{
    static readonly Lazy<string?> Script = new(Read);

    /// <summary>Whether there is one.</summary>
    public static bool IsThere => Script.Value is not null;

    /// <summary>Display this once in a notebook: it brings plotly.js into the page, with no network. It shows nothing itself.</summary>
    public static PlotlyLibrary Library { get; } = new();

    /// <summary>The script's text; null where there is none.</summary>
    internal static string? Text => Script.Value;

    static string? Read()
    {
        var named = Environment.GetEnvironmentVariable("PLOTLY_JS");
        var path = string.IsNullOrEmpty(named) ? Path.Combine(Path.GetDirectoryName(typeof(Plotly).Assembly.Location) ?? "", "plotly.min.js") : named;
        try
        {
            var text = File.ReadAllText(path);
            return text.Contains("</script", StringComparison.OrdinalIgnoreCase) ? null : text;     // it could not stand in a page
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>What <see cref="Plotly.Library"/> displays.</summary>
[TypeFormatterSource(typeof(PlotlyLibraryFormatters), PreferredMimeTypes = [Mime.Html, Mime.Plain])]
public sealed class PlotlyLibrary
{
    internal PlotlyLibrary()
    {
    }

    /// <summary>A script element with plotly.js, hidden from module loaders that a page may have; nothing where there is no copy.</summary>
    public string ToHtml() => Plotly.Text is { } script
        ? $"<script>if(!window.Plotly)(function(define,module,exports){{{script}\n}}).call(window);</script>" : "";

    /// <summary>No words.</summary>
    public override string ToString() => "";
}
