// A file of records that may be larger than memory: one pass finds where they are (16 bytes a record are kept), and each is read again when
// it is asked for.

using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using nietras.SeparatedValues;

namespace LowRank;

internal sealed class RecordFile
{
    private const int BufferSize = 1 << 20, LongestRecord = 1 << 26;

    private readonly string path;
    private readonly SafeFileHandle file;
    private readonly RecordScanner scanner;
    private readonly char separator = ',';
    private readonly string[] header = [];
    private readonly ExampleForm form;
    private readonly List<(long Offset, int Length)> places = [];
    private readonly List<uint> hashes = [];

    public RecordFile(string path, ExampleForm? form)
    {
        this.path = path;
        file = File.OpenHandle(path, options: FileOptions.RandomAccess);
        var start = new byte[64];
        var text = Encoding.UTF8.GetString(start, 0, RandomAccess.Read(file, start, 0)).TrimStart('\uFEFF').TrimStart();
        var extension = Path.GetExtension(path).ToLowerInvariant();
        var table = extension is ".csv" or ".tsv";
        scanner = table ? new RecordScanner.Table() : text.StartsWith('[') ? new RecordScanner.List()
            : text.StartsWith('{') || extension is ".jsonl" or ".ndjson" ? new RecordScanner.Lines()
            : throw new InvalidDataException($"{path}: neither a table (.csv, .tsv) nor JSON, as a list of objects or one object a line");

        foreach (var (offset, line, bytes) in Records())
        {
            try
            {
                if (table && header.Length == 0)
                {
                    separator = extension == ".tsv" ? '\t' : bytes.Span.IndexOf((byte)',') < 0 && bytes.Span.IndexOf((byte)';') >= 0 ? ';' : ',';
                    header = Fields(bytes.Span);
                    if (header.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new InvalidDataException($"two columns are named \"{twice.Key}\"");
                    form ??= ExampleForm.Detect(header);
                    continue;
                }
                hashes.Add((uint)StableHash.Mix(StableHash.Of(Read(bytes, row => (form ??= ExampleForm.Detect(row.Columns)).Make(row)).Asked)));
            }
            catch (Exception error) when (error is InvalidDataException or JsonException or DecoderFallbackException or InvalidOperationException)
            {
                throw new InvalidDataException($"{path}, line {line}: {Reason(error)}", error);
            }
            places.Add((offset, bytes.Length));
        }
        if (places.Count == 0) throw new InvalidDataException($"{path} has no record");
        this.form = form!;
    }

    public int Count => places.Count;

    /// <summary>Equal for records that ask the same.</summary>
    public uint Hash(int index) => hashes[index];

    public Example this[int index]
    {
        get
        {
            var (offset, length) = places[index];
            var bytes = new byte[length];
            try
            {
                for (int done = 0, read; done < length; done += read)
                    if ((read = RandomAccess.Read(file, bytes.AsSpan(done), offset + done)) == 0) throw new InvalidDataException("it ends before that");
                return Read(bytes, form.Make);
            }
            catch (Exception error) when (error is InvalidDataException or JsonException or DecoderFallbackException or InvalidOperationException)
            {
                throw new InvalidDataException($"{path} has changed since it was opened: record {index + 1}, at byte {offset:N0}: {Reason(error)}", error);
            }
        }
    }

    /// <summary>The file's records, each with its place and its line; blank lines are none.</summary>
    private IEnumerable<(long Offset, long Line, ReadOnlyMemory<byte> Bytes)> Records()
    {
        var (buffer, begin, end, seen) = (new byte[BufferSize], 0, 0, 0);  // the record that is looked at begins at buffer[begin]
        var (offset, line, ended) = (0L, 1L, false);                        // of buffer[begin]
        while (true)
        {
            var length = end > begin ? scanner.End(buffer.AsSpan(begin, end - begin), seen) : -1;
            if (length < 0 && !ended)
            {
                seen = end - begin;
                if (begin > 0) buffer.AsSpan(begin, seen).CopyTo(buffer);
                (begin, end) = (0, seen);
                if (end == buffer.Length) Array.Resize(ref buffer, buffer.Length <= LongestRecord / 2 ? 2 * buffer.Length
                    : throw new InvalidDataException($"{path}, line {line}: the record does not end within {LongestRecord:N0} bytes"));
                var read = RandomAccess.Read(file, buffer.AsSpan(end), offset + end);
                ended = read == 0;
                end += read;
                continue;
            }
            if (length < 0)
            {
                length = end - begin;
                if (!scanner.EndsWithFile && !Rest(buffer.AsSpan(begin, length)))
                {
                    line += buffer.AsSpan(begin, Blank(buffer.AsSpan(begin, length), offset == 0)).Count((byte)'\n');
                    throw new InvalidDataException($"{path}, line {line}: the file ends within a record");
                }
                if (scanner is RecordScanner.List) yield break;
            }
            var skipped = Blank(buffer.AsSpan(begin, length), offset == 0);
            line += buffer.AsSpan(begin, skipped).Count((byte)'\n');
            if (skipped < length) yield return (offset + skipped, line, buffer.AsMemory(begin + skipped, length - skipped));
            line += buffer.AsSpan(begin + skipped, length - skipped).Count((byte)'\n');
            (begin, offset, seen) = (begin + length, offset + length, 0);
            if (ended && begin == end) yield break;
        }
    }

    /// <summary>Bytes before a record: white space, a byte-order mark, and in a list what parts its objects.</summary>
    private int Blank(ReadOnlySpan<byte> bytes, bool first)
    {
        var start = first && bytes is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0;
        var rest = bytes[start..];
        var content = scanner switch
        {
            RecordScanner.List => rest.IndexOfAnyExcept(" \t\r\n,["u8),
            RecordScanner.Table => rest.IndexOfAnyExcept("\r\n"u8),  // white space may be a field
            _ => rest.IndexOfAnyExcept(" \t\r\n"u8),
        };
        return content < 0 ? bytes.Length : start + content;
    }

    /// <summary>True for what may follow the last object of a list.</summary>
    private static bool Rest(ReadOnlySpan<byte> bytes) => bytes.Trim(" \t\r\n"u8) is [(byte)']'];

    private Example Read(ReadOnlyMemory<byte> bytes, Func<ExampleRow, Example> make)
    {
        if (scanner is RecordScanner.Table)
        {
            var fields = Fields(bytes.Span);
            return fields.Length == header.Length ? make(new CsvRow(header, fields))
                : throw new InvalidDataException($"the record has {fields.Length} columns and the header {header.Length}");
        }
        using var json = JsonDocument.Parse(bytes);
        return json.RootElement.ValueKind == JsonValueKind.Object ? make(new JsonRow(json.RootElement)) : throw new InvalidDataException("the record is not a JSON object");
    }

    private string[] Fields(ReadOnlySpan<byte> bytes)
    {
        using var reader = Sep.New(separator).Reader(options => options with { HasHeader = false, Unescape = true, DisableColCountCheck = true }).FromText(PlainJson.Utf8.GetString(bytes));
        foreach (var row in reader)
        {
            var fields = new string[row.ColCount];
            for (var i = 0; i < fields.Length; i++) fields[i] = row[i].ToString();
            return fields;
        }
        return [];
    }

    private static string Reason(Exception error) => error switch
    {
        JsonException json => $"not valid JSON (byte {json.BytePositionInLine} of its line): {json.Message.Split(". ")[0].Split(" LineNumber")[0]}",
        DecoderFallbackException or InvalidOperationException => "not UTF-8",
        _ => error.Message,
    };
}
