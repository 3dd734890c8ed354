// A small table from records: HTML for pages, aligned plain text for terminals, numbers with sensible digits.

using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;

namespace Charts;

/// <summary>Rows of texts under headings. Columns of numbers are right-aligned.</summary>
[TypeFormatterSource(typeof(TableFormatters), PreferredMimeTypes = [Mime.Html, Mime.Plain])]
public sealed record Table(ImmutableArray<string> Headings, ImmutableArray<ImmutableArray<string>> Rows, ImmutableArray<bool> Numeric)
{
    /// <summary>Sentences below the table: how to read it.</summary>
    public string CaptionText { get; init; } = "";

    /// <summary>A table with the given columns.</summary>
    /// <param name="rows">One record for each row.</param>
    /// <param name="columns">Each column's heading and value. Numbers are formatted; give a string to format it yourself.</param>
    public static Table Of<T>(IEnumerable<T> rows, params (string Heading, Func<T, object?> Value)[] columns)
    {
        var cells = rows.Select(row => columns.Select(c => c.Value(row)).ToArray()).ToArray();
        return new(
            [.. columns.Select(c => c.Heading)],
            [.. cells.Select(row => row.Select(Format).ToImmutableArray())],
            [.. columns.Select((_, i) => cells.Length > 0 && cells.All(row => row[i] is null || IsNumber(row[i])) && cells.Any(row => row[i] is not null))]);
    }

    /// <summary>A table with a column for each public property; "TrainableParameters" is headed "trainable parameters".</summary>
    public static Table Of<T>(IEnumerable<T> rows) => Of(rows, [.. typeof(T)
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => p.GetMethod is not null && p.GetIndexParameters().Length == 0)
        .Select(p => (Words(p.Name), (Func<T, object?>)(row => p.GetValue(row))))]);

    /// <summary>Sets the sentences below the table.</summary>
    public Table Caption(string text) => this with { CaptionText = text };

    /// <summary>The table as HTML, everything escaped.</summary>
    public string ToHtml()
    {
        var html = new StringBuilder("""<table class="lesson-table" style="border-collapse:collapse;font-variant-numeric:tabular-nums">""");
        html.Append("<thead><tr>");
        for (var i = 0; i < Headings.Length; i++) Cell("th", i, Headings[i], "border-bottom:2px solid #8c959f;");
        html.Append("</tr></thead><tbody>");
        foreach (var row in Rows)
        {
            html.Append("<tr>");
            for (var i = 0; i < row.Length; i++) Cell("td", i, row[i], "border-bottom:1px solid #e6e8eb;");
            html.Append("</tr>");
        }
        html.Append("</tbody>");
        if (CaptionText.Length > 0)
            html.Append($"""<caption style="caption-side:bottom;text-align:left;padding-top:6px">{WebUtility.HtmlEncode(CaptionText)}</caption>""");
        return html.Append("</table>").ToString();

        void Cell(string tag, int column, string text, string style) => html.Append(
            $"""<{tag} style="{style}padding:4px 12px;text-align:{(Numeric[column] ? "right" : "left")}">{WebUtility.HtmlEncode(text)}</{tag}>""");
    }

    /// <summary>The table in aligned plain text.</summary>
    public override string ToString()
    {
        var widths = Headings.Select((heading, i) => Rows.Select(row => row[i].Length).Append(heading.Length).Max()).ToArray();
        var lines = new List<string> { Row(Headings), string.Join("  ", widths.Select(w => new string('-', w))) };
        lines.AddRange(Rows.Select(Row));
        if (CaptionText.Length > 0) lines.Add(CaptionText);
        return string.Join("\n", lines);

        string Row(ImmutableArray<string> cells) => string.Join("  ",
            cells.Select((cell, i) => Numeric[i] ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd();
    }

    static string Format(object? value) => value switch
    {
        null => "",
        bool truth => truth ? "yes" : "no",
        _ when IsNumber(value) => Numbers.Cell(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    static bool IsNumber(object? value) =>
        value is sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal;

    // "TrainableParameters" → "trainable parameters"; "MB" stays.
    static string Words(string name)
    {
        var words = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            bool upper = char.IsUpper(name[i]), last = i + 1 == name.Length, abbreviation = upper && (last || char.IsUpper(name[i + 1]));
            if (upper && i > 0 && char.IsLower(name[i - 1])) words.Append(' ');
            words.Append(upper && !abbreviation ? char.ToLowerInvariant(name[i]) : name[i]);
        }
        return words.ToString();
    }
}
