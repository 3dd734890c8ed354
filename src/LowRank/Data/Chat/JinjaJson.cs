// The filter tojson as transformers has it: Python's json.dumps, with ensure_ascii off unless asked for.

using System.Text;

namespace LowRank;

/// <param name="Indent">Spaces a level, or null for one line.</param>
/// <param name="Between">What parts the items of a list.</param>
/// <param name="Colon">What parts a key from its value.</param>
/// <param name="Ascii">Whether other characters are written by their numbers.</param>
/// <param name="Sorted">Whether keys come in order.</param>
internal sealed record JinjaJson(int? Indent, string Between, string Colon, bool Ascii, bool Sorted)
{
    private const int Deepest = 100;

    private static readonly string[] Arguments = ["ensure_ascii", "indent", "separators", "sort_keys"];

    /// <summary>What a template gives the filter.</summary>
    public static JinjaJson From(IReadOnlyList<object?> given, IReadOnlyDictionary<string, object?> named)
    {
        if (named.Keys.FirstOrDefault(key => !Arguments.Contains(key)) is { } strange) throw new FormatException($"tojson({strange}=…) is not supported");
        object? At(int index) => index < given.Count ? given[index] : named.GetValueOrDefault(Arguments[index]);
        int? indent = At(1) is { } width ? (int)Math.Clamp(JinjaValue.Whole(width), 0, 100) : null;
        var parts = At(2) is { } separators ? JinjaValue.Items(separators) : [indent is null ? ", " : ",", ": "];
        if (parts.Count != 2) throw new FormatException("the separators of tojson are two texts");
        return new(indent, JinjaValue.Text(parts[0]), JinjaValue.Text(parts[1]), JinjaValue.IsTrue(At(0)), JinjaValue.IsTrue(At(3)));
    }

    public string Write(object? value, int level = 0)
    {
        if (level > Deepest) throw new FormatException("a value is nested too deeply for tojson");
        string Line(int at) => Indent is { } width ? "\n" + new string(' ', width * at) : "";
        string Block(char open, IEnumerable<string> items, char close) => $"{open}{Line(level + 1)}{string.Join(Between + Line(level + 1), items)}{Line(level)}{close}";
        return value switch
        {
            null => "null",
            bool flag => flag ? "true" : "false",
            long or double => JinjaValue.Show(value),
            string text => Quoted(text),
            List<object?> { Count: 0 } => "[]",
            JinjaMap { Count: 0 } => "{}",
            List<object?> list => Block('[', list.Select(item => Write(item, level + 1)), ']'),
            JinjaMap map => Block('{', (Sorted ? map.OrderBy(pair => pair.Key, StringComparer.Ordinal) : map.AsEnumerable()).Select(pair => Quoted(pair.Key) + Colon + Write(pair.Value, level + 1)), '}'),
            _ => throw new FormatException($"{JinjaValue.Kind(value)} can't be written as JSON"),
        };
    }

    private string Quoted(string text)
    {
        var quoted = PlainJson.AppendString(new StringBuilder(), text).ToString();
        return Ascii ? string.Concat(quoted.Select(unit => unit < 0x7F ? unit.ToString() : $"\\u{(int)unit:x4}")) : quoted;
    }
}
