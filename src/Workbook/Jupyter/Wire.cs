// Jupyter's messages on the wire: identities, the delimiter <IDS|MSG>, an HMAC-SHA256 signature in hex, and four JSON objects:
// header, parent header, metadata, content. https://jupyter-client.readthedocs.io/en/stable/messaging.html (5.4)

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workbook.Jupyter;

/// <summary>A message that was received. <paramref name="Identities"/> lead back to its sender.</summary>
internal sealed record Request(IReadOnlyList<byte[]> Identities, JsonObject Header, JsonObject Content)
{
    public string Type { get; } = (string)Header["msg_type"]!;

    /// <summary>A flag of the content, or its default where it is absent or no bool.</summary>
    public bool Flag(string name, bool otherwise) => Content[name] is JsonValue value && value.TryGetValue(out bool flag) ? flag : otherwise;

    /// <summary>A text of the content, empty where it is absent or no text.</summary>
    public string Text(string name) => Content[name] is JsonValue value && value.TryGetValue(out string? text) ? text : "";

    /// <summary>A number of the content, or its default where it is absent or no whole number.</summary>
    public int Number(string name, int otherwise) => Content[name] is JsonValue value && value.TryGetValue(out int number) ? number : otherwise;
}

/// <summary>Writes and reads messages under one key.</summary>
internal sealed class Wire(byte[] key)
{
    public const string ProtocolVersion = "5.4";
    private static readonly byte[] Delimiter = "<IDS|MSG>"u8.ToArray();
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string _session = Guid.NewGuid().ToString("n");

    /// <summary>The frames of a message to <paramref name="identities"/> (or, published, under that topic).</summary>
    public List<byte[]> Write(IEnumerable<byte[]> identities, string type, JsonObject? parent, JsonObject content)
    {
        var header = new JsonObject
        {
            ["msg_id"] = Guid.NewGuid().ToString("n"),
            ["msg_type"] = type,
            ["session"] = _session,
            ["username"] = "kernel",
            ["date"] = DateTime.UtcNow.ToString("O"),
            ["version"] = ProtocolVersion,
        };
        byte[][] parts = [Bytes(header), parent is null ? "{}"u8.ToArray() : Bytes(parent), "{}"u8.ToArray(), Bytes(content)];
        return [.. identities, Delimiter, Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Sign(parts))), .. parts];
    }

    /// <summary>The message of these frames; null, with the reason, when it is malformed or its signature is wrong.</summary>
    public Request? Read(IReadOnlyList<byte[]> frames, out string? fault)
    {
        int delimiter = 0;
        while (delimiter < frames.Count && !frames[delimiter].AsSpan().SequenceEqual(Delimiter))
            delimiter++;
        if (frames.Count < delimiter + 6)
        {
            fault = $"malformed: {frames.Count} frames, of which the delimiter is {(delimiter < frames.Count ? $"the {delimiter + 1}." : "none")}";
            return null;
        }
        var parts = frames.Skip(delimiter + 2).Take(4).ToArray();
        // Beyond these four there may be binary buffers, which no message of this kernel has; they are not signed either.
        if (!IsSigned(frames[delimiter + 1], parts))
        {
            fault = "wrong signature";
            return null;
        }
        try
        {
            if (Parse(parts[0]) is JsonObject header && Parse(parts[3]) is JsonObject content
                && header["msg_type"] is JsonValue type && type.TryGetValue(out string? _))
            {
                fault = null;
                return new Request([.. frames.Take(delimiter)], header, content);
            }
            fault = "malformed: header and content must be objects, and the header needs a msg_type";
        }
        catch (JsonException error)
        {
            fault = $"malformed: {error.Message}";
        }
        return null;
    }

    private static JsonNode? Parse(byte[] json) => JsonNode.Parse(json, documentOptions: new() { AllowDuplicateProperties = false });

    private bool IsSigned(byte[] signature, byte[][] parts)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        return signature.Length == 2 * given.Length
            && Convert.FromHexString(Encoding.ASCII.GetString(signature), given, out _, out _) == OperationStatus.Done
            && CryptographicOperations.FixedTimeEquals(given, Sign(parts));
    }

    private byte[] Sign(byte[][] parts)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        foreach (byte[] part in parts)
            hash.AppendData(part);
        return hash.GetHashAndReset();
    }

    private static byte[] Bytes(JsonObject json)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, Json))
            json.WriteTo(writer);
        return bytes.WrittenSpan.ToArray();
    }
}
