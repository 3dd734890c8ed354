// Python's methods of texts and dictionaries that chat templates call.

using System.Text;

namespace LowRank;

internal static class JinjaMethods
{
    private const string Blanks = " \t\n\r\f\v";

    public static object? Call(object? of, string method, IReadOnlyList<object?> given, IReadOnlyDictionary<string, object?> named)
    {
        if (of is JinjaUndefined undefined) throw new FormatException($"{undefined.What} is not defined, so it has no {method}()");
        object? At(int index, string name) => index < given.Count ? given[index] : named.GetValueOrDefault(name);
        string Needed(int index) => index < given.Count ? JinjaValue.Text(given[index]) : throw new FormatException($"{method}() needs an argument");
        return (of, method) switch
        {
            (string text, "strip") => Strip(text, At(0, "chars"), true, true),
            (string text, "lstrip") => Strip(text, At(0, "chars"), true, false),
            (string text, "rstrip") => Strip(text, At(0, "chars"), false, true),
            (string text, "upper") => text.ToUpperInvariant(),
            (string text, "lower") => text.ToLowerInvariant(),
            (string text, "title") => Title(text),
            (string text, "capitalize") => Capital(text),
            (string text, "startswith") => Any(given, one => text.StartsWith(one, StringComparison.Ordinal)),
            (string text, "endswith") => Any(given, one => text.EndsWith(one, StringComparison.Ordinal)),
            (string text, "removeprefix") => Needed(0) is var prefix && text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text,
            (string text, "removesuffix") => Needed(0) is var suffix && text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text,
            (string text, "isalpha") => text.Length > 0 && text.EnumerateRunes().All(Rune.IsLetter),
            (string text, "isalnum") => text.Length > 0 && text.EnumerateRunes().All(Rune.IsLetterOrDigit),
            (string text, "isspace") => text.Length > 0 && text.All(char.IsWhiteSpace),
            (string text, "isupper") => JinjaFilters.Test("upper", text, []),
            (string text, "islower") => JinjaFilters.Test("lower", text, []),
            (string text, "find") => (long)text.IndexOf(Needed(0), StringComparison.Ordinal),
            (string text, "count") => (long)(text.Length - text.Replace(Needed(0), "", StringComparison.Ordinal).Length) / Math.Max(1, Needed(0).Length),
            (string text, "replace") => Replace(text, Needed(0), Needed(1), At(2, "count")),
            (string text, "split") => Split(text, At(0, "sep"), At(1, "maxsplit"), fromEnd: false),
            (string text, "rsplit") => Split(text, At(0, "sep"), At(1, "maxsplit"), fromEnd: true),
            (string text, "splitlines") => text.Length == 0 ? [] : (text.EndsWith('\n') ? text[..^1] : text).Split('\n').Select(line => (object?)line.TrimEnd('\r')).ToList(),
            (string text, "join") => string.Join(text, JinjaValue.Items(At(0, "iterable")).Select(JinjaValue.Text)),
            (string text, "isdigit") => text.Length > 0 && text.All(char.IsDigit),
            (JinjaMap map, "items") => Pairs(map),
            (JinjaMap map, "keys") => map.Keys.Cast<object?>().ToList(),
            (JinjaMap map, "values") => map.Values.ToList(),
            (JinjaMap map, "get") => map.TryGetValue(Needed(0), out var value) ? value : At(1, "default"),
            (List<object?> list, "index") => list.FindIndex(item => JinjaValue.Equals(item, At(0, "value"))) is >= 0 and var at ? (long)at : throw new FormatException("index() finds nothing"),
            (List<object?> list, "count") => (long)list.Count(item => JinjaValue.Equals(item, At(0, "value"))),
            _ => throw new FormatException($"{JinjaValue.Kind(of)} has no {method}(), or it is not supported"),
        };
    }

    public static List<object?> Pairs(JinjaMap map) => [.. map.Select(pair => (object?)new List<object?> { pair.Key, pair.Value })];

    public static string Strip(string text, object? chars, bool start, bool end)
    {
        var set = (chars is null ? Blanks : JinjaValue.Text(chars)).ToCharArray();
        bool Goes(char value) => Array.IndexOf(set, value) >= 0 || (chars is null && char.IsWhiteSpace(value));
        var (from, to) = (0, text.Length);
        while (start && from < to && Goes(text[from])) from++;
        while (end && to > from && Goes(text[to - 1])) to--;
        return text[from..to];
    }

    public static string Capital(string text) => text.Length == 0 ? "" : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    public static string Title(string text)
    {
        var letters = text.ToCharArray();
        for (var i = 0; i < letters.Length; i++) letters[i] = i > 0 && char.IsLetter(letters[i - 1]) ? char.ToLowerInvariant(letters[i]) : char.ToUpperInvariant(letters[i]);
        return new(letters);
    }

    public static string Replace(string text, string old, string with, object? count)
    {
        if ((text.Length + 1L) / Math.Max(1, old.Length) * with.Length > JinjaOperators.LongestText) throw new FormatException("the text becomes too long");
        if (old.Length == 0) return count is null ? text.Length == 0 ? with : with + string.Concat(text.Select(c => c + with)) : throw new FormatException("replace() of an empty text with a count is not supported");
        if (count is null || JinjaValue.Whole(count) < 0) return text.Replace(old, with, StringComparison.Ordinal);
        var (left, from) = (JinjaValue.Whole(count), 0);
        for (int found; left-- > 0 && (found = text.IndexOf(old, from, StringComparison.Ordinal)) >= 0; from = found + with.Length)
            text = string.Concat(text.AsSpan(0, found), with, text.AsSpan(found + old.Length));
        return text;
    }

    private static bool Any(IReadOnlyList<object?> given, Func<string, bool> holds) =>
        given.Count == 0 ? throw new FormatException("an argument is missing") : given[0] is List<object?> list ? list.Exists(one => holds(JinjaValue.Text(one))) : holds(JinjaValue.Text(given[0]));

    private static List<object?> Split(string text, object? separator, object? most, bool fromEnd)
    {
        var limit = most is null ? -1 : JinjaValue.Whole(most);
        if (separator is null)
        {
            if (limit >= 0) throw new FormatException("split() at white space with a limit is not supported");
            return [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
        }
        var at = JinjaValue.Text(separator);
        if (at.Length == 0) throw new FormatException("split() at an empty text");
        string[] parts = text.Split(at, StringSplitOptions.None);
        if (limit < 0 || parts.Length <= limit + 1) return [.. parts];
        return fromEnd ? [string.Join(at, parts[..(parts.Length - (int)limit)]), .. parts[(parts.Length - (int)limit)..]]
            : [.. parts[..(int)limit], string.Join(at, parts[(int)limit..])];
    }
}
