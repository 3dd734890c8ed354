// The byte-level half of GPT-2's tokenizer (Radford et al. 2019): how text is cut into words before merging, and the
// printable character that stands for each of the 256 bytes in a vocabulary file.

using System.Globalization;
using System.Text;

namespace LowRank;

internal static class ByteLevel
{
    private static readonly char[] Characters = MakeCharacters();
    private static readonly Dictionary<char, byte> Bytes = Characters.Index().ToDictionary(pair => pair.Item, pair => (byte)pair.Index);

    /// <summary>The character that stands for a byte: itself if printable Latin-1, else one from U+0100 on.</summary>
    public static char Character(byte value) => Characters[value];

    /// <summary>The 256 characters in the order of their code points, the order of a trained vocabulary's first entries.</summary>
    public static IEnumerable<char> Alphabet => Characters.Order();

    /// <summary>The bytes that a token's characters stand for; false if one of them stands for none.</summary>
    public static bool TryBytes(string token, out byte[] bytes)
    {
        bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
            if (!Bytes.TryGetValue(token[i], out bytes[i])) return false;
        return true;
    }

    /// <summary>The length in chars of the first word of a text that is not empty. Words are the matches of GPT-2's pattern
    /// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>
    /// over code points; .NET's regular expressions see UTF-16 units and would cut letters beyond U+FFFF differently.
    /// Half a surrogate pair counts as U+FFFD.</summary>
    public static int WordLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && Contraction(text[1..]) is > 0 and var length) return 1 + length;

        var first = Kind(text, out var size);
        if (first == Kinds.Space)
        {
            // One space joins the word after it; of a longer run of white space all but the last character stay behind.
            if (text[0] != ' ' || text.Length == 1 || Kind(text[1..], out _) == Kinds.Space) return SpaceLength(text);
            return 1 + RunLength(text[1..], Kind(text[1..], out _));
        }
        return size + RunLength(text[size..], first);
    }

    private enum Kinds { Letter, Number, Space, Other }

    private static int Contraction(ReadOnlySpan<char> text) => text switch
    {
        ['s' or 't' or 'm' or 'd', ..] => 1,
        ['r', 'e', ..] or ['v', 'e', ..] or ['l', 'l', ..] => 2,
        _ => 0,
    };

    private static int SpaceLength(ReadOnlySpan<char> text)
    {
        int length = 0, last = 0;
        while (length < text.Length && Kind(text[length..], out var size) == Kinds.Space) length += last = size;
        return length < text.Length && length > last ? length - last : length;
    }

    private static int RunLength(ReadOnlySpan<char> text, Kinds kind)
    {
        var length = 0;
        while (length < text.Length && Kind(text[length..], out var size) == kind) length += size;
        return length;
    }

    private static Kinds Kind(ReadOnlySpan<char> text, out int size)
    {
        if (char.IsAscii(text[0]))
        {
            size = 1;
            return char.IsAsciiLetter(text[0]) ? Kinds.Letter
                : char.IsAsciiDigit(text[0]) ? Kinds.Number
                : char.IsWhiteSpace(text[0]) ? Kinds.Space : Kinds.Other;
        }
        Rune.DecodeFromUtf16(text, out var rune, out size);
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kinds.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kinds.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kinds.Space : Kinds.Other,
        };
    }

    private static char[] MakeCharacters()
    {
        var characters = new char[256];
        var next = '\u0100';
        for (var value = 0; value < 256; value++)
            characters[value] = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)value : next++;
        return characters;
    }
}
