// Unicode's normalization forms (UAX #15). .NET's own are ICU's, and do nothing in a program that runs without ICU, as ours do.
// UnicodeForms.txt is made of the Unicode Character Database and knows Unicode 9.0, as the reference does; Hangul syllables are computed.

using System.Collections;
using System.Globalization;
using System.Text;

namespace LowRank;

internal sealed class UnicodeForm
{
    public static UnicodeForm Nfc { get; } = new(compatible: false, composed: true);
    public static UnicodeForm Nfd { get; } = new(compatible: false, composed: false);
    public static UnicodeForm Nfkc { get; } = new(compatible: true, composed: true);
    public static UnicodeForm Nfkd { get; } = new(compatible: true, composed: false);

    private const int FirstSyllable = 0xAC00, FirstL = 0x1100, FirstV = 0x1161, FirstT = 0x11A7, CountL = 19, CountV = 21, CountT = 28;
    private const int Syllables = CountL * CountV * CountT;

    private static readonly Lazy<Tables> Known = new(Tables.Read);

    private readonly bool compatible, composed;
    private readonly Lazy<BitArray> unstable;

    private UnicodeForm(bool compatible, bool composed)
    {
        (this.compatible, this.composed) = (compatible, composed);
        unstable = new(FindUnstable);
    }

    /// <summary>True if the form changes nothing; false if it may.</summary>
    public bool Holds(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAnyExceptInRange('\0', '\u007f') < 0) return true;
        foreach (var rune in text.EnumerateRunes())
            if (unstable.Value[rune.Value]) return false;
        return true;
    }

    /// <summary>The text's characters in this form, each with what it stands for in <see cref="AlignedText.Changed"/>'s terms.
    /// Half a surrogate pair becomes U+FFFD.</summary>
    public List<(Rune Rune, int Change)> Of(ReadOnlySpan<char> text)
    {
        var output = new List<(Rune Rune, int Change)>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            var first = true;
            Decompose(rune, part =>
            {
                output.Add((part, first ? 0 : 1));
                first = false;
            });
        }
        Order(output);
        return composed ? Compose(output) : output;
    }

    private void Decompose(Rune rune, Action<Rune> add)
    {
        if (rune.Value - FirstSyllable is >= 0 and < Syllables and var s)
        {
            add(new(FirstL + s / (CountV * CountT)));
            add(new(FirstV + s % (CountV * CountT) / CountT));
            if (s % CountT > 0) add(new(FirstT + s % CountT));
        }
        else if (Known.Value.Parts.TryGetValue(rune.Value, out var entry) && (compatible || !entry.Compatible))
            foreach (var part in entry.Parts) Decompose(part, add);
        else add(rune);
    }

    /// <summary>Marks that follow a character, by their class; those of one class keep their order.</summary>
    private static void Order(List<(Rune Rune, int Change)> text)
    {
        for (var start = 0; start < text.Count; start++)
        {
            if (Class(text[start].Rune) == 0) continue;
            var end = start;
            while (end < text.Count && Class(text[end].Rune) > 0) end++;
            var sorted = text[start..end].OrderBy(item => Class(item.Rune)).ToList();
            for (var i = 0; i < sorted.Count; i++) text[start + i] = sorted[i];
            start = end;
        }
    }

    private static List<(Rune Rune, int Change)> Compose(List<(Rune Rune, int Change)> text)
    {
        var output = new List<(Rune Rune, int Change)>(text.Count);
        var (starter, last) = (-1, 0); // where the last starter stands in the output, and the class of the mark after it
        foreach (var (rune, change) in text)
        {
            var marks = Class(rune);
            if (starter >= 0 && (starter == output.Count - 1 || (last < marks && last > 0)) && Pair(output[starter].Rune, rune) is { } joined)
            {
                output[starter] = (joined, output[starter].Change + change - 1);
                continue;
            }
            output.Add((rune, change));
            if (marks == 0) starter = output.Count - 1;
            last = marks;
        }
        return output;
    }

    private static Rune? Pair(Rune left, Rune right)
    {
        if (left.Value - FirstL is >= 0 and < CountL and var l && right.Value - FirstV is >= 0 and < CountV and var v) return new(FirstSyllable + (l * CountV + v) * CountT);
        if (left.Value - FirstSyllable is >= 0 and < Syllables and var s && s % CountT == 0 && right.Value - FirstT is > 0 and < CountT and var t) return new(left.Value + t);
        return Known.Value.Pairs.TryGetValue((left.Value, right.Value), out var joined) ? new Rune(joined) : null;
    }

    private static int Class(Rune rune) => Known.Value.Classes.GetValueOrDefault(rune.Value);

    /// <summary>Characters that the form changes or that it may join with the one before: a text without them stays as it is.</summary>
    private BitArray FindUnstable()
    {
        var found = new BitArray(0x110000);
        foreach (var mark in Known.Value.Classes.Keys) found[mark] = true;
        foreach (var (value, (_, isCompatible)) in Known.Value.Parts)
            if (compatible || !isCompatible)
            {
                var form = Of(new Rune(value).ToString());
                if (form.Count > 1 || form[0].Rune.Value != value) found[value] = true;
            }
        if (composed)
        {
            foreach (var (_, right) in Known.Value.Pairs.Keys) found[right] = true;
            for (var jamo = FirstV; jamo < FirstT + CountT; jamo++) found[jamo] = true;
        }
        else
            for (var syllable = 0; syllable < Syllables; syllable++) found[FirstSyllable + syllable] = true;
        // What is not valid on its own becomes U+FFFD in the model anyway.
        return found;
    }

    private sealed record Tables(
        Dictionary<int, int> Classes, Dictionary<int, (Rune[] Parts, bool Compatible)> Parts, Dictionary<(int Left, int Right), int> Pairs)
    {
        /// <summary>A line a character: its code, its combining class, =, ~ or ! (canonical, compatible, or canonical and never joined again) and its parts.</summary>
        public static Tables Read()
        {
            using var stream = typeof(UnicodeForm).Assembly.GetManifestResourceStream("UnicodeForms.txt")!;
            using var reader = new StreamReader(stream);
            var tables = new Tables([], [], []);
            while (reader.ReadLine() is { } line)
            {
                if (line.StartsWith('#')) continue;
                var fields = line.Split(' ');
                var value = Hex(fields[0]);
                if (int.Parse(fields[1], CultureInfo.InvariantCulture) is > 0 and var combining) tables.Classes.Add(value, combining);
                if (fields.Length == 2) continue;
                Rune[] parts = [.. fields[3..].Select(field => new Rune(Hex(field)))];
                tables.Parts.Add(value, (parts, fields[2] == "~"));
                if (fields[2] == "=") tables.Pairs.Add((parts[0].Value, parts[1].Value), value);
            }
            return tables;
        }

        private static int Hex(string field) => int.Parse(field, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
