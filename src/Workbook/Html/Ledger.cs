// The claims ledger: what the papers claim and what became of it here, gathered from the claims that executed notebooks carry in their
// outputs. Nothing is written here by hand: a row is an assertion of a cell, and leads to it.

using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Charts;
using Workbook.Notebooks;

namespace Workbook.Html;

/// <summary>A claim and the cell that tested it. <paramref name="Cell"/> is null before nbformat 4.5.</summary>
internal sealed record LedgerRow(string Notebook, string? Cell, Claim Claim)
{
    /// <summary>The cell on the site.</summary>
    public string Link => Uri.EscapeDataString(Notebook) + ".html" + (Cell is null ? "" : "#" + HtmlPage.Anchor(Cell));
}

/// <summary>The claims of executed notebooks, in their order.</summary>
internal sealed class Ledger
{
    private Ledger(IReadOnlyList<(string Title, IReadOnlyList<LedgerRow> Rows)> lessons) => Lessons = lessons;

    /// <summary>The lessons that have claims.</summary>
    public IReadOnlyList<(string Title, IReadOnlyList<LedgerRow> Rows)> Lessons { get; }

    private IEnumerable<LedgerRow> Rows => Lessons.SelectMany(lesson => lesson.Rows);

    /// <summary>Gathers the claims.</summary>
    /// <param name="notebooks">Executed notebooks with their names.</param>
    public static Ledger Of(IEnumerable<(string Name, Notebook Notebook)> notebooks) => new([.. notebooks
        .Select(one => (HtmlPage.Heading(one.Notebook) ?? one.Name, (IReadOnlyList<LedgerRow>)[.. Claims(one.Name, one.Notebook)]))
        .Where(lesson => lesson.Item2.Count > 0)]);

    /// <summary>"31 claims: 20 reproduced, 8 not at this size, 3 confounded".</summary>
    public string Summary() => $"{Rows.Count()} {(Rows.Count() == 1 ? "claim" : "claims")}: "
        + string.Join(", ", Rows.GroupBy(row => row.Claim.Words).OrderBy(group => group.First().Claim.Verdict).Select(group => $"{group.Count()} {group.Key}"));

    /// <summary>The ledger for the site's first page; empty without a claim.</summary>
    public string ToHtml()
    {
        if (Lessons.Count == 0) return "";
        var html = new StringBuilder($"""
            <h2 id="claims">What the papers claim, and what came out here</h2>
            <p>{WebUtility.HtmlEncode(Summary())}. Each line is a test of a lesson: it leads to the cell that measures, and the lesson fails where the verdict no longer holds.</p>
            <div class="ledger"><table><thead><tr><th>claim</th><th>came out?</th><th>measured here</th></tr></thead>

            """.ReplaceLineEndings("\n"));
        foreach (var (title, rows) in Lessons)
        {
            html.Append($"<tbody><tr><th colspan=\"3\" scope=\"rowgroup\">{WebUtility.HtmlEncode(title)}</th></tr>\n");
            foreach (var row in rows)
            {
                var claim = row.Claim;
                html.Append($"<tr><td>{WebUtility.HtmlEncode(claim.Text)} <small>{WebUtility.HtmlEncode(claim.Paper)}</small></td>");
                html.Append($"<td class=\"verdict\"><a href=\"{row.Link}\" style=\"color:{claim.Colour}\">{claim.Mark} {claim.Words}</a></td>");
                html.Append($"<td>{WebUtility.HtmlEncode(claim.Measured)}{(claim.Seeds.Length > 0 ? $" <small>{SeedWords(claim)}</small>" : "")}</td></tr>\n");
            }
            html.Append("</tbody>\n");
        }
        return html.Append("</table></div>\n").ToString();
    }

    /// <summary>The ledger as a page of Markdown, for places that show no site.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder($"# What the papers claim, and what came out here\n\n{Summary()}.\nWritten by `./workbook export` from the lessons' own assertions.\n");
        foreach (var (title, rows) in Lessons)
        {
            text.Append($"\n## {title}\n\n| claim | came out? | measured here | cell |\n| --- | --- | --- | --- |\n");
            foreach (var row in rows)
            {
                var claim = row.Claim;
                string[] cells = [$"{claim.Text} ({claim.Paper})", $"{claim.Mark} {claim.Words}",
                    claim.Measured + (claim.Seeds.Length > 0 ? $" ({SeedWords(claim)})" : ""), $"{row.Notebook}{(row.Cell is null ? "" : ", " + row.Cell)}"];
                text.Append($"| {string.Join(" | ", cells.Select(Escaped))} |\n");
            }
        }
        return text.ToString();
    }

    private static string Escaped(string text) => text.Replace("\\", "\\\\").Replace("|", "\\|").Replace("*", "\\*").Replace("_", "\\_").Replace("<", "\\<").ReplaceLineEndings(" ");

    private static string SeedWords(Claim claim) => $"{(claim.Seeds.Length == 1 ? "seed" : "seeds")} {string.Join(", ", claim.Seeds)}";

    private static IEnumerable<LedgerRow> Claims(string name, Notebook notebook) =>
        from cell in notebook.Cells
        where cell.Type == "code"
        from output in cell.Outputs.OfType<JsonObject>()
        let data = (output["data"] as JsonObject)?[Claim.MimeType]
        where data is not null
        let claim = Claim.FromJson(data.ToJsonString())
        where claim is not null
        select new LedgerRow(name, cell.Id, claim);
}
