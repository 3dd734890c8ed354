// JSON exactly as nbformat writes it: indent 1, keys sorted by code point, ", " and ": " separators as Python's
// json.dumps(indent=1, sort_keys=True, ensure_ascii=False) gives them, and a trailing newline. Numbers keep their text.

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workbook.Notebooks;

/// <summary>Writes a JSON tree byte for byte as nbformat does.</summary>
public static class NotebookJson
{
    /// <summary>The text of <paramref name="node"/> with a trailing newline.</summary>
    public static string Write(JsonNode node)
    {
        var text = new StringBuilder();
        Write(text, node, 0);
        return text.Append('\n').ToString();
    }

    private static void Write(StringBuilder text, JsonNode? node, int depth)
    {
        switch (node)
        {
            case null:
                text.Append("null");
                break;
            case JsonObject map:
                WriteItems(text, '{', '}', depth, [.. map.OrderBy(pair => pair.Key, StringComparer.Ordinal)], pair =>
                {
                    WriteString(text, pair.Key);
                    text.Append(": ");
                    Write(text, pair.Value, depth + 1);
                });
                break;
            case JsonArray list:
                WriteItems(text, '[', ']', depth, [.. list], item => Write(text, item, depth + 1));
                break;
            default:
                if (node.GetValueKind() == JsonValueKind.String)
                    WriteString(text, node.GetValue<string>());
                else
                    text.Append(node.ToJsonString());
                break;
        }
    }

    private static void WriteItems<T>(StringBuilder text, char open, char close, int depth, T[] items, Action<T> write)
    {
        text.Append(open);
        for (int i = 0; i < items.Length; i++)
        {
            text.Append(i == 0 ? "\n" : ",\n").Append(' ', depth + 1);
            write(items[i]);
        }
        if (items.Length > 0)
            text.Append('\n').Append(' ', depth);
        text.Append(close);
    }

    private static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            switch (c)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                case < ' ': text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture)); break;
                default: text.Append(c); break;
            }
        }
        text.Append('"');
    }

    /// <summary>Splits text into lines that keep their ends, as Python's <c>splitlines(True)</c>, which nbformat uses.</summary>
    public static JsonArray SplitLines(string text)
    {
        var lines = new JsonArray();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (!IsLineEnd(text[i]))
                continue;
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n')
                i++;
            lines.Add(text[start..(i + 1)]);
            start = i + 1;
        }
        if (start < text.Length)
            lines.Add(text[start..]);
        return lines;
    }

    private static bool IsLineEnd(char c) => c is '\n' or '\r' or '\v' or '\f' or '\x1c' or '\x1d' or '\x1e' or '\x85' or '\u2028' or '\u2029';

    /// <summary>Text that nbformat stores either as a string or as a list of lines.</summary>
    public static string Join(JsonNode? node) => node switch
    {
        null => "",
        JsonArray lines => string.Concat(lines.Select(line => line?.GetValue<string>())),
        _ => node.GetValue<string>(),
    };
}
