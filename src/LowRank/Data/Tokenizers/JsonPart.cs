// One object of a JSON file together with its place there, so that whatever is wrong is reported with the field's full name:
// "pre_tokenizer.pretokenizers[0]: type "Whitespace" is not supported".

using System.Text.Json;

namespace LowRank;

internal readonly struct JsonPart(JsonElement element, string where)
{
    private const int Shown = 60;

    public string Where => where;

    public string Type => Text("type");

    /// <summary>The whole of a parsed file.</summary>
    public static JsonPart Root(JsonDocument document) => document.RootElement.ValueKind == JsonValueKind.Object
        ? new(document.RootElement, "")
        : throw new InvalidDataException("not a JSON object");

    /// <summary>An object, or null if it is missing or null.</summary>
    public JsonPart? Part(string name) => Value(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new(value, Name(name)) : throw Wrong(name, value, "an object");

    public JsonPart NeededPart(string name) => Part(name) ?? throw new InvalidDataException($"\"{Name(name)}\" is missing");

    /// <summary>The objects of a list, none if it is missing or null.</summary>
    public IEnumerable<JsonPart> Parts(string name)
    {
        var self = this;
        return Items(name).Index().Select(pair => pair.Item.ValueKind == JsonValueKind.Object
            ? new JsonPart(pair.Item, $"{self.Name(name)}[{pair.Index}]")
            : throw self.Wrong($"{name}[{pair.Index}]", pair.Item, "an object"));
    }

    public IEnumerable<JsonElement> Items(string name) => Value(name) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(name, value, "a list");

    public IEnumerable<JsonProperty> Members => element.EnumerateObject();

    public string? TextOrNull(string name) => Value(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? Text(value) : throw Wrong(name, value, "a text");

    public string Text(string name) => TextOrNull(name) ?? throw new InvalidDataException($"{Name(name)} is missing");

    public bool Flag(string name, bool ifMissing) => FlagOrNull(name) ?? ifMissing;

    public bool? FlagOrNull(string name) => Value(name)?.ValueKind switch
    {
        null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, Value(name)!.Value, "true or false"),
    };

    public int Whole(string name) => Value(name) is { } value ? Whole(value, Name(name)) : throw new InvalidDataException($"{Name(name)} is missing, not a whole number from 0 on");

    public static int Whole(JsonElement value, string what) => WholeOrNull(value) ?? throw NotWhole(value, what);

    public static int? WholeOrNull(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0 ? number : null;

    public static InvalidDataException NotWhole(JsonElement value, string what) => new($"{what} is {Start(value)}, not a whole number from 0 on");

    /// <summary>A member that is there and not null.</summary>
    public JsonElement? Value(string name) => element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public InvalidDataException NotSupported(string kind, string found, string supported) =>
        new($"{(where == "" ? kind : where)}: {kind} \"{found}\" is not supported; supported: {supported}");

    public InvalidDataException Wrong(string name, string problem) => new($"{Name(name)} {problem}");

    private InvalidDataException Wrong(string name, JsonElement value, string wanted) => new($"{Name(name)} is {Start(value)}; it must be {wanted}");

    private string Name(string name) => where == "" ? name : $"{where}.{name}";

    /// <summary>A text of the file. Half a surrogate pair, which JSON can write as an escape, has no UTF-8 and is refused.</summary>
    public static string Text(JsonElement value)
    {
        try { return value.GetString()!; }
        catch (InvalidOperationException error) { throw new InvalidDataException($"a text is not valid Unicode: {Start(value)}", error); }
    }

    private static string Start(JsonElement value) => value.GetRawText() is { Length: > Shown } text ? text[..Shown] + "…" : value.GetRawText();
}
