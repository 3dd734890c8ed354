// The fields of one adapter_config.json: typed reading with errors that name the file and the field, and numbers as Python writes
// them.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A configuration file that was read, for the methods to take their fields from.</summary>
internal sealed class PeftFields(JsonObject json, string path)
{
    public static PeftFields Read(string path)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException(
                $"{path}: no such file; an adapter folder holds {PeftConfig.FileName} and {PeftFiles.FileName}", path);
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) is JsonObject json ? new(json, path)
                : throw new InvalidDataException($"{path}: is not a JSON object");
        }
        catch (JsonException e) { throw new InvalidDataException($"{path}: is not JSON: {e.Message}"); }
    }

    /// <summary>A field as it stands, or null.</summary>
    public JsonNode? this[string field] => json[field];

    /// <summary>A field's value, or the given one where it is missing or null.</summary>
    public T Get<T>(string field, T missing) => json[field] is { } node ? Value<T>(node, field) : missing;

    /// <summary>An object of numbers by pattern, empty where it is missing.</summary>
    public Dictionary<string, T> Table<T>(string field) => json[field] switch
    {
        null => [],
        JsonObject table => table.ToDictionary(p => p.Key, p => Value<T>(p.Value, field)),
        _ => throw Bad($"\"{field}\" is not an object"),
    };

    /// <summary>An object of lists, empty where it is missing.</summary>
    public Dictionary<string, IReadOnlyList<T>> Lists<T>(string field) => json[field] switch
    {
        null => [],
        JsonObject table => table.ToDictionary(p => p.Key, p => p.Value is JsonArray list
            ? (IReadOnlyList<T>)[.. list.Select(n => Value<T>(n, field))] : throw Bad($"\"{field}\" holds something else than lists")),
        _ => throw Bad($"\"{field}\" is not an object"),
    };

    /// <summary>A list, or one value in its place; null where it is missing.</summary>
    public IReadOnlyList<T>? List<T>(string field) => json[field] switch
    {
        null => null,
        JsonArray list => [.. list.Select(n => Value<T>(n, field))],
        { } one => [Value<T>(one, field)],
    };

    /// <summary>A choice of modules: a list of names or an expression; null where it is missing or empty.</summary>
    public TargetPattern? Modules(string field) => json[field] switch
    {
        null or JsonArray { Count: 0 } => null,
        JsonArray names => TargetPattern.Names(names.Select(n => Value<string>(n, field))),
        { } text => TargetPattern.Parse(Value<string>(text, field)),
    };

    /// <summary>Refuses a field that changes the computation in a way not built here, unless it has the value that means "not
    /// used".</summary>
    public void Refuse(string field, string unused)
    {
        if (json[field] is { } value && value.ToJsonString() is var text && text != unused && text != "null")
            throw Bad($"\"{field}\" is {text}, which is not supported here");
    }

    public InvalidDataException Bad(string what) => new($"{path}: {what}");

    private T Value<T>(JsonNode? node, string field)
    {
        try { return node.Deserialize<T>() ?? throw Bad($"\"{field}\" holds null"); }
        catch (JsonException) { throw Bad($"\"{field}\" is {node?.ToJsonString()}; expected {typeof(T).Name}"); }
    }

    /// <summary>16 for 16.0, as a whole α is written.</summary>
    public static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value : value;

    /// <summary>0.0 for 0: Python's floats keep their point.</summary>
    public static JsonNode Real(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return JsonNode.Parse(text.AsSpan().IndexOfAny('.', 'E') < 0 ? text + ".0" : text)!;
    }

    public static JsonObject Object<T>(IReadOnlyDictionary<string, T> table, Func<T, JsonNode> value) =>
        new(table.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)value(p.Value))));
}
