// Operators, members and slices, as Python computes them.

namespace LowRank;

internal static class JinjaOperators
{
    /// <summary>Characters of a text and items of a list, at most.</summary>
    public const int LongestText = 1 << 24, LongestList = 1 << 20;

    public static object? Unary(string name, object? value) => name switch
    {
        "not" => !JinjaValue.IsTrue(value),
        "-" when value is double real => -real,
        "-" => checked(-JinjaValue.Whole(value)),
        _ => value is double ? value : JinjaValue.Whole(value),
    };

    public static object? Binary(string name, object? left, object? right)
    {
        switch (name)
        {
            case "==": return JinjaValue.Equals(left, right);
            case "!=": return !JinjaValue.Equals(left, right);
            case "<": return JinjaValue.Compare(left, right) < 0;
            case ">": return JinjaValue.Compare(left, right) > 0;
            case "<=": return JinjaValue.Compare(left, right) <= 0;
            case ">=": return JinjaValue.Compare(left, right) >= 0;
            case "in": return In(left, right);
            case "not in": return !In(left, right);
            case "~": return Joined(JinjaValue.Show(left), JinjaValue.Show(right));
            case "+" when left is string a && right is string b: return Joined(a, b);
            case "+" when left is List<object?> a && right is List<object?> b: return a.Count + b.Count <= LongestList ? a.Concat(b).ToList() : throw new FormatException("the list becomes too long");
            case "*" when left is string text && right is long times: return text.Length * Math.Max(0, times) <= LongestText ? string.Concat(Enumerable.Repeat(text, (int)Math.Max(0, times))) : throw new FormatException("the text becomes too long");
        }
        if (left is not (long or double or bool) || right is not (long or double or bool)) throw new FormatException($"{JinjaValue.Kind(left)} {name} {JinjaValue.Kind(right)} is not possible");
        var (x, y) = (JinjaValue.Number(left), JinjaValue.Number(right));
        if (name is "/" or "//" or "%" && y == 0) throw new FormatException("a division by zero");
        if (name == "/") return x / y;
        if (left is double || right is double)
            return name switch { "+" => x + y, "-" => x - y, "*" => x * y, "//" => Math.Floor(x / y), "%" => x - y * Math.Floor(x / y), _ => Math.Pow(x, y) };
        var (i, j) = ((long)x, (long)y);
        if (left is long exactLeft) i = exactLeft;
        if (right is long exactRight) j = exactRight;
        if (name == "**" && j < 0) return Math.Pow(i, j);
        return checked(name switch
        {
            "+" => i + j,
            "-" => i - j,
            "*" => i * j,
            "//" => i / j - (i % j != 0 && (i < 0) != (j < 0) ? 1 : 0),
            "%" => (i % j + j) % j,
            _ => Whole(Math.Pow(i, j)),
        });
    }

    public static object? Member(object? of, object? key) => (of, key) switch
    {
        (JinjaUndefined undefined, _) => throw new FormatException($"{undefined.What} is not defined, so it has no {JinjaValue.Show(key)}"),
        (JinjaMap map, string name) => map.TryGetValue(name, out var value) ? value : new JinjaUndefined($"\"{name}\""),
        (List<object?> list, long index) => Index(index, list.Count) is >= 0 and var at ? list[at] : new JinjaUndefined($"item {index} of {list.Count}"),
        (string text, long index) => JinjaValue.Characters(text) is var all && Index(index, all.Count) is >= 0 and var at ? all[at] : new JinjaUndefined($"character {index} of {all.Count}"),
        _ => new JinjaUndefined($"\"{JinjaValue.Show(key)}\" of {JinjaValue.Kind(of)}"),
    };

    public static object? Slice(object? of, long? start, long? stop, long? step)
    {
        if (of is not (string or List<object?>)) throw new FormatException($"{JinjaValue.Kind(of)} can't be sliced");
        var items = of is string whole ? JinjaValue.Characters(whole) : (List<object?>)of;
        var (length, by) = (items.Count, step ?? 1);
        if (by == 0) throw new FormatException("a slice with step 0");
        var (lowest, highest) = by > 0 ? (0L, (long)length) : (-1L, length - 1L);
        long Place(long? given, long otherwise) => given is not { } place ? otherwise : Math.Clamp(place < 0 ? place + length : place, lowest, highest);
        var (from, to) = (Place(start, by > 0 ? lowest : highest), Place(stop, by > 0 ? highest : lowest));
        var chosen = new List<object?>();
        for (var i = from; by > 0 ? i < to : i > to; i += by) chosen.Add(items[(int)i]);
        return of is string ? string.Concat(chosen) : chosen;
    }

    public static string Joined(string left, string right) => left.Length + right.Length <= LongestText ? left + right : throw new FormatException("the text becomes too long");

    private static int Index(long index, int length) => (index < 0 ? index + length : index) is >= 0 and var at && at < length ? (int)at : -1;

    private static long Whole(double value) => Math.Abs(value) < 9e15 ? (long)value : throw new OverflowException("a power is too large");

    private static bool In(object? item, object? all) => all switch
    {
        string text => text.Contains(JinjaValue.Text(item), StringComparison.Ordinal),
        JinjaMap map => item is string key && map.ContainsKey(key),
        _ => JinjaValue.Items(all).Exists(one => JinjaValue.Equals(one, item)),
    };
}
