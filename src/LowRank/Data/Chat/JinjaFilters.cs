// Jinja's filters and tests that chat templates use.

namespace LowRank;

internal static class JinjaFilters
{
    public static IReadOnlyDictionary<string, object?> NoNames { get; } = new Dictionary<string, object?>();

    public static object? Apply(string name, object? value, IReadOnlyList<object?> given, IReadOnlyDictionary<string, object?> named, Func<string, object?, IReadOnlyList<object?>, bool> test)
    {
        object? At(int index, string argument) => index < given.Count ? given[index] : named.GetValueOrDefault(argument);
        object? Attribute(object? item, object? path) => JinjaValue.Show(path).Split('.').Aggregate(item, (current, part) => JinjaOperators.Member(current, long.TryParse(part, out var index) ? index : part));
        List<object?> Chosen(bool wanted, bool byAttribute)
        {
            var skip = byAttribute ? 1 : 0;
            bool Holds(object? item)
            {
                var of = byAttribute ? Attribute(item, At(0, "attribute")) : item;
                return given.Count > skip ? test(JinjaValue.Text(given[skip]), of, [.. given.Skip(skip + 1)]) : JinjaValue.IsTrue(of);
            }
            return [.. JinjaValue.Items(value).Where(item => Holds(item) == wanted)];
        }
        switch (name)
        {
            case "trim": return JinjaMethods.Strip(JinjaValue.Show(value), At(0, "chars"), true, true);
            case "upper": return JinjaValue.Show(value).ToUpperInvariant();
            case "lower": return JinjaValue.Show(value).ToLowerInvariant();
            case "title": return Titled(JinjaValue.Show(value));
            case "capitalize": return JinjaMethods.Capital(JinjaValue.Show(value));
            case "string": return JinjaValue.Show(value);
            case "safe": return value;
            case "sum": return JinjaValue.Items(value).Aggregate((object?)0L, (sum, item) => JinjaOperators.Binary("+", sum, At(0, "attribute") is { } path ? Attribute(item, path) : item));
            case "length" or "count": return value is string text ? text.EnumerateRunes().LongCount() : JinjaValue.Items(value).Count + 0L;
            case "first": return JinjaValue.Items(value) is { Count: > 0 } some ? some[0] : new JinjaUndefined("the first of nothing");
            case "last": return JinjaValue.Items(value) is { Count: > 0 } rest ? rest[^1] : new JinjaUndefined("the last of nothing");
            case "list": return JinjaValue.Items(value).ToList();
            case "reverse":
                var reversed = JinjaValue.Items(value).ToList();
                reversed.Reverse();
                return value is string ? string.Concat(reversed) : reversed;
            case "join": return string.Join(JinjaValue.Show(At(0, "d") ?? ""), JinjaValue.Items(value).Select(item => JinjaValue.Show(At(1, "attribute") is { } path ? Attribute(item, path) : item)));
            case "replace": return JinjaMethods.Replace(JinjaValue.Show(value), JinjaValue.Text(At(0, "old")), JinjaValue.Text(At(1, "new")), At(2, "count"));
            case "default" or "d": return value is JinjaUndefined || (JinjaValue.IsTrue(At(1, "boolean")) && !JinjaValue.IsTrue(value)) ? given.Count > 0 || named.Count > 0 ? At(0, "default_value") : "" : value;
            case "int": return value switch { double real => (long)Math.Truncate(real), string digits => long.TryParse(digits.Trim(), out var whole) ? whole : At(0, "default") ?? 0L, _ => JinjaValue.Whole(value) };
            case "float": return value is string number ? double.TryParse(number, System.Globalization.CultureInfo.InvariantCulture, out var parsed) ? parsed : 0.0 : JinjaValue.Number(value);
            case "abs": return value is double negative ? (object)Math.Abs(negative) : Math.Abs(JinjaValue.Whole(value));
            case "items": return value is JinjaMap pairs ? JinjaMethods.Pairs(pairs) : value is JinjaUndefined ? new List<object?>() : throw new FormatException($"items of {JinjaValue.Kind(value)}");
            case "dictsort" when given.Count + named.Count > 0: throw new FormatException("dictsort with arguments is not supported");
            case "dictsort": return value is JinjaMap map ? JinjaMethods.Pairs(JinjaValue.Map(map.OrderBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase).Select(pair => (pair.Key, pair.Value)))) : throw new FormatException($"dictsort of {JinjaValue.Kind(value)}");
            case "unique":
                var seen = new List<object?>();
                foreach (var item in JinjaValue.Items(value))
                    if (!seen.Exists(one => JinjaValue.Equals(one, item))) seen.Add(item);
                return seen;
            case "sort":
                var sorted = JinjaValue.Items(value).OrderBy(item => At(2, "attribute") is { } path ? Attribute(item, path) : item, Comparer<object?>.Create((a, b) =>
                    a is string x && b is string y && !JinjaValue.IsTrue(At(1, "case_sensitive")) ? string.Compare(x, y, StringComparison.OrdinalIgnoreCase) : JinjaValue.Compare(a, b))).ToList();
                if (JinjaValue.IsTrue(At(0, "reverse"))) sorted.Reverse();
                return sorted;
            case "map" when named.TryGetValue("attribute", out var path):
                return JinjaValue.Items(value).Select(item => Attribute(item, path) is JinjaUndefined undefined ? named.GetValueOrDefault("default", undefined) : Attribute(item, path)).ToList();
            case "map": return JinjaValue.Items(value).Select(item => Apply(JinjaValue.Text(At(0, "filter")), item, [.. given.Skip(1)], NoNames, test)).ToList();
            case "select": return Chosen(true, false);
            case "reject": return Chosen(false, false);
            case "selectattr": return Chosen(true, true);
            case "rejectattr": return Chosen(false, true);
            case "indent": return Indented(JinjaValue.Show(value), At(0, "width") ?? 4L, JinjaValue.IsTrue(At(1, "first")), JinjaValue.IsTrue(At(2, "blank")));
            case "tojson": return JinjaJson.From(given, named).Write(value);
            default: throw new FormatException($"the filter {name} is not supported");
        }
    }

    public static bool Test(string name, object? value, IReadOnlyList<object?> given)
    {
        object? First() => given.Count > 0 ? given[0] : throw new FormatException($"the test {name} needs an argument");
        return name switch
        {
            "defined" => value is not JinjaUndefined,
            "undefined" => value is JinjaUndefined,
            "none" => value is null,
            "string" => value is string,
            "number" => value is long or double or bool,
            "integer" => value is long,
            "float" => value is double,
            "boolean" => value is bool,
            "true" => value is true,
            "false" => value is false,
            "mapping" => value is JinjaMap,
            "iterable" => value is string or List<object?> or JinjaMap,
            "sequence" => value is string or List<object?> or JinjaMap,
            "callable" => value is JinjaFunction or JinjaUndefined,
            "odd" => JinjaValue.Whole(value) % 2 != 0,
            "even" => JinjaValue.Whole(value) % 2 == 0,
            "divisibleby" => JinjaValue.Whole(First()) is not 0 and var by && JinjaValue.Whole(value) % by == 0,
            "equalto" or "eq" or "==" => JinjaValue.Equals(value, First()),
            "ne" or "!=" => !JinjaValue.Equals(value, First()),
            "in" => (bool)JinjaOperators.Binary("in", value, First())!,
            "gt" or "greaterthan" or ">" => JinjaValue.Compare(value, First()) > 0,
            "lt" or "lessthan" or "<" => JinjaValue.Compare(value, First()) < 0,
            "ge" or ">=" => JinjaValue.Compare(value, First()) >= 0,
            "le" or "<=" => JinjaValue.Compare(value, First()) <= 0,
            "upper" => value is string text && text.Any(char.IsLetter) && text == text.ToUpperInvariant(),
            "lower" => value is string text && text.Any(char.IsLetter) && text == text.ToLowerInvariant(),
            _ => throw new FormatException($"the test {name} is not supported"),
        };
    }

    /// <summary>Words begin behind white space, hyphens and opening brackets; the method title() has others.</summary>
    private static string Titled(string text)
    {
        var letters = text.ToLowerInvariant().ToCharArray();
        for (var i = 0; i < letters.Length; i++)
            if (i == 0 || char.IsWhiteSpace(letters[i - 1]) || "-({[<".Contains(letters[i - 1])) letters[i] = char.ToUpperInvariant(letters[i]);
        return new(letters);
    }

    private static string Indented(string text, object? width, bool first, bool blank)
    {
        var indent = width as string ?? new string(' ', (int)Math.Clamp(JinjaValue.Whole(width), 0, 1000));
        return string.Join('\n', text.Split('\n').Select((line, i) => i == 0 ? first ? indent + line : line : line.Length > 0 || blank ? indent + line : line));
    }
}
