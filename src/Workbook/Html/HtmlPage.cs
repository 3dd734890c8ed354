// An executed notebook as one self-contained HTML file: markdown, highlighted C#, outputs. It needs no network and no script.

using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using Workbook.Formatting;
using Workbook.Notebooks;

namespace Workbook.Html;

/// <summary>Renders notebooks.</summary>
public static class HtmlPage
{
    /// <summary>From the best to show to the last resort.</summary>
    private static readonly string[] Preference = [MimeBundle.Svg, MimeBundle.Html, MimeBundle.Markdown, "image/png", "image/jpeg", MimeBundle.Plain];

    private static readonly string Style = ReadStyle();

    /// <summary>The page; its title is the first heading of the notebook or <paramref name="name"/>.</summary>
    public static string Render(Notebook notebook, string name)
    {
        string? heading = notebook.Cells.Where(cell => cell.Type == "markdown").SelectMany(cell => cell.Source.Split('\n'))
            .FirstOrDefault(line => line.StartsWith("# ", StringComparison.Ordinal));
        var page = new StringBuilder();
        page.Append($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{WebUtility.HtmlEncode(heading?[2..].Trim() ?? name)}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <main>

            """);
        foreach (var cell in notebook.Cells)
            page.Append(Cell(cell));
        return page.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static string Cell(NotebookCell cell) => cell.Type switch
    {
        "markdown" => $"<section class=\"markdown\">\n{MarkdownHtml.Render(cell.Source)}</section>\n",
        "code" => Code(cell),
        _ => $"<section class=\"raw\"><pre>{WebUtility.HtmlEncode(cell.Source)}</pre></section>\n",
    };

    private static string Code(NotebookCell cell)
    {
        var html = new StringBuilder("<section class=\"code\">\n");
        string number = cell.ExecutionCount is { } count ? $"{count}" : "";
        if (cell.Source.Trim().Length > 0)
            html.Append($"<div class=\"source\"><span class=\"number\">{number}</span><pre><code>{CSharpHighlighter.Highlight(cell.Source)}</code></pre></div>\n");
        foreach (var output in cell.Outputs.OfType<JsonObject>())
            html.Append(Output(output));
        return html.Append("</section>\n").ToString();
    }

    private static string Output(JsonObject output) => output["output_type"]?.GetValue<string>() switch
    {
        "stream" => $"<pre class=\"output {output["name"]?.GetValue<string>()}\">{Terminal(NotebookJson.Join(output["text"]))}</pre>\n",
        "error" => $"<pre class=\"output error\">{Terminal(string.Join("\n", output["traceback"]?.AsArray().Select(line => line?.GetValue<string>()) ?? []))}</pre>\n",
        _ => output["data"] is JsonObject data ? $"<div class=\"output\">{Data(MimeBundle.FromJson(data))}</div>\n" : "",
    };

    private static string Data(MimeBundle bundle)
    {
        string? mime = Array.Find(Preference, bundle.ContainsKey);
        string content = mime is null ? "" : bundle[mime];
        return mime switch
        {
            MimeBundle.Svg or MimeBundle.Html => content,
            MimeBundle.Markdown => MarkdownHtml.Render(content),
            "image/png" or "image/jpeg" => $"<img alt=\"\" src=\"data:{mime};base64,{content.ReplaceLineEndings("")}\">",
            MimeBundle.Plain => $"<pre>{WebUtility.HtmlEncode(content)}</pre>",
            _ => $"<pre>{WebUtility.HtmlEncode(string.Join("\n", bundle.Keys))}</pre>",
        };
    }

    /// <summary>Text as a terminal would leave it: a carriage return begins the line anew, colours are dropped.</summary>
    private static string Terminal(string text)
    {
        var lines = text.Replace("\r\n", "\n").Split('\n').Select(line => line.Contains('\r') ? line.Split('\r', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("") : line);
        return WebUtility.HtmlEncode(System.Text.RegularExpressions.Regex.Replace(string.Join("\n", lines), @"\x1b\[[0-9;]*[A-Za-z]", ""));
    }

    private static string ReadStyle()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("style.css")!;
        return new StreamReader(stream).ReadToEnd();
    }
}
