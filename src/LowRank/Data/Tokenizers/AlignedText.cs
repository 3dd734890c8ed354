// Text on its way through normalizer and pre-tokenizer, with the place in the original text that each char comes from. As long
// as nothing was changed that place is its own, and nothing is kept. Where a char that was not there is put in, it takes the place
// of the char before it, as in Hugging Face's `tokenizers`, so that offsets are the same.

using System.Text;

namespace LowRank;

internal sealed class AlignedText
{
    private readonly ReadOnlyMemory<char> chars;
    private readonly int offset;                    // of the first char, while unchanged
    private readonly (int Start, int End)[]? places;

    /// <summary>A part of the original text.</summary>
    public AlignedText(ReadOnlyMemory<char> chars, int offset) => (this.chars, this.offset) = (chars, offset);

    private AlignedText(char[] chars, (int, int)[] places) => (this.chars, this.places) = (chars, places);

    public ReadOnlySpan<char> Chars => chars.Span;

    public ReadOnlyMemory<char> Memory => chars;

    public int Length => chars.Length;

    /// <summary>Where chars from <paramref name="start"/> to before <paramref name="end"/> (not empty) come from.</summary>
    public (int Start, int End) Original(int start, int end) =>
        places is null ? (offset + start, offset + end) : (places[start].Start, places[end - 1].End);

    public AlignedText Slice(int start, int length) => places is null
        ? new(chars.Slice(start, length), offset + start)
        : new(chars.Slice(start, length).ToArray(), places[start..(start + length)]);

    /// <summary>The text that a list of characters makes of this one. Change 0 stands for the next character of this text, 1 for one
    /// put in, −n for one that takes the place of the next and of the n after it.</summary>
    public AlignedText Changed(IEnumerable<(Rune Rune, int Change)> characters)
    {
        var result = new Builder(Length);
        var next = 0;
        var place = (Start: 0, End: 0);
        foreach (var (rune, change) in characters)
        {
            if (change <= 0)
            {
                place = Original(next, next + SizeAt(next));
                for (var skipped = 0; skipped <= -change; skipped++) next += SizeAt(next);
            }
            else if (next > 0) place = Last(next);
            result.Add(rune, place);
        }
        return result.Text;
    }

    /// <summary>Where the character that ends before <paramref name="end"/> comes from.</summary>
    public (int Start, int End) Last(int end) => Original(end >= 2 && char.IsSurrogatePair(Chars[end - 2], Chars[end - 1]) ? end - 2 : end - 1, end);

    private int SizeAt(int index) => index + 1 < Length && char.IsSurrogatePair(Chars[index], Chars[index + 1]) ? 2 : 1;

    /// <summary>Puts a changed text together.</summary>
    public sealed class Builder(int capacity)
    {
        private readonly List<char> chars = new(capacity);
        private readonly List<(int, int)> places = new(capacity);

        public int Length => chars.Count;

        public AlignedText Text => new([.. chars], [.. places]);

        public void Add(char value, (int, int) place)
        {
            chars.Add(value);
            places.Add(place);
        }

        public void Add(Rune rune, (int, int) place)
        {
            Span<char> units = stackalloc char[2];
            foreach (var unit in units[..rune.EncodeToUtf16(units)]) Add(unit, place);
        }

        public void Add(string text, (int, int) place)
        {
            foreach (var value in text) Add(value, place);
        }

        public void Add(AlignedText text, int start, int end)
        {
            for (var i = start; i < end; i++) Add(text.Chars[i], text.Original(i, i + 1));
        }
    }
}
