// A table for a page. Its headings are sorted by on a click or Enter; without scripts it is a plain table.

using System.Globalization;
using System.Net;
using System.Text;

namespace Charts;

static class TableHtml
{
    public static string Render(Table table)
    {
        var sortable = table.Rows.Length > 1;
        var html = new StringBuilder("""<table class="lesson-table" style="border-collapse:collapse;font-variant-numeric:tabular-nums">""");
        html.Append("<thead><tr>");
        for (var i = 0; i < table.Headings.Length; i++) Heading(i);
        html.Append("</tr></thead><tbody>");
        for (var r = 0; r < table.Rows.Length; r++)
        {
            html.Append("<tr>");
            for (var c = 0; c < table.Rows[r].Length; c++) Cell(table.Rows[r][c], table.Numbers[r][c], table.Numeric[c]);
            html.Append("</tr>");
        }
        html.Append("</tbody>");
        if (table.CaptionText.Length > 0)
            html.Append($"""<caption style="caption-side:bottom;text-align:left;padding-top:6px">{WebUtility.HtmlEncode(table.CaptionText)}</caption>""");
        html.Append("</table>");
        return sortable ? $"{html}<script>{ChartHtml.Resource("table.js")}</script>" : html.ToString();

        void Heading(int column)
        {
            var numeric = table.Numeric[column];
            var sort = sortable ? $""" data-kind="{(numeric ? "number" : "words")}" tabindex="0" role="columnheader button" title="sort" onclick="workbookSort(this)" onkeydown="if(event.key==='Enter')workbookSort(this)" """ : "";
            var style = $"border-bottom:2px solid #8c959f;padding:4px 12px;text-align:{(numeric ? "right" : "left")}{(sortable ? ";cursor:pointer" : "")}";
            html.Append($"""<th scope="col"{sort} style="{style}">{WebUtility.HtmlEncode(table.Headings[column])}</th>""");
        }

        void Cell(string text, double? number, bool numeric)
        {
            var value = numeric && number is { } n && double.IsFinite(n) ? $" data-value=\"{n.ToString("R", CultureInfo.InvariantCulture)}\"" : "";
            html.Append($"""<td{value} style="border-bottom:1px solid #8c959f55;padding:4px 12px;text-align:{(numeric ? "right" : "left")}">{WebUtility.HtmlEncode(text)}</td>""");
        }
    }
}
