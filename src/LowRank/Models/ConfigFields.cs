using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>One JSON object of a config.json; every error names the file and the field.</summary>
internal sealed class ConfigFields(string path, JsonObject json)
{
    /// <summary>What follows the family's name in the class of a classifier.</summary>
    public const string ClassifierClass = "ForSequenceClassification";

    /// <summary>No field may stand twice.</summary>
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    public static ConfigFields Open(string path)
    {
        try
        {
            return new(path, JsonNode.Parse(File.ReadAllText(path), documentOptions: Strict) as JsonObject ?? throw new InvalidDataException($"{path} is not a JSON object"));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not JSON: {e.Message}", e);
        }
    }

    /// <summary>Is the field there, be it null? Transformers takes its default for a field that is not there, and null for null.</summary>
    public bool Has(string name) => json.ContainsKey(name);

    /// <summary>A list of texts; null if there is none.</summary>
    public IReadOnlyList<string>? Texts(string name) => json[name] switch
    {
        null => null,
        JsonArray list when list.All(one => one?.GetValueKind() == JsonValueKind.String) => [.. list.Select(one => one!.GetValue<string>())],
        _ => throw Wrong(name, "a list of texts"),
    };

    /// <summary>Refuses a text other than those that are built here.</summary>
    public void Demand(string name, params string[] supported)
    {
        if (Text(name) is { } found && !supported.Contains(found))
            throw new InvalidDataException($"{path}: {name} is \"{found}\"; only {string.Join(" and ", supported.Select(s => $"\"{s}\""))} {(supported.Length > 1 ? "are" : "is")} supported");
    }

    /// <summary>Refuses a flag that asks for what is not built here.</summary>
    public void Demand(string name, bool wanted)
    {
        if (json[name] is not null && Flag(name) != wanted)
            throw new InvalidDataException($"{path}: {name} is {json[name]!.ToJsonString()}; only {(wanted ? "true" : "false")} is supported");
    }

    public ConfigFields? Object(string name) => json[name] switch
    {
        null => null,
        JsonObject inner => new ConfigFields(path, inner),
        _ => throw Wrong(name, "an object"),
    };

    public string? Text(string name) => Value<string>(name, "a text");

    public double? Real(string name) => json[name] is null ? null : Number(name);

    /// <summary>A number that must be there.</summary>
    public double RequiredReal(string name) => Real(name) ?? throw Missing(name);

    public long Whole(string name) => json[name] is null
        ? throw Missing(name)
        : Number(name) is var number && number == Math.Floor(number) && Math.Abs(number) < 1e15
            ? (long)number
            : throw Wrong(name, "a whole number");

    public long Whole(string name, long otherwise) => json[name] is null ? otherwise : Whole(name);

    public int Int(string name) => Whole(name) is var number and >= int.MinValue and <= int.MaxValue ? (int)number : throw Wrong(name, "a smaller number");

    public bool Flag(string name, bool otherwise = false) => json[name] is null ? otherwise : (json[name] as JsonValue)?.GetValueKind() switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, "true or false"),
    };

    /// <summary>A token's id: <paramref name="otherwise"/> where there is no such field, null where it is null.</summary>
    public int? Token(string name, int? otherwise) =>
        !Has(name) ? otherwise : json[name] is JsonArray list ? Tokens(name, list).Cast<int?>().FirstOrDefault() : json[name] is null ? null : Int(name);

    /// <summary>The ids of a list after its first: Llama 3's chat models end a text with any of three.</summary>
    public IReadOnlyList<int> FurtherTokens(string name) => json[name] is JsonArray list ? [.. Tokens(name, list).Skip(1)] : [];

    private IEnumerable<int> Tokens(string name, JsonArray list) => list.Select(one => new ConfigFields(path, new() { [name] = one?.DeepClone() }).Int(name));

    /// <summary>A classifier's labels in the order of their ids; null for any other model. Transformers leaves out two nameless
    /// ones, LABEL_0 and LABEL_1, and some tools write num_labels alone.</summary>
    public IReadOnlyList<string>? Labels()
    {
        if (json["architectures"] is not JsonArray list || list.All(one => one?.ToJsonString().EndsWith(ClassifierClass + "\"", StringComparison.Ordinal) != true)) return null;
        if (Object("id2label") is not { } inner)
            return [.. Enumerable.Range(0, checked((int)Whole("num_labels", 2))).Select(id => $"LABEL_{id}")];
        var count = json["id2label"]!.AsObject().Count;
        return [.. Enumerable.Range(0, count).Select(id => inner.Text(id.ToString(CultureInfo.InvariantCulture))
            ?? throw Wrong("id2label", $"a label for each id from 0 to {count - 1}"))];
    }

    /// <summary>An error about the file.</summary>
    public InvalidDataException Bad(string what) => new($"{path}: {what}");

    private InvalidDataException Missing(string name) => Bad($"{name} is missing");

    private double Number(string name) =>
        json[name] is JsonValue value && value.TryGetValue(out double number) ? number : throw Wrong(name, "a number");

    private T? Value<T>(string name, string kind) where T : class =>
        json[name] is null ? null : json[name] is JsonValue value && value.TryGetValue(out T? found) ? found : throw Wrong(name, kind);

    private InvalidDataException Wrong(string name, string wanted) => Bad($"{name} is {json[name]?.ToJsonString()}; it must be {wanted}");
}
