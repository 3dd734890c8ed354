// The "normalizer" of a tokenizer.json: what is done to a text before it is cut into words.

using System.Text.RegularExpressions;

namespace LowRank;

internal abstract class Normalizer
{
    public abstract AlignedText Apply(AlignedText text);

    /// <summary>Null for a file without one.</summary>
    public static Normalizer? Read(JsonPart? part) => part is { } some ? Of(some) : null;

    private static Normalizer Of(JsonPart part) => part.Type switch
    {
        "Sequence" => new Several([.. part.Parts("normalizers").Select(Of)]),
        "NFC" => new Form(UnicodeForm.Nfc),
        "NFD" => new Form(UnicodeForm.Nfd),
        "NFKC" => new Form(UnicodeForm.Nfkc),
        "NFKD" => new Form(UnicodeForm.Nfkd),
        "Prepend" => new Prepend(part.Text("prepend")),
        "Replace" => new Replace(TextPattern.Read(part), part.Text("content")),
        var other => throw part.NotSupported("type", other, "Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace"),
    };

    private sealed class Several(Normalizer[] normalizers) : Normalizer
    {
        public override AlignedText Apply(AlignedText text) => normalizers.Aggregate(text, (current, normalizer) => normalizer.Apply(current));
    }

    private sealed class Form(UnicodeForm form) : Normalizer
    {
        public override AlignedText Apply(AlignedText text) => form.Holds(text.Chars) ? text : text.Changed(form.Of(text.Chars));
    }

    /// <summary>Puts a text before one that is not empty.</summary>
    private sealed class Prepend(string added) : Normalizer
    {
        public override AlignedText Apply(AlignedText text)
        {
            if (text.Length == 0) return text;
            var result = new AlignedText.Builder(text.Length + added.Length);
            PutBefore(result, added, text, 0, text.Length);
            return result.Text;
        }
    }

    private sealed class Replace(TextPattern pattern, string content) : Normalizer
    {
        public override AlignedText Apply(AlignedText text)
        {
            var matches = new List<(int Start, int Length)>();
            pattern.Find(text.Chars, matches);
            if (matches.Count == 0) return text;
            var result = new AlignedText.Builder(text.Length);
            var at = 0;
            foreach (var (start, length) in matches)
            {
                result.Add(text, at, start);
                at = start + length;
                result.Add(content, text.Last(at));
            }
            result.Add(text, at, text.Length);
            return result.Text;
        }
    }

    /// <summary>Appends <paramref name="added"/> and a part of a text that is not empty; what is added shares the place of the part's
    /// first character.</summary>
    public static void PutBefore(AlignedText.Builder result, string added, AlignedText text, int start, int end)
    {
        var pair = start + 1 < end && char.IsSurrogatePair(text.Chars[start], text.Chars[start + 1]);
        result.Add(added, text.Original(start, start + (pair ? 2 : 1)));
        result.Add(text, start, end);
    }
}

/// <summary>A "pattern" of a tokenizer.json: {"String": …} or {"Regex": …}.</summary>
internal sealed class TextPattern
{
    private readonly string? literal;
    private readonly TokenRegex? regex;

    private TextPattern(string? literal, TokenRegex? regex) => (this.literal, this.regex) = (literal, regex);

    /// <summary>The "pattern" of a part.</summary>
    public static TextPattern Read(JsonPart part)
    {
        var pattern = part.NeededPart("pattern");
        if (pattern.TextOrNull("String") is { } literal)
            return literal.Length > 0 ? new(literal, null) : throw pattern.Wrong("String", "is empty");
        try
        {
            return new(null, new(pattern.TextOrNull("Regex") ?? throw new InvalidDataException("it has neither \"String\" nor \"Regex\"")));
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{pattern.Where}: {error.Message}", error);
        }
    }

    /// <summary>Adds where the pattern matches.</summary>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        if (regex is not null)
        {
            regex.Find(text, matches);
            return;
        }
        for (int at = 0, found; (found = text[at..].IndexOf(literal, StringComparison.Ordinal)) >= 0; at += found + literal!.Length)
            matches.Add((at + found, literal!.Length));
    }

    /// <summary>A token with its matches replaced.</summary>
    public string Replace(string text, string content)
    {
        if (literal is not null) return text.Replace(literal, content, StringComparison.Ordinal);
        var matches = new List<(int Start, int Length)>();
        regex!.Find(text, matches);
        foreach (var (start, length) in Enumerable.Reverse(matches)) text = string.Concat(text.AsSpan(0, start), content, text.AsSpan(start + length));
        return text;
    }
}
