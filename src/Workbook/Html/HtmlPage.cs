// An executed notebook as one self-contained HTML file: markdown, highlighted C#, outputs. It needs no network, and
// shows everything without scripts too; where they run, charts can be zoomed into.

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
    private static readonly string[] Preference = [MimeBundle.Html, MimeBundle.Svg, MimeBundle.Markdown, "image/png", "image/jpeg", MimeBundle.Plain];

    private static readonly string Style = ReadStyle();

    /// <summary>The page; its title is the first heading of the notebook or <paramref name="name"/>.</summary>
    /// <param name="notebook">What to show.</param>
    /// <param name="name">The title of a notebook without a heading.</param>
    /// <param name="links">HTML above and below the notebook: the way to other pages.</param>
    public static string Render(Notebook notebook, string name, string links = "") =>
        Document(Heading(notebook) ?? name, links + string.Concat(notebook.Cells.Select(Cell)) + links);

    /// <summary>The text of the first heading, without marks of emphasis or code.</summary>
    internal static string? Heading(Notebook notebook) =>
        notebook.Cells.Where(cell => cell.Type == "markdown").SelectMany(cell => cell.Source.Split('\n'))
            .FirstOrDefault(line => line.StartsWith("# ", StringComparison.Ordinal))?[2..].Replace("`", "").Replace("*", "").Trim();

    /// <summary>A whole document around the body's HTML.</summary>
    internal static string Document(string title, string body) => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{WebUtility.HtmlEncode(title)}</title>
        <style>
        {Style}
        </style>
        </head>
        <body>
        <main>
        {body}</main>
        </body>
        </html>

        """;

    /// <summary>The anchor of a cell, for links from other pages.</summary>
    internal static string Anchor(string cellId) => "cell-" + cellId;

    private static string Cell(NotebookCell cell) => cell.Type switch
    {
        "markdown" => $"<section class=\"markdown\">\n{MarkdownHtml.Render(cell.Source)}</section>\n",
        "code" => Code(cell),
        _ => $"<section class=\"raw\"><pre>{WebUtility.HtmlEncode(cell.Source)}</pre></section>\n",
    };

    private static string Code(NotebookCell cell)
    {
        var html = new StringBuilder($"<section class=\"code\"{(cell.Id is { } id ? $" id=\"{WebUtility.HtmlEncode(Anchor(id))}\"" : "")}>\n");
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

    /// <summary>Text as a terminal would leave it, without its colours.</summary>
    private static string Terminal(string text) =>
        WebUtility.HtmlEncode(System.Text.RegularExpressions.Regex.Replace(TerminalText.Settled(text), @"\x1b\[[0-9;]*[A-Za-z]", ""));

    private static string ReadStyle()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("style.css")!;
        return new StreamReader(stream).ReadToEnd();
    }
}
