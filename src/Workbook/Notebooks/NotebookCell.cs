// One cell of a notebook: a view of its JSON object.

using System.Text.Json.Nodes;
using Workbook.Formatting;

namespace Workbook.Notebooks;

/// <summary>A cell: its type, source, tags and, for code, its outputs.</summary>
public sealed class NotebookCell(JsonObject json)
{
    /// <summary>"code", "markdown" or "raw".</summary>
    public string Type => json["cell_type"]?.GetValue<string>() ?? throw new InvalidDataException("a cell has no \"cell_type\"");

    /// <summary>The cell's id, null before nbformat 4.5.</summary>
    public string? Id
    {
        get => json["id"]?.GetValue<string>();
        set => json["id"] = value;
    }

    /// <summary>The cell's metadata: tags and whatever tools keep there.</summary>
    public JsonObject Metadata => json["metadata"] as JsonObject ?? (JsonObject)(json["metadata"] = new JsonObject())!;

    /// <summary>The cell's text.</summary>
    public string Source
    {
        get => NotebookJson.Join(json["source"]);
        set => json["source"] = NotebookJson.SplitLines(value);
    }

    /// <summary>The tags in the cell's metadata.</summary>
    public IReadOnlyList<string> Tags =>
        json["metadata"]?["tags"] is JsonArray tags ? [.. tags.Select(tag => tag!.GetValue<string>())] : [];

    /// <summary>The outputs of a code cell as nbformat stores them.</summary>
    public JsonArray Outputs
    {
        get => json["outputs"] as JsonArray ?? (JsonArray)(json["outputs"] = new JsonArray())!;
        set => json["outputs"] = value;
    }

    /// <summary>The number in <c>In [n]</c>, null for a cell that did not run.</summary>
    public int? ExecutionCount
    {
        get => json["execution_count"]?.GetValue<int>();
        set => json["execution_count"] = value;
    }

    /// <summary>Whether the cell has the tag.</summary>
    public bool Has(string tag) => Tags.Contains(tag);

    /// <summary>A new cell.</summary>
    public static NotebookCell Create(string type, string source, string? id, params string[] tags)
    {
        var json = new JsonObject { ["cell_type"] = type, ["metadata"] = new JsonObject(), ["source"] = NotebookJson.SplitLines(source) };
        if (id is not null)
            json["id"] = id;
        if (tags.Length > 0)
            json["metadata"]!["tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]);
        if (type == "code")
        {
            json["execution_count"] = null;
            json["outputs"] = new JsonArray();
        }
        return new NotebookCell(json);
    }

    /// <summary>The JSON with every multi-line string as a list of lines, as nbformat stores it.</summary>
    internal JsonObject Normalized()
    {
        if (json["source"] is JsonValue source)
            json["source"] = NotebookJson.SplitLines(source.GetValue<string>());
        foreach (var output in (json["outputs"] as JsonArray)?.OfType<JsonObject>() ?? [])
        {
            if (output["text"] is JsonValue text)
                output["text"] = NotebookJson.SplitLines(text.GetValue<string>());
            foreach (var (mime, value) in output["data"] is JsonObject data ? data.ToArray() : [])
            {
                if (!MimeBundle.IsJson(mime) && value is JsonValue line)
                    output["data"]![mime] = NotebookJson.SplitLines(line.GetValue<string>());
            }
        }
        return json;
    }
}
