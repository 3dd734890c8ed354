// A table as plain text, Markdown and CSV.

using System.Collections.Immutable;
using System.Globalization;

namespace Charts;

static class TableText
{
    public static string Plain(Table table)
    {
        var widths = table.Headings.Select((heading, i) => table.Rows.Select(row => row[i].Length).Append(heading.Length).Max()).ToArray();
        var lines = new List<string> { Row(table.Headings), string.Join("  ", widths.Select(w => new string('-', w))) };
        lines.AddRange(table.Rows.Select(Row));
        if (table.CaptionText.Length > 0) lines.Add(table.CaptionText);
        return string.Join("\n", lines);

        string Row(ImmutableArray<string> cells) => string.Join("  ",
            cells.Select((cell, i) => table.Numeric[i] ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd();
    }

    public static string Markdown(Table table)
    {
        var lines = new List<string> { Row(table.Headings), "|" + string.Concat(table.Numeric.Select(n => n ? "---:|" : "---|")) };
        lines.AddRange(table.Rows.Select(Row));
        return string.Join("\n", lines) + (table.CaptionText.Length > 0 ? "\n\n" + table.CaptionText : "") + "\n";

        static string Row(ImmutableArray<string> cells) => "| " + string.Join(" | ", cells.Select(Cell)) + " |";

        // What a cell may not hold, and what would be read as markup.
        static string Cell(string text)
        {
            foreach (var mark in new[] { "\\", "|", "*", "_", "`", "<", "[" }) text = text.Replace(mark, "\\" + mark, StringComparison.Ordinal);
            return text.ReplaceLineEndings(" ");
        }
    }

    /// <summary>Numbers as they are, not as they are shown: whoever reads the file counts with them.</summary>
    public static string Csv(Table table)
    {
        var lines = table.Rows.Select((row, r) => row.Select((cell, c) => table.Numbers[r][c]?.ToString("R", CultureInfo.InvariantCulture) ?? cell)).Prepend(table.Headings);
        return string.Concat(lines.Select(line => string.Join(",", line.Select(Quote)) + "\r\n"));

        static string Quote(string cell) => cell.AsSpan().IndexOfAny(",\"\n\r") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
