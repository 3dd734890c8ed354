// A value as HTML: a table for a sequence of objects, a property table for one object, <pre> for everything else.

using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Workbook.Formatting;

/// <summary>The text/html form of any value.</summary>
internal static class HtmlFormatter
{
    /// <summary>The value as an HTML fragment.</summary>
    public static string Format(object? value)
    {
        if (value is HtmlContent html)
            return html.Text;
        if (value is null || Shape.IsScalar(value) || value is ITuple)
            return Pre(PlainText.Format(value));
        if (Table.Of(value) is { } table)
            return FormatTable(table);
        return Shape.Items(value) is null ? Properties(value) : Sequence(value);
    }

    private static string Pre(string text) => $"<div class=\"dni-plaintext\"><pre>{WebUtility.HtmlEncode(text)}</pre></div>";

    /// <summary>A list whose items show themselves (charts in an array) is drawn one below the other.</summary>
    private static string Sequence(object value)
    {
        var items = Shape.Items(value)!.Take(Table.MaxRows).ToList();
        bool any = items.Any(item => item is HtmlContent || (item is not null && ConventionFormatters.For(item.GetType()) is not null));
        return any ? string.Concat(items.Select(item => $"<div>{Nested(item)}</div>")) : Pre(PlainText.Format(value));
    }

    private static string FormatTable(Table table)
    {
        var html = new StringBuilder("<table><thead><tr>");
        foreach (string column in table.Columns)
            html.Append($"<th>{WebUtility.HtmlEncode(column)}</th>");
        html.Append("</tr></thead><tbody>");
        foreach (var row in table.Rows)
            html.Append("<tr>").AppendJoin("", row.Select(cell => $"<td>{Nested(cell)}</td>")).Append("</tr>");
        html.Append("</tbody></table>");
        if (table.Left > 0)
            html.Append($"<p>… {table.Left} more</p>");
        return html.ToString();
    }

    private static string Properties(object value)
    {
        var html = new StringBuilder($"<details open><summary><code>{WebUtility.HtmlEncode(PlainText.TypeName(value.GetType()))}</code></summary><table><tbody>");
        foreach (var member in Shape.Members(value.GetType()))
            html.Append($"<tr><td>{WebUtility.HtmlEncode(member.Name)}</td><td>{Nested(Shape.Read(member, value))}</td></tr>");
        return html.Append("</tbody></table></details>").ToString();
    }

    /// <summary>A value inside a table: its own formatter's HTML or SVG, else one line of text.</summary>
    private static string Nested(object? value)
    {
        if (value is HtmlContent html)
            return html.Text;
        var convention = value is null ? null : ConventionFormatters.For(value.GetType());
        string? own = convention?.Format(MimeBundle.Html, value!) ?? convention?.Format(MimeBundle.Svg, value!);
        return own ?? WebUtility.HtmlEncode(value is string text ? text : PlainText.Inline(value));
    }
}
