// A safetensors file is: the header's length (8 bytes, little-endian), the header (JSON, at most 100 MB, begins with '{',
// may end in spaces), the data. The header maps each tensor's name to dtype, shape and [begin, end) within the data, and
// "__metadata__" to strings. The tensors tile the data: no overlap, no hole, nothing after the last one.
// Everything is checked here, before any data is touched; memory stays proportional to the header's length.

using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace LowRank;

/// <summary>One tensor of a safetensors file: its data is bytes <paramref name="Begin"/> to <paramref name="End"/> (exclusive)
/// after the header, row-major, little-endian.</summary>
public sealed record SafeTensorsInfo(string Name, SafeTensorsType Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Bytes of data.</summary>
    public long ByteCount => End - Begin;
}

internal sealed class SafeTensorsHeader
{
    public const int MaximumLength = 100_000_000;
    public const string MetadataName = "__metadata__";

    /// <summary>The tensors in the order of their data.</summary>
    public required IReadOnlyList<SafeTensorsInfo> Tensors { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Where the data begins in the file.</summary>
    public required long DataStart { get; init; }

    /// <summary>Checks the length word against the file's length and returns where the data begins.</summary>
    public static long ParseLength(string file, ReadOnlySpan<byte> first8, long fileLength)
    {
        if (fileLength < 8) throw Bad(file, $"{fileLength} bytes are too few for a safetensors file");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(first8);
        if (length > MaximumLength) throw Bad(file, $"the header claims {length} bytes; the format allows {MaximumLength}");
        if ((long)length > fileLength - 8) throw Bad(file, $"the header claims {length} bytes and the file has {fileLength - 8} after its length: cut short?");
        return 8 + (long)length;
    }

    /// <summary>Parses and checks the header's JSON. <paramref name="fileLength"/> is that of the whole file.</summary>
    public static SafeTensorsHeader Parse(string file, ReadOnlySpan<byte> json, long fileLength)
    {
        if (json.IsEmpty || json[0] != (byte)'{') throw Bad(file, "the header does not begin with '{'");
        if (!Utf8.IsValid(json)) throw Bad(file, "the header is not UTF-8");
        var text = json.TrimEnd((byte)' ');
        if (text[^1] != (byte)'}') throw Bad(file, "the header is not a JSON object followed by nothing but spaces");

        var reader = new Utf8JsonReader(text);
        List<SafeTensorsInfo> tensors;
        Dictionary<string, string>? metadata = null;
        try
        {
            (tensors, metadata) = new Parser(file).Read(ref reader);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            // The reader reports an escaped lone surrogate as InvalidOperationException.
            throw Bad(file, $"the header is not valid JSON: {error.Message}");
        }

        tensors.Sort((left, right) => (left.Begin, left.End).CompareTo((right.Begin, right.End)));
        var header = new SafeTensorsHeader { Tensors = tensors, Metadata = metadata ?? [], DataStart = 8 + json.Length };
        header.CheckTiling(file, fileLength - header.DataStart);
        return header;
    }

    private void CheckTiling(string file, long dataLength)
    {
        var end = 0L;
        foreach (var tensor in Tensors)
        {
            if (tensor.Begin < end) throw Bad(file, tensor.Name, $"its data begins at {tensor.Begin}, within the tensor before it, which ends at {end}");
            if (tensor.Begin > end) throw Bad(file, tensor.Name, $"bytes {end} to {tensor.Begin} before its data belong to no tensor");
            end = tensor.End;
        }
        if (end != dataLength) throw Bad(file, $"the tensors take {end} bytes and the file has {dataLength}: {(end > dataLength ? "cut short" : "something follows the last tensor")}");
    }

    /// <summary>The 8 length bytes and the header, padded with spaces so that the data begins at a multiple of 8.</summary>
    public static byte[] Compose(string file, IEnumerable<SafeTensorsInfo> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = new StringBuilder("{");
        if (metadata is { Count: > 0 })
        {
            PlainJson.AppendString(json, MetadataName).Append(":{");
            foreach (var (index, key) in metadata.Keys.Order(StringComparer.Ordinal).Index())
            {
                PlainJson.AppendString(index > 0 ? json.Append(',') : json, key).Append(':');
                PlainJson.AppendString(json, metadata[key]);
            }
            json.Append('}');
        }
        foreach (var tensor in tensors)
        {
            PlainJson.AppendString(json.Length > 1 ? json.Append(',') : json, tensor.Name)
                .Append($":{{\"dtype\":\"{tensor.Type}\",\"shape\":[{string.Join(',', tensor.Shape)}],\"data_offsets\":[{tensor.Begin},{tensor.End}]}}");
        }
        json.Append('}');

        byte[] text;
        try
        {
            text = PlainJson.Utf8.GetBytes(json.ToString());
        }
        catch (EncoderFallbackException)
        {
            throw Bad(file, "a tensor's name or the metadata holds half of a surrogate pair, which has no UTF-8");
        }
        var length = (text.Length + 7) / 8 * 8;
        if (length > MaximumLength) throw Bad(file, $"its header would take {length} bytes; the format allows {MaximumLength}");
        var bytes = new byte[8 + length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)length);
        text.CopyTo(bytes, 8);
        bytes.AsSpan(8 + text.Length).Fill((byte)' ');
        return bytes;
    }

    public static InvalidDataException Bad(string file, string what) => new($"{file}: {what}");

    public static InvalidDataException Bad(string file, string tensor, string what) => new($"{file}: tensor \"{tensor}\": {what}");

    /// <summary>Reads the object of objects token by token: System.Text.Json's documents would merge or keep duplicate keys.</summary>
    private readonly struct Parser(string file)
    {
        private readonly string file = file;

        public (List<SafeTensorsInfo>, Dictionary<string, string>?) Read(ref Utf8JsonReader reader)
        {
            var tensors = new List<SafeTensorsInfo>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            Dictionary<string, string>? metadata = null;
            reader.Read();
            while (NextKey(ref reader, out var name))
            {
                if (!names.Add(name)) throw Bad(file, name, "it stands twice in the header");
                if (name == MetadataName) metadata = ReadMetadata(ref reader);
                else tensors.Add(ReadTensor(ref reader, name));
            }
            if (reader.Read()) throw Bad(file, "something follows the header's JSON object");
            return (tensors, metadata);
        }

        private Dictionary<string, string> ReadMetadata(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject) throw Bad(file, $"{MetadataName} is not an object of strings");
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            while (NextKey(ref reader, out var key))
            {
                if (reader.TokenType != JsonTokenType.String) throw Bad(file, $"{MetadataName}: \"{key}\" is not a string");
                if (!metadata.TryAdd(key, reader.GetString()!)) throw Bad(file, $"{MetadataName}: \"{key}\" stands twice");
            }
            return metadata;
        }

        private SafeTensorsInfo ReadTensor(ref Utf8JsonReader reader, string name)
        {
            if (reader.TokenType != JsonTokenType.StartObject) throw Bad(file, name, "it is not described by an object");
            SafeTensorsType? type = null;
            List<long>? shape = null, offsets = null;
            var keys = new HashSet<string>(StringComparer.Ordinal);
            while (NextKey(ref reader, out var key))
            {
                if (!keys.Add(key)) throw Bad(file, name, $"{key} stands twice");
                switch (key)
                {
                    case "dtype":
                        if (reader.TokenType != JsonTokenType.String) throw Bad(file, name, "dtype is not a string");
                        var text = reader.GetString()!;
                        type = SafeTensorsTypes.TryParse(text, out var parsed) ? parsed : throw Bad(file, name, $"unknown dtype \"{text}\"");
                        break;
                    case "shape":
                        shape = ReadNumbers(ref reader, name, key);
                        break;
                    case "data_offsets":
                        offsets = ReadNumbers(ref reader, name, key);
                        break;
                    default:
                        reader.Skip(); // fields that a later version of the format may add
                        break;
                }
            }
            if (type is null) throw Bad(file, name, "dtype is missing");
            if (shape is null) throw Bad(file, name, "shape is missing");
            if (offsets is null) throw Bad(file, name, "data_offsets is missing");
            if (offsets.Count != 2) throw Bad(file, name, $"data_offsets has {offsets.Count} numbers, not 2");
            if (offsets[1] < offsets[0]) throw Bad(file, name, $"data_offsets [{offsets[0]}, {offsets[1]}] end before they begin");
            long needed;
            try
            {
                needed = SafeTensorsTypes.ByteCount(type.Value, shape);
            }
            catch (InvalidDataException error)
            {
                throw Bad(file, name, error.Message);
            }
            return needed == offsets[1] - offsets[0]
                ? new(name, type.Value, shape, offsets[0], offsets[1])
                : throw Bad(file, name, $"shape [{string.Join(", ", shape)}] of {type} takes {needed} bytes and its data_offsets span {offsets[1] - offsets[0]}");
        }

        private List<long> ReadNumbers(ref Utf8JsonReader reader, string name, string key)
        {
            if (reader.TokenType != JsonTokenType.StartArray) throw Bad(file, name, $"{key} is not an array");
            var numbers = new List<long>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
                    throw Bad(file, name, $"{key} holds something other than whole numbers from 0 to 2^63 - 1");
                numbers.Add(number);
            }
            return numbers;
        }

        /// <summary>Moves to the next member's value, or past the object's end.</summary>
        private static bool NextKey(ref Utf8JsonReader reader, out string key)
        {
            reader.Read();
            key = reader.TokenType == JsonTokenType.PropertyName ? reader.GetString()! : "";
            return reader.TokenType == JsonTokenType.PropertyName && reader.Read();
        }
    }
}
