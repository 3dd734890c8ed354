// The "model" of a tokenizer.json, of type BPE: a word becomes characters (or bytes), those become ids, and learned pairs of ids are
// merged. A character without an id becomes its UTF-8 bytes (<0xE2>), the unknown token, or nothing, as the file says.

using System.Globalization;
using System.Text;

namespace LowRank;

/// <summary>The tokens of a word: ids, and which chars of the word each covers. Two may share a character, each with some of its bytes.</summary>
internal sealed record WordTokens(int[] Ids, int[] Starts, int[] Ends);

internal sealed class BpeModel
{
    private readonly Dictionary<string, int> ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> idsBySpan;
    private readonly int[]? byteIds, fallback;
    private readonly int? unknown;
    private readonly bool fuseUnknown, ignoreMerges;
    private readonly BpeMerger merger;

    /// <param name="file">A file that was checked.</param>
    public BpeModel(TokenizerFile file)
    {
        (ids, fuseUnknown, ignoreMerges) = (file.ModelIds, file.FuseUnknown, file.IgnoreMerges);
        idsBySpan = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        unknown = file.UnknownToken is { } token ? ids[token] : null;
        if (file.ByBytes) byteIds = [.. Enumerable.Range(0, 256).Select(value => ids[ByteLevel.Character((byte)value).ToString()])];
        if (file.ByteFallback) fallback = [.. Enumerable.Range(0, 256).Select(value => ids.GetValueOrDefault(FallbackToken(value), -1))];
        merger = new(file.RankMerges());
    }

    /// <summary>The token of a byte: &lt;0xE2&gt;.</summary>
    public static string FallbackToken(int value) => $"<0x{value:X2}>";

    /// <summary>The byte that a token such as &lt;0xE2&gt; stands for, or null.</summary>
    public static byte? FallbackByte(string token) => token is ['<', '0', 'x', _, _, '>']
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;

    /// <summary>The tokens of a word that is not empty.</summary>
    public WordTokens Apply(ReadOnlySpan<char> word)
    {
        var bytes = Encoding.UTF8.GetBytes(word.ToString());
        if (ignoreMerges && ids.TryGetValue(byteIds is null ? word.ToString() : string.Concat(bytes.Select(ByteLevel.Character)), out var whole))
            return new([whole], [0], [word.Length]);

        var (symbols, lengths) = byteIds is null ? Characters(word) : ([.. bytes.Select(value => byteIds[value])], [.. Enumerable.Repeat(1, bytes.Length)]);
        (symbols, lengths) = merger.Apply(symbols, lengths);
        return Placed(word, bytes.Length, symbols, lengths);
    }

    /// <summary>An id and a number of bytes for each character, or for each of its bytes.</summary>
    private (int[] Symbols, int[] Lengths) Characters(ReadOnlySpan<char> word)
    {
        var (symbols, lengths) = (new List<int>(word.Length), new List<int>(word.Length));
        var unknownBytes = 0; // seen since, and not yet a symbol
        var dropped = 0;      // bytes before the first symbol that have none
        Span<byte> utf8 = stackalloc byte[4];
        for (int at = 0, size; at < word.Length; at += size)
        {
            Rune.DecodeFromUtf16(word[at..], out var rune, out size);
            var bytes = utf8[..rune.EncodeToUtf8(utf8)];
            if (idsBySpan.TryGetValue(word.Slice(at, size), out var id))
            {
                Flush();
                Add(id, bytes.Length);
            }
            else if (fallback is not null && !Lacks(bytes))
                foreach (var value in bytes) Add(fallback[value], 1);
            else if (unknown is not null)
            {
                if (!fuseUnknown) Flush();
                unknownBytes += bytes.Length;
            }
            else if (lengths.Count > 0) lengths[^1] += bytes.Length; // no token; its neighbours can merge, and the one before covers it
            else dropped += bytes.Length;
        }
        Flush();
        return ([.. symbols], [.. lengths]);

        void Flush()
        {
            if (unknownBytes > 0) Add(unknown!.Value, unknownBytes);
            unknownBytes = 0;
        }

        void Add(int id, int length)
        {
            symbols.Add(id);
            lengths.Add(length + dropped);
            dropped = 0;
        }
    }

    private bool Lacks(ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
            if (fallback![value] < 0) return true;
        return false;
    }

    /// <summary>From numbers of bytes to chars of the word.</summary>
    private static WordTokens Placed(ReadOnlySpan<char> word, int byteCount, int[] symbols, int[] lengths)
    {
        var (starts, ends) = (new int[symbols.Length], new int[symbols.Length]);
        if (byteCount == word.Length) // ASCII
        {
            for (int i = 0, sum = 0; i < symbols.Length; i++) (starts[i], ends[i]) = (sum, sum += lengths[i]);
            return new(symbols, starts, ends);
        }
        var places = new (int Start, int End)[byteCount]; // of each byte, its character's
        for (int at = 0, to = 0, size; at < word.Length; at += size)
        {
            Rune.DecodeFromUtf16(word[at..], out var rune, out size);
            for (var i = rune.Utf8SequenceLength; i > 0; i--) places[to++] = (at, at + size);
        }
        for (int i = 0, at = 0; i < symbols.Length; at += lengths[i++])
            (starts[i], ends[i]) = (places[at].Start, places[at + lengths[i] - 1].End);
        return new(symbols, starts, ends);
    }
}
