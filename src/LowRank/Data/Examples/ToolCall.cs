using System.Text.Json;

namespace LowRank;

/// <summary>A call of a tool: <c>new ToolCall("add", """{"a": 1, "b": 2}""")</c>.</summary>
public sealed record ToolCall
{
    /// <summary>A call.</summary>
    /// <param name="name">The function's.</param>
    /// <param name="arguments">A JSON object.</param>
    /// <param name="id">By which a result says what it is the result of; some templates ask for one.</param>
    /// <exception cref="ArgumentException">The arguments are no JSON object.</exception>
    public ToolCall(string name, string arguments, string? id = null)
    {
        (Name, Arguments, Id) = (name, arguments, id);
        if (!IsObject(arguments)) throw new ArgumentException($"the arguments of {name} are no JSON object: {arguments}", nameof(arguments));
    }

    /// <summary>The function's.</summary>
    public string Name { get; }

    /// <summary>A JSON object, as it was given.</summary>
    public string Arguments { get; }

    /// <summary>By which a result names the call, or null.</summary>
    public string? Id { get; }

    /// <summary>Does a template get the arguments as a text instead of an object? Most write an object as JSON and would write a text in quotes;
    /// DeepSeek's put a text as it is beside others, and can't take an object. From a record they come as the record has them.</summary>
    public bool AsText { get; init; }

    /// <summary>{id?, type, function: {name, arguments: an object or the JSON text of one}}.</summary>
    /// <exception cref="InvalidDataException">Names the field.</exception>
    internal static ToolCall Read(JsonPart call)
    {
        var function = call.NeededPart("function");
        if (call.TextOrNull("type") is { } type and not "function") throw call.NotSupported("type", type, "function");
        var arguments = function.Value("arguments") ?? throw new InvalidDataException($"{function.Where}.arguments is missing; it must be an object, {{}} for none");
        var text = arguments.ValueKind == JsonValueKind.String;
        var json = text ? JsonPart.Text(arguments) : arguments.GetRawText();
        return IsObject(json) ? new(function.Text("name"), json, call.TextOrNull("id")) { AsText = text }
            : throw function.Wrong("arguments", "must be a JSON object, or the text of one");
    }

    /// <summary>As a template sees it.</summary>
    internal JinjaMap Values()
    {
        object? arguments = AsText ? Arguments : JinjaValue.From(JsonElement.Parse(Arguments));
        var values = Id is null ? [] : JinjaValue.Map([("id", Id)]);
        (values["type"], values["function"]) = ("function", JinjaValue.Map([("name", Name), ("arguments", arguments)]));
        return values;
    }

    private static bool IsObject(string json)
    {
        try { return JsonElement.Parse(json).ValueKind == JsonValueKind.Object; }
        catch (JsonException) { return false; }
    }
}
