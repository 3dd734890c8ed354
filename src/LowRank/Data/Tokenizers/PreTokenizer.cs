// The "pre_tokenizer" of a tokenizer.json: what cuts a text into the words that are merged one by one. Some change the text too
// (▁ for spaces, a space in front), which is why each gets text and words and gives both.

using System.Globalization;
using System.Text;

namespace LowRank;

/// <summary>A text and where its words are.</summary>
internal readonly record struct Words(AlignedText Text, List<(int Start, int Length)> Places)
{
    public static Words Whole(AlignedText text) => new(text, text.Length > 0 ? [(0, text.Length)] : []);
}

internal abstract class PreTokenizer
{
    public abstract Words Apply(Words words);

    /// <summary>True if what comes out is to be read as bytes.</summary>
    public virtual bool ByBytes => false;

    /// <summary>Null for a file without one.</summary>
    public static PreTokenizer? Read(JsonPart? part) => part is { } some ? Of(some) : null;

    private static PreTokenizer Of(JsonPart part)
    {
        switch (part.Type)
        {
            case "Sequence":
                PreTokenizer[] steps = [.. part.Parts("pretokenizers").Select(Of)];
                return Array.FindIndex(steps, step => step.ByBytes) is >= 0 and var at && at < steps.Length - 1
                    ? throw part.Wrong($"pretokenizers[{at}]", "is ByteLevel and not the last; only the last may be")
                    : new Several(steps);
            case "ByteLevel": return new ByteLevelWords(part.Flag("add_prefix_space", true), part.Flag("use_regex", true));
            case "Split": return new Split(TextPattern.Read(part), Separators.Read(part), part.Flag("invert", false));
            case "Digits": return new Digits(part.Flag("individual_digits", false));
            case "Metaspace": return Metaspace.Read(part);
            default: throw part.NotSupported("type", part.Type, "Sequence, ByteLevel, Split, Digits, Metaspace");
        }
    }

    private sealed class Several(PreTokenizer[] steps) : PreTokenizer
    {
        public override bool ByBytes => steps.Any(step => step.ByBytes);

        public override Words Apply(Words words) => steps.Aggregate(words, (current, step) => step.Apply(current));
    }

    private sealed class Split(TextPattern pattern, Separators separators, bool invert) : PreTokenizer
    {
        public override Words Apply(Words words)
        {
            var (output, matches) = (new List<(int, int)>(), new List<(int Start, int Length)>());
            foreach (var (start, length) in words.Places)
            {
                matches.Clear();
                pattern.Find(words.Text.Chars.Slice(start, length), matches);
                separators.Cut(start, length, matches, invert, output);
            }
            return words with { Places = output };
        }
    }

    /// <summary>Numbers, of whatever script, apart from the rest: one by one or in runs.</summary>
    private sealed class Digits(bool individual) : PreTokenizer
    {
        public override Words Apply(Words words)
        {
            var output = new List<(int, int)>();
            foreach (var (start, length) in words.Places)
            {
                var (begin, end, inNumber) = (start, start + length, false);
                for (int at = start, size; at < end; at += size)
                {
                    Rune.DecodeFromUtf16(words.Text.Chars[at..end], out var rune, out size);
                    var number = Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
                    if (at > begin && (number != inNumber || (number && individual)))
                    {
                        output.Add((begin, at - begin));
                        begin = at;
                    }
                    inNumber = number;
                }
                output.Add((begin, end - begin));
            }
            return words with { Places = output };
        }
    }

    private sealed class ByteLevelWords(bool prefixSpace, bool gpt2) : PreTokenizer
    {
        public override bool ByBytes => true;

        public override Words Apply(Words words)
        {
            if (prefixSpace) words = PutBefore(words, " ", (text, start) => text.Chars[start] != ' ');
            if (!gpt2) return words;
            var output = new List<(int, int)>(words.Text.Length / 4 + 1);
            foreach (var (start, length) in words.Places)
                for (int at = start, size; at < start + length; at += size)
                    output.Add((at, size = ByteLevel.WordLength(words.Text.Chars[at..(start + length)])));
            return words with { Places = output };
        }
    }

    /// <summary>The words with a text put before those that want it.</summary>
    protected static Words PutBefore(Words words, string added, Func<AlignedText, int, bool> wanted)
    {
        if (!words.Places.Exists(place => wanted(words.Text, place.Start))) return words;
        var (text, places) = (new AlignedText.Builder(words.Text.Length + added.Length), new List<(int, int)>());
        foreach (var (start, length) in words.Places)
        {
            var begin = text.Length;
            Normalizer.PutBefore(text, wanted(words.Text, start) ? added : "", words.Text, start, start + length);
            places.Add((begin, text.Length - begin));
        }
        return new(text.Text, places);
    }

    /// <summary>SentencePiece's way: spaces become ▁, a word may get one in front, and words begin there.</summary>
    private sealed class Metaspace(char replacement, string scheme, bool split) : PreTokenizer
    {
        private readonly Separators atReplacements = Separators.MergedWithNext;

        public static Metaspace Read(JsonPart part)
        {
            var (replacement, scheme) = ReadReplacement(part);
            return new(replacement, scheme, part.Flag("split", true));
        }

        public override Words Apply(Words words)
        {
            if (words.Text.Chars.Contains(' '))
            {
                var text = new AlignedText.Builder(words.Text.Length);
                for (var i = 0; i < words.Text.Length; i++) text.Add(words.Text.Chars[i] == ' ' ? replacement : words.Text.Chars[i], words.Text.Original(i, i + 1));
                words = words with { Text = text.Text };
            }
            if (scheme != "never")
                words = PutBefore(words, replacement.ToString(), (text, start) => text.Chars[start] != replacement && (scheme == "always" || text.Original(start, start + 1).Start == 0));
            if (!split) return words;
            var (output, matches) = (new List<(int, int)>(), new List<(int, int)>());
            foreach (var (start, length) in words.Places)
            {
                matches.Clear();
                for (var i = 0; i < length; i++)
                    if (words.Text.Chars[start + i] == replacement) matches.Add((i, 1));
                atReplacements.Cut(start, length, matches, invert: false, output);
            }
            return words with { Places = output };
        }
    }

    /// <summary>What pre-tokenizer and decoder Metaspace have in common. Older files say add_prefix_space, newer ones prepend_scheme.</summary>
    public static (char Replacement, string Scheme) ReadReplacement(JsonPart part)
    {
        var replacement = part.Text("replacement");
        if (replacement.Length != 1) throw part.Wrong("replacement", $"is \"{replacement}\"; it must be one character");
        var scheme = part.TextOrNull("prepend_scheme") ?? (part.Flag("add_prefix_space", true) ? "always" : "never");
        if (scheme is not ("always" or "first" or "never")) throw part.Wrong("prepend_scheme", $"is \"{scheme}\"; it must be always, first or never");
        return part.FlagOrNull("add_prefix_space") == false && scheme != "never"
            ? throw part.Wrong("add_prefix_space", $"is false, while prepend_scheme is {scheme}")
            : (replacement[0], scheme);
    }
}
