// A sequence of objects as rows and columns; the HTML, text and CSV forms are all made from this.

using System.Collections;
using System.Text;

namespace Workbook.Formatting;

/// <summary>Column names, rows of values, and how many rows are not shown.</summary>
internal sealed record Table(string[] Columns, List<object?[]> Rows, int Left)
{
    public const int MaxRows = 100;

    /// <summary>The table of a dictionary or of a sequence whose items have members; null for anything else.</summary>
    public static Table? Of(object? value)
    {
        if (value is IDictionary map)
            return Collect(["key", "value"], map.Keys.Cast<object?>().Select(key => new[] { key, map[key!] }));
        var items = Shape.Items(value);
        if (items is null)
            return null;
        var peeked = items.Take(MaxRows + 1).ToList();
        if (peeked.Count == 0 || peeked.Any(item => item is null || Shape.IsScalar(item) || Shape.Items(item) is not null || ConventionFormatters.For(item.GetType()) is not null))
            return null;
        var members = peeked.Select(item => item!.GetType()).Distinct().SelectMany(Shape.Members).DistinctBy(member => member.Name).ToArray();
        int index = 0;
        var rows = items.Select(item =>
        {
            var own = Shape.Members(item!.GetType()).ToDictionary(member => member.Name);
            return members.Select(member => own.TryGetValue(member.Name, out var found) ? Shape.Read(found, item) : null).Prepend(index++).ToArray();
        });
        return Collect([.. members.Select(member => member.Name).Prepend("index")], rows);
    }

    private static Table Collect(string[] columns, IEnumerable<object?[]> rows)
    {
        var shown = new List<object?[]>();
        int left = 0;
        foreach (var row in rows)
        {
            if (shown.Count < MaxRows)
                shown.Add(row);
            else if (++left >= 1_000_000)
                break;
        }
        return new Table(columns, shown, left);
    }

    /// <summary>Columns padded with spaces, numbers to the right.</summary>
    public string ToText()
    {
        var cells = Rows.Select(row => row.Select(PlainText.Inline).ToArray()).ToList();
        var widths = Columns.Select((name, c) => Math.Max(name.Length, cells.Count == 0 ? 0 : cells.Max(row => row[c].Length))).ToArray();
        var text = new StringBuilder();
        Line([.. Columns], _ => true);
        for (int r = 0; r < Rows.Count; r++)
        {
            int row = r;
            Line(cells[r], c => Rows[row][c] is string);
        }
        if (Left > 0)
            text.Append($"… {Left} more\n");
        return text.ToString().TrimEnd('\n');

        void Line(string[] row, Func<int, bool> left)
        {
            var parts = row.Select((cell, c) => left(c) ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]));
            text.Append(string.Join("  ", parts).TrimEnd()).Append('\n');
        }
    }

    /// <summary>RFC 4180 with a header line.</summary>
    public string ToCsv()
    {
        var lines = Rows.Select(row => row.Select(PlainText.Inline)).Prepend(Columns);
        return string.Concat(lines.Select(line => string.Join(",", line.Select(Quote)) + "\n"));

        static string Quote(string cell) => cell.AsSpan().IndexOfAny(",\"\n\r") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"")}\"";
    }
}
