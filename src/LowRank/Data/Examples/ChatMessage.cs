using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace LowRank;

/// <summary>One turn of a conversation. Equal to another with the same fields.</summary>
/// <param name="Role">Who says it: system, user, assistant, tool (the result of a call), or what else a chat template knows.</param>
/// <param name="Content">What is said. Null, where a turn only calls tools, is None to a template and reads as an empty text here.</param>
public sealed record ChatMessage(string Role, [AllowNull] string Content)
{
    /// <summary>Whose turns are learned.</summary>
    public const string Assistant = "assistant";

    private readonly string? content = Content;

    /// <summary>What is said; empty where nothing is.</summary>
    [AllowNull]
    public string Content { get => content ?? ""; init => content = value; }

    /// <summary>What the assistant calls, after its content or instead of it.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Of the tool whose result this is, or of who speaks.</summary>
    public string? Name { get; init; }

    /// <summary>Which call this is the result of.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>What else the template is given of the turn, as it is (reasoning_content, say). One that is named like a field above takes its
    /// place: content as a list of parts.</summary>
    public IReadOnlyDictionary<string, JsonElement> Fields { get; init; } = new Dictionary<string, JsonElement>();

    /// <inheritdoc/>
    public bool Equals(ChatMessage? other) => other is not null && (Role, content, Name, ToolCallId) == (other.Role, other.content, other.Name, other.ToolCallId)
        && ToolCalls.SequenceEqual(other.ToolCalls) && Fields.Count == other.Fields.Count
        && Fields.All(field => other.Fields.TryGetValue(field.Key, out var value) && JsonElement.DeepEquals(field.Value, value));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Role, content, Name, ToolCallId, ToolCalls.Count, Fields.Count);

    /// <summary>A turn of a record. Content may be missing where tools are called.</summary>
    /// <exception cref="InvalidDataException">Names the field.</exception>
    internal static ChatMessage Read(JsonPart turn, string role, string content)
    {
        ToolCall[] calls = [.. turn.Parts("tool_calls").Select(ToolCall.Read)];
        string[] known = [role, content, "tool_calls", "name", "tool_call_id"];
        return new(turn.Text(role), calls.Length > 0 ? turn.TextOrNull(content) : turn.Text(content))
        {
            ToolCalls = calls,
            Name = turn.TextOrNull("name"),
            ToolCallId = turn.TextOrNull("tool_call_id"),
            Fields = turn.Members.Where(member => !known.Contains(member.Name)).ToDictionary(member => member.Name, member => member.Value.Clone()),
        };
    }

    /// <summary>As a template sees it.</summary>
    internal JinjaMap Values()
    {
        var values = JinjaValue.Map([("role", Role), ("content", content)]);
        if (Name is not null) values["name"] = Name;
        if (ToolCallId is not null) values["tool_call_id"] = ToolCallId;
        if (ToolCalls.Count > 0) values["tool_calls"] = ToolCalls.Select(call => (object?)call.Values()).ToList();
        foreach (var (name, value) in Fields) values[name] = JinjaValue.From(value);
        return values;
    }
}
