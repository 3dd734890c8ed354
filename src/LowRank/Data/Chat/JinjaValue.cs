// Values as Python has them: None (null), bool, long, double, string, list, dictionary, callables, and Jinja's Undefined; how they are
// compared and written.

using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>What a name without a value stands for: writes nothing, is false, and anything else done with it is an error.</summary>
internal sealed record JinjaUndefined(string What);

internal sealed class JinjaMap : Dictionary<string, object?>
{
    public JinjaMap() : base(StringComparer.Ordinal) { }

    /// <summary>Jinja's namespace(), whose attributes can be set.</summary>
    public bool IsNamespace { get; init; }
}

internal delegate object? JinjaFunction(IReadOnlyList<object?> positional, IReadOnlyDictionary<string, object?> named);

internal static class JinjaValue
{
    private const int Deepest = 100;

    /// <summary>A value given from outside. Throws <see cref="ArgumentException"/>.</summary>
    public static object? From(object? value, int depth = 0) => depth > Deepest ? throw new ArgumentException("a value for a chat template is nested too deeply") : value switch
    {
        null or bool or long or double or string or JinjaMap or JinjaFunction => value,
        int number => (long)number,
        float number => (double)number,
        JsonNode node => From(JsonSerializer.SerializeToElement(node), depth),
        JsonElement element => element.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.Undefined => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => element.GetString(),
            JsonValueKind.Number => element.TryGetInt64(out var whole) ? (object)whole : element.GetDouble(),
            JsonValueKind.Array => element.EnumerateArray().Select(item => From(item, depth + 1)).ToList(),
            _ => Map(element.EnumerateObject().Select(member => (member.Name, From(member.Value, depth + 1)))),
        },
        IDictionary map => Map(map.Keys.Cast<object>().Select(key => (key as string ?? throw new ArgumentException("a dictionary for a chat template needs texts as keys"), From(map[key], depth + 1)))),
        IEnumerable items => items.Cast<object?>().Select(item => From(item, depth + 1)).ToList(),
        _ => throw new ArgumentException($"a chat template can't be given a {value.GetType().Name}"),
    };

    public static JinjaMap Map(IEnumerable<(string Key, object? Value)> members)
    {
        var map = new JinjaMap();
        foreach (var (key, value) in members) map[key] = value;
        return map;
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        List<object?> list => list.Count > 0,
        JinjaMap map => map.Count > 0 || map.IsNamespace,
        _ => true,
    };

    public static new bool Equals(object? left, object? right) => (left, right) switch
    {
        (bool a, long or double) => Equals(a ? 1L : 0L, right),
        (long or double, bool b) => Equals(left, b ? 1L : 0L),
        (long a, double b) => a == b,
        (double a, long b) => a == b,
        (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => Equals(pair.First, pair.Second)),
        (JinjaMap a, JinjaMap b) => a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var other) && Equals(pair.Value, other)),
        (JinjaUndefined, JinjaUndefined) => true,
        _ => object.Equals(left, right),
    };

    public static int Compare(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => Math.Sign(string.CompareOrdinal(a, b)),
        (long or double or bool, long or double or bool) => Number(left).CompareTo(Number(right)),
        _ => throw new FormatException($"{Kind(left)} and {Kind(right)} can't be compared"),
    };

    public static double Number(object? value) => value switch
    {
        long number => number,
        double number => number,
        bool flag => flag ? 1 : 0,
        _ => throw new FormatException($"{Kind(value)} is no number"),
    };

    public static long Whole(object? value) => value is long or bool ? (long)Number(value) : throw new FormatException($"{Kind(value)} is no whole number");

    public static string Text(object? value) => value as string ?? throw new FormatException($"{Kind(value)} is no text");

    public static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        JinjaMap map => [.. map.Keys],
        string text => Characters(text),
        JinjaUndefined undefined => throw new FormatException($"{undefined.What} is not defined, so it can't be gone through"),
        _ => throw new FormatException($"{Kind(value)} can't be gone through"),
    };

    /// <summary>A text's code points, which Python counts.</summary>
    public static List<object?> Characters(string text)
    {
        var all = new List<object?>(text.Length);
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = char.IsSurrogatePair(text, at) ? 2 : 1;
            all.Add(text.Substring(at, length));
        }
        return all;
    }

    public static string Kind(object? value) => value switch
    {
        null => "none", bool => "a bool", long or double => "a number", string => "a text", List<object?> => "a list", JinjaMap => "a dictionary",
        JinjaUndefined undefined => $"{undefined.What}, which is not defined,", _ => "a function",
    };

    /// <summary>As Python's str: what {{ … }} writes.</summary>
    public static string Show(object? value) => value is string text ? text : value is JinjaUndefined ? "" : Represent(value, 0);

    private static string Represent(object? value, int depth) => depth > Deepest ? "…" : value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => Real(number),
        string text => text.Contains('\'') && !text.Contains('"') ? $"\"{Escaped(text)}\"" : $"'{Escaped(text).Replace("'", "\\'")}'",
        List<object?> list => $"[{string.Join(", ", list.Select(item => Represent(item, depth + 1)))}]",
        JinjaMap map => $"{{{string.Join(", ", map.Select(pair => $"{Represent(pair.Key, depth)}: {Represent(pair.Value, depth + 1)}"))}}}",
        JinjaUndefined => "Undefined",
        _ => "<function>",
    };

    /// <summary>As Python's repr: what is not printable is a number.</summary>
    private static string Escaped(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.Value switch
    {
        '\\' => "\\\\", '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", ' ' => " ",
        var code when Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator) => rune.ToString(),
        var code => code <= 0xFF ? $"\\x{code:x2}" : code <= 0xFFFF ? $"\\u{code:x4}" : $"\\U{code:x8}",
    }));

    private static string Real(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        return double.IsInfinity(number) ? number > 0 ? "inf" : "-inf" : double.IsNaN(number) ? "nan" : text.Contains('E') ? text.Replace("E", "e") : Math.Abs(number) >= 1e16 ? number.ToString("0.################e+00", CultureInfo.InvariantCulture) : text.Contains('.') ? text : text + ".0";
    }
}
