// What a value looks like: the same content in one or several mime types, as Jupyter sends it.

using System.Text.Json.Nodes;

namespace Workbook.Formatting;

/// <summary>Content by mime type; every value is text, JSON types as JSON text.</summary>
public sealed class MimeBundle : Dictionary<string, string>
{
    public const string Plain = "text/plain";
    public const string Html = "text/html";
    public const string Markdown = "text/markdown";
    public const string Svg = "image/svg+xml";

    /// <summary>Whether the content of this mime type is a JSON value in a notebook, not text.</summary>
    public static bool IsJson(string mime) => mime == "application/json" || (mime.StartsWith("application/", StringComparison.Ordinal) && mime.EndsWith("+json", StringComparison.Ordinal));

    /// <summary>A bundle with one entry.</summary>
    public static MimeBundle Of(string mime, string content) => new() { [mime] = content };

    /// <summary>The <c>data</c> object of a Jupyter message or a notebook's output.</summary>
    public JsonObject ToJson()
    {
        var data = new JsonObject();
        foreach (var (mime, content) in this)
            data[mime] = IsJson(mime) ? JsonNode.Parse(content) : content;
        return data;
    }

    /// <summary>The bundle of a <c>data</c> object; text may be a list of lines.</summary>
    public static MimeBundle FromJson(JsonObject data)
    {
        var bundle = new MimeBundle();
        foreach (var (mime, content) in data)
            bundle[mime] = IsJson(mime) ? content?.ToJsonString() ?? "null" : Notebooks.NotebookJson.Join(content);
        return bundle;
    }
}
