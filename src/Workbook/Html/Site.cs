// A folder of pages: one for each executed notebook, and an index that has what became of the papers' claims, and what each lesson is about.
// Every page is self-contained, so the folder works from a disk, a web server or an e-mail.

using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Workbook.Formatting;
using Workbook.Notebooks;

namespace Workbook.Html;

/// <summary>Writes a site of notebooks.</summary>
internal static class Site
{
    private const string Title = "Low-rank adaptation in C#";

    /// <summary>The ledger as Markdown.</summary>
    internal const string ClaimsFile = "claims.md";

    /// <summary>Writes NAME.html for each notebook, index.html and, where lessons test claims, <see cref="ClaimsFile"/>; what else lies in the folder stays.</summary>
    /// <param name="folder">Made if it is not there.</param>
    /// <param name="notebooks">Executed notebooks with their names, in the index's order.</param>
    public static void Write(string folder, IReadOnlyList<(string Name, Notebook Notebook)> notebooks)
    {
        Directory.CreateDirectory(folder);
        for (int i = 0; i < notebooks.Count; i++)
        {
            var (name, notebook) = notebooks[i];
            string links = Link(i > 0 ? notebooks[i - 1] : null, "← ") + "<a href=\"index.html\">all lessons</a>" + Link(i + 1 < notebooks.Count ? notebooks[i + 1] : null, "", " →");
            TextFile.Replace(Path.Combine(folder, name + ".html"), HtmlPage.Render(notebook, name, $"<nav class=\"site\">{links}</nav>\n"));
        }
        var ledger = Ledger.Of(notebooks);
        TextFile.Replace(Path.Combine(folder, "index.html"), HtmlPage.Document(Title, Index(notebooks, ledger)));
        if (ledger.Lessons.Count > 0)
            TextFile.Replace(Path.Combine(folder, ClaimsFile), ledger.ToMarkdown());
    }

    private static string Index(IReadOnlyList<(string Name, Notebook Notebook)> notebooks, Ledger ledger)
    {
        var html = new StringBuilder($"<h1>{Title}</h1>\n");
        if (ledger.Lessons.Count > 0)
            html.Append($"<p><a href=\"#lessons\">the lessons</a></p>\n{ledger.ToHtml()}<h2 id=\"lessons\">The lessons</h2>\n");
        html.Append("<ol class=\"lessons\">\n");
        foreach (var (name, notebook) in notebooks)
        {
            html.Append($"<li><h2><a href=\"{Uri.EscapeDataString(name)}.html\">{WebUtility.HtmlEncode(HtmlPage.Heading(notebook) ?? name)}</a></h2>\n");
            html.Append(MarkdownHtml.Render(FirstParagraph(notebook)));
            if (FirstPicture(notebook) is { } picture)
                html.Append($"<a class=\"picture\" href=\"{Uri.EscapeDataString(name)}.html\">{picture}</a>\n");
            html.Append("</li>\n");
        }
        return html.Append("</ol>\n").ToString();
    }

    private static string Link((string Name, Notebook Notebook)? to, string before, string after = "") => to is var (name, notebook)
        ? $"<a href=\"{Uri.EscapeDataString(name)}.html\">{before}{WebUtility.HtmlEncode(HtmlPage.Heading(notebook) ?? name)}{after}</a>" : "<span></span>";

    /// <summary>The first paragraph below the title.</summary>
    private static string FirstParagraph(Notebook notebook) =>
        notebook.Cells.Where(cell => cell.Type == "markdown").SelectMany(cell => cell.Source.Split("\n\n"))
            .FirstOrDefault(part => part.Trim() is { Length: > 0 } text && char.IsLetter(text.TrimStart('*', '_', '`')[0])) ?? "";

    private static string? FirstPicture(Notebook notebook) =>
        notebook.Cells.Where(cell => cell.Type == "code").SelectMany(cell => cell.Outputs.OfType<JsonObject>())
            .Select(output => output["data"] is JsonObject data ? MimeBundle.FromJson(data).GetValueOrDefault(MimeBundle.Svg) : null).FirstOrDefault(svg => svg is not null);
}
