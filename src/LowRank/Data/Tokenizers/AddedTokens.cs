// Tokens that are found in text as a whole, before anything is merged. Those that are not "normalized" are looked for in the text as it
// was given, the others in the normalized text. Of several that begin at one place the longest is taken.

using System.Buffers;
using System.Globalization;
using System.Text;

namespace LowRank;

/// <summary>A token that is found in text as a whole before anything is merged, such as <c>&lt;|endoftext|&gt;</c>.
/// Special ones can be left out when decoding.</summary>
public sealed record AddedToken(int Id, string Content, bool Special)
{
    /// <summary>Found only where no letter, digit or underscore touches it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>Takes the white space before it along.</summary>
    public bool LeftStrip { get; init; }

    /// <summary>Takes the white space after it along.</summary>
    public bool RightStrip { get; init; }

    /// <summary>Looked for in the text after normalization.</summary>
    public bool Normalized { get; init; }
}

/// <summary>Finds one set of added tokens.</summary>
internal sealed class AddedTokenSearch
{
    private readonly Dictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> byContent;
    private readonly Dictionary<char, int[]> lengths = []; // by first char, the longest first
    private readonly SearchValues<char> firstChars;

    /// <param name="tokens">With the text that each is found by.</param>
    public AddedTokenSearch(IEnumerable<(string Content, AddedToken Token)> tokens)
    {
        var known = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var (content, token) in tokens)
            if (content.Length > 0) known.TryAdd(content, token);
        byContent = known.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var group in known.Keys.GroupBy(content => content[0])) lengths[group.Key] = [.. group.Select(content => content.Length).Distinct().OrderDescending()];
        firstChars = SearchValues.Create([.. lengths.Keys]);
    }

    public bool IsEmpty => lengths.Count == 0;

    /// <summary>The text as stretches in their order: without a token, or with the one that was found there. None is empty.</summary>
    public IEnumerable<(int Start, int End, AddedToken? Token)> Cut(ReadOnlyMemory<char> memory)
    {
        var done = 0;
        for (var at = 0; Next(memory.Span, ref at) is { } token;)
        {
            var text = memory.Span;
            var (start, end) = (at, at + token.Key.Length);
            at = end;
            if (token.Value.SingleWord && (IsWord(LastRune(text[..start])) || IsWord(FirstRune(text[end..])))) continue;
            if (token.Value.LeftStrip) start = Math.Max(done, text[..start].TrimEnd().Length);
            if (token.Value.RightStrip) end += text.Length - end - text[end..].TrimStart().Length;
            if (done < start) yield return (done, start, null);
            yield return (start, end, token.Value);
            done = end;
        }
        if (done < memory.Length) yield return (done, memory.Length, null);
    }

    private KeyValuePair<string, AddedToken>? Next(ReadOnlySpan<char> text, ref int at)
    {
        for (int found; at < text.Length && (found = text[at..].IndexOfAny(firstChars)) >= 0; at++)
        {
            at += found;
            foreach (var length in lengths[text[at]])
                if (at + length <= text.Length && byContent.TryGetValue(text.Slice(at, length), out var content, out var token))
                    return new(content, token);
        }
        return null;
    }

    private static Rune? FirstRune(ReadOnlySpan<char> text) => Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.NeedMoreData && text.IsEmpty ? null : rune;

    private static Rune? LastRune(ReadOnlySpan<char> text) => Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.NeedMoreData && text.IsEmpty ? null : rune;

    /// <summary>\w of the reference's regular expressions: alphabetic, marks, digits, connectors, joiners.</summary>
    private static bool IsWord(Rune? rune) => rune is { } some && (Rune.IsLetterOrDigit(some)
        || some.Value is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189)
        || Rune.GetUnicodeCategory(some) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
            or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation);
}
