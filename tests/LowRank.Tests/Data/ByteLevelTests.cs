using System.Text.RegularExpressions;

namespace LowRank.Tests.Data;

public sealed partial class ByteLevelTests
{
    // Right for texts without letters beyond U+FFFF, which .NET's \p{L} does not see.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Gpt2Pattern { get; }

    private static List<string> Words(string text)
    {
        var words = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            words.Add(text.Substring(start, ByteLevel.WordLength(text.AsSpan(start))));
            start += words[^1].Length;
        }
        return words;
    }

    [Fact]
    public void Words_of_an_example() =>
        Assert.Equal(["I", "'ll", " say", " \"", "it", "'s", " ", " 42", "nd", "!\"", "\n", "\n", "Yes"], Words("I'll say \"it's  42nd!\"\n\nYes"));

    [Fact]
    public void A_contraction_wins_over_the_word_it_begins() => Assert.Equal(["'s", "omething", " '", "s"], Words("'something 's"));

    [Fact]
    public void Words_are_the_matches_of_the_pattern_on_random_text()
    {
        var random = new Random(2);
        const string alphabet = "aZsrelvmdt'' \t\n\u00a0\u2003é中1٣½!-_\"\u0301€";
        for (var trial = 0; trial < 5000; trial++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => alphabet[random.Next(alphabet.Length)]));
            Assert.Equal(Gpt2Pattern.Matches(text).Select(match => match.Value), Words(text));
        }
    }

    [Fact]
    public void Letters_beyond_the_basic_plane_are_letters() => Assert.Equal([" 𝐀b𐐷", "😀😀", " 𝟙"], Words(" 𝐀b𐐷😀😀 𝟙"));

    [Fact]
    public void Each_byte_has_a_printable_character_of_its_own()
    {
        var characters = Enumerable.Range(0, 256).Select(value => ByteLevel.Character((byte)value)).ToList();
        Assert.Equal(256, characters.Distinct().Count());
        Assert.DoesNotContain(characters, character => char.IsWhiteSpace(character) || char.IsControl(character));
        // Known from GPT-2's vocabulary: space is Ġ, line feed Ċ, tab ĉ, 0x7F ġ, 0xAD Ń.
        Assert.Equal("ĠĊĉġŃA", string.Concat(new byte[] { 0x20, 0x0A, 0x09, 0x7F, 0xAD, 0x41 }.Select(ByteLevel.Character)));
        Assert.True(ByteLevel.TryBytes("Ġé", out var bytes));
        Assert.Equal([0x20, 0xE9], bytes);
        Assert.False(ByteLevel.TryBytes("a b", out _));
    }
}
