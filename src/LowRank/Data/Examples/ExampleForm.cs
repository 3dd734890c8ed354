// How a record of a file becomes an example. The usual forms are known by the names of their columns; any other is told with templates
// in which {name} stands for a column.

using System.Text.Json;
using System.Text.RegularExpressions;

namespace LowRank;

/// <summary>How the columns of a record make an <see cref="Example"/>.</summary>
public sealed class ExampleForm
{
    private static readonly Regex Column = new(@"\{([^{}]+)\}", RegexOptions.CultureInvariant);

    private static readonly (string[] Needed, ExampleForm Form)[] Known =
    [
        (["messages"], Chat("messages")),
        (["conversations"], Chat("conversations", "from", "value")),
        (["instruction", "output"], new(Instruction)),
        (["prompt", "completion"], Of("{prompt}", "{completion}")),
        (["question", "answer"], new(row => Example.Of($"Question: {row.Text("question")}\nAnswer:", " " + row.Text("answer")) with { Question = row.Text("question") })),
        (["text"], Text("{text}")),
    ];

    /// <summary>ShareGPT's names of roles, and those that chat templates know.</summary>
    private static readonly Dictionary<string, string> Roles = new() { ["human"] = "user", ["gpt"] = ChatMessage.Assistant, ["chatgpt"] = ChatMessage.Assistant, ["bard"] = ChatMessage.Assistant, ["bing"] = ChatMessage.Assistant };

    private readonly Func<ExampleRow, Example> make;

    private ExampleForm(Func<ExampleRow, Example> make) => this.make = make;

    /// <summary>A prompt, masked from the loss, and its answer: <c>ExampleForm.Of("Q: {q}\nA:", " {a}")</c>.</summary>
    public static ExampleForm Of(string promptTemplate, string answerTemplate) =>
        new(row => Example.Of(Fill(promptTemplate, row), Fill(answerTemplate, row)));

    /// <summary>A text, all of which is learned: <c>ExampleForm.Text("{title}\n{body}")</c>.</summary>
    public static ExampleForm Text(string template) => new(row => Fill(template, row) is { Length: > 0 } text ? Example.Text(text) : throw new InvalidDataException("the text is empty"));

    /// <summary>A column that holds a list of turns, each with the fields of its role and of its content, and perhaps <c>tool_calls</c>
    /// ([{id, type, function: {name, arguments}}]), <c>name</c> and <c>tool_call_id</c>; a template is given further ones as they are.</summary>
    /// <param name="column">The turns.</param>
    /// <param name="role">The field of a turn that says who speaks.</param>
    /// <param name="content">The field of what is said.</param>
    /// <param name="tools">The column, if there is one, of the tools that may be called: a list of JSON schemas, or its JSON text.</param>
    public static ExampleForm Chat(string column, string role = "role", string content = "content", string tools = "tools") => new(row =>
    {
        var turns = row.Turns(column, role, content).Select(turn => turn with { Role = Roles.GetValueOrDefault(turn.Role, turn.Role) }).ToList();
        try { return Example.Chat(turns, [.. row.Objects(tools)]); }
        catch (ArgumentException error) { throw new InvalidDataException(error.Message, error); }
    });

    /// <summary>The form that a record's columns are known by. Throws <see cref="InvalidDataException"/>.</summary>
    internal static ExampleForm Detect(IReadOnlyCollection<string> columns) =>
        Array.Find(Known, known => known.Needed.All(columns.Contains)).Form
        ?? throw new InvalidDataException($"the columns {string.Join(", ", columns)} are of no known form ({string.Join("; ", Known.Select(known => string.Join(", ", known.Needed)))}): give an ExampleForm");

    internal Example Make(ExampleRow row) => make(row);

    /// <summary>Alpaca's columns: an instruction, perhaps with an input, and the output.</summary>
    private static Example Instruction(ExampleRow row)
    {
        var (instruction, input) = (row.Text("instruction"), row.TextOrNull("input") ?? "");
        return Example.Of($"### Instruction:\n{instruction}\n\n" + (input.Length > 0 ? $"### Input:\n{input}\n\n" : "") + "### Response:\n", row.Text("output"))
            with { Question = input.Length > 0 ? $"{instruction}\n\n{input}" : instruction };
    }

    private static string Fill(string template, ExampleRow row) => Column.Replace(template, match => row.Text(match.Groups[1].Value));
}

/// <summary>One record of a file, by column.</summary>
internal abstract class ExampleRow
{
    public abstract IReadOnlyCollection<string> Columns { get; }

    /// <summary>Null for a column that is missing or null.</summary>
    public abstract string? TextOrNull(string column);

    public string Text(string column) => TextOrNull(column) ?? throw new InvalidDataException($"there is no \"{column}\"{(Columns.Contains(column) ? ": it is null" : NearestNames.Suggest(column, Columns))}");

    public abstract IEnumerable<ChatMessage> Turns(string column, string role, string content);

    /// <summary>The objects of a list; none for a column that is missing or null.</summary>
    public abstract IEnumerable<JsonElement> Objects(string column);
}

internal sealed class JsonRow(JsonElement json) : ExampleRow
{
    public override IReadOnlyCollection<string> Columns => [.. json.EnumerateObject().Select(member => member.Name)];

    public override string? TextOrNull(string column) => !json.TryGetProperty(column, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => JsonPart.Text(value),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => throw new InvalidDataException($"\"{column}\" is {(value.ValueKind == JsonValueKind.Array ? "a list" : "an object")}, not a text"),
    };

    public override IEnumerable<ChatMessage> Turns(string column, string role, string content) =>
        new JsonPart(json, "").Parts(column).Select(turn => ChatMessage.Read(turn, role, content));

    public override IEnumerable<JsonElement> Objects(string column)
    {
        if (!json.TryGetProperty(column, out var value) || value.ValueKind == JsonValueKind.Null) return [];
        if (value.ValueKind == JsonValueKind.String)
            try { value = JsonElement.Parse(JsonPart.Text(value)); }
            catch (JsonException) { throw new InvalidDataException($"\"{column}\" is a text that is no JSON; it must be a list of JSON schemas, or the text of one"); }
        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(one => one.ValueKind == JsonValueKind.Object) ? value.EnumerateArray().Select(one => one.Clone())
            : throw new InvalidDataException($"\"{column}\" must be a list of JSON schemas, or the text of one");
    }
}

internal sealed class CsvRow(IReadOnlyList<string> header, string[] fields) : ExampleRow
{
    public override IReadOnlyCollection<string> Columns => header;

    public override string? TextOrNull(string column)
    {
        for (var i = 0; i < header.Count; i++)
            if (header[i] == column) return fields[i];
        return null;
    }

    public override IEnumerable<ChatMessage> Turns(string column, string role, string content) =>
        throw new InvalidDataException($"a conversation (\"{column}\") can't stand in a table; use JSON lines");

    public override IEnumerable<JsonElement> Objects(string column) => [];
}
