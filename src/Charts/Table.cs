// A small table from records: numbers with sensible digits, aligned at the point. Out of it come HTML whose headings sort, aligned plain
// text, Markdown and CSV (TableText, TableHtml).

using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Charts;

/// <summary>Rows of texts under headings. Columns of numbers are right-aligned; <paramref name="Numbers"/> has what they are sorted by.</summary>
[TypeFormatterSource(typeof(TableFormatters), PreferredMimeTypes = [Mime.Html, Mime.Plain])]
public sealed record Table(ImmutableArray<string> Headings, ImmutableArray<ImmutableArray<string>> Rows, ImmutableArray<bool> Numeric, ImmutableArray<ImmutableArray<double?>> Numbers)
{
    /// <summary>Sentences below the table: how to read it.</summary>
    public string CaptionText { get; init; } = "";

    /// <summary>A table with the given columns.</summary>
    /// <param name="rows">One record for each row.</param>
    /// <param name="columns">Each column's heading and value. Numbers are formatted, a <see cref="Quantity"/> brings its unit; give a string to format it yourself.</param>
    public static Table Of<T>(IEnumerable<T> rows, params (string Heading, Func<T, object?> Value)[] columns)
    {
        var cells = rows.Select(row => columns.Select(c => c.Value(row)).ToArray()).ToArray();
        var formatted = Enumerable.Range(0, columns.Length).Select(c => Column([.. cells.Select(row => row[c])])).ToArray();
        return new(
            [.. columns.Select(c => c.Heading)],
            [.. cells.Select((_, r) => formatted.Select(texts => texts[r]).ToImmutableArray())],
            [.. columns.Select((_, c) => cells.Length > 0 && cells.All(row => row[c] is null || Number(row[c]) is not null) && cells.Any(row => row[c] is not null))],
            [.. cells.Select(row => row.Select(Number).ToImmutableArray())]);
    }

    /// <summary>A table with a column for each public property; "TrainableParameters" is headed "trainable parameters".</summary>
    public static Table Of<T>(IEnumerable<T> rows) => Of(rows, [.. typeof(T)
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => p.GetMethod is not null && p.GetIndexParameters().Length == 0)
        .Select(p => (Words(p.Name), (Func<T, object?>)(row => p.GetValue(row))))]);

    /// <summary>Sets the sentences below the table.</summary>
    public Table Caption(string text) => this with { CaptionText = text };

    /// <summary>The table as HTML, everything escaped; a click on a heading sorts by it.</summary>
    public string ToHtml() => TableHtml.Render(this);

    /// <summary>The table in Markdown.</summary>
    public string ToMarkdown() => TableText.Markdown(this);

    /// <summary>The table as comma-separated values (RFC 4180), numbers in full.</summary>
    public string ToCsv() => TableText.Csv(this);

    /// <summary>The table in aligned plain text.</summary>
    public override string ToString() => TableText.Plain(this);

    // Plain numbers of a column share their decimals, as many as the one with the most needs for four digits.
    static string[] Column(object?[] cells)
    {
        string[] texts = [.. cells.Select(Format)];
        int[] plain = [.. Enumerable.Range(0, cells.Length).Where(i => cells[i] is not Quantity && Number(cells[i]) is { } n && double.IsFinite(n) && !texts[i].Contains('×') && !texts[i].Contains('⁻'))];
        var decimals = plain.Select(i => texts[i].Length - 1 - texts[i].IndexOf('.')).Where((_, k) => texts[plain[k]].Contains('.')).DefaultIfEmpty(0).Max();
        if (decimals is > 0 and <= 6)
            foreach (var i in plain) texts[i] = Number(cells[i])!.Value.ToString("#,0." + new string('0', decimals), CultureInfo.InvariantCulture);
        return texts;
    }

    static string Format(object? value) => value switch
    {
        null => "",
        bool truth => truth ? "yes" : "no",
        Quantity quantity => quantity.ToString(),
        _ when Number(value) is { } number => Charts.Numbers.Cell(number),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    static double? Number(object? value) => value switch
    {
        Quantity quantity => quantity.Value,
        sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal => Convert.ToDouble(value, CultureInfo.InvariantCulture),
        _ => null,
    };

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
