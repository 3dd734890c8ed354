// JSON text as the Rust tools of the field print it (serde_json): only quotes, backslashes and control characters are escaped,
// everything else is UTF-8 as it is. System.Text.Json's encoders escape more, so files would differ byte for byte.

using System.Text;
using System.Text.Json.Nodes;

namespace LowRank;

internal static class PlainJson
{
    /// <summary>UTF-8 without a byte-order mark that refuses what it cannot encode (a lone surrogate) instead of replacing it.</summary>
    public static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static StringBuilder AppendString(StringBuilder output, string value)
    {
        output.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => output.Append("\\\""),
                '\\' => output.Append("\\\\"),
                '\b' => output.Append("\\b"),
                '\f' => output.Append("\\f"),
                '\n' => output.Append("\\n"),
                '\r' => output.Append("\\r"),
                '\t' => output.Append("\\t"),
                < ' ' => output.Append($"\\u{(int)c:x4}"),
                _ => output.Append(c),
            };
        }
        return output.Append('"');
    }

    /// <summary>Two spaces a level, one element a line, <c>[]</c> and <c>{}</c> for empty ones, no line end after the last brace.</summary>
    public static string Pretty(JsonNode? node) => Append(new StringBuilder(), node, 0).ToString();

    private static StringBuilder Append(StringBuilder output, JsonNode? node, int level)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } members:
                output.Append('{');
                foreach (var (index, (key, value)) in members.Index())
                {
                    NewLine(output, index, level + 1);
                    Append(AppendString(output, key).Append(": "), value, level + 1);
                }
                return NewLine(output, 0, level).Append('}');
            case JsonArray { Count: > 0 } elements:
                output.Append('[');
                foreach (var (index, value) in elements.Index())
                {
                    NewLine(output, index, level + 1);
                    Append(output, value, level + 1);
                }
                return NewLine(output, 0, level).Append(']');
            case JsonValue value when value.GetValueKind() == System.Text.Json.JsonValueKind.String:
                return AppendString(output, value.GetValue<string>());
            default:
                return output.Append(node?.ToJsonString() ?? "null");
        }
    }

    private static StringBuilder NewLine(StringBuilder output, int index, int level) =>
        output.Append(index > 0 ? "," : "").Append('\n').Append(' ', 2 * level);
}
