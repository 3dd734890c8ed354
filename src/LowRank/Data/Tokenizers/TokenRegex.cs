// Patterns of a tokenizer.json. They are Oniguruma's (Ruby syntax) over code points; .NET's are over UTF-16 units. Where both
// read a pattern alike it is taken as it is; what they read differently is refused. In a text with characters beyond U+FFFF each
// of them is matched as one BMP character of its Unicode category, which is all that classes such as \p{L} and \s ask about.

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace LowRank;

internal sealed class TokenRegex
{
    /// <summary>A text that takes longer meets a pattern that backtracks without end.</summary>
    private static readonly TimeSpan UsualPatience = TimeSpan.FromSeconds(20);

    /// <summary>For each general category a character of it that patterns don't name; one that does is refused.</summary>
    private static readonly Dictionary<UnicodeCategory, char> Stand = new()
    {
        [UnicodeCategory.UppercaseLetter] = '\u10a0', [UnicodeCategory.LowercaseLetter] = '\u2d01', [UnicodeCategory.TitlecaseLetter] = '\u1f88',
        [UnicodeCategory.ModifierLetter] = '\ua4f8', [UnicodeCategory.OtherLetter] = '\ua000', [UnicodeCategory.NonSpacingMark] = '\u05b0',
        [UnicodeCategory.SpacingCombiningMark] = '\u0b3e', [UnicodeCategory.EnclosingMark] = '\u20de', [UnicodeCategory.DecimalDigitNumber] = '\u0e50',
        [UnicodeCategory.LetterNumber] = '\u2180', [UnicodeCategory.OtherNumber] = '\u3220', [UnicodeCategory.ConnectorPunctuation] = '\u2040',
        [UnicodeCategory.DashPunctuation] = '\u301c', [UnicodeCategory.OpenPunctuation] = '\u27e6', [UnicodeCategory.ClosePunctuation] = '\u27e7',
        [UnicodeCategory.InitialQuotePunctuation] = '\u2e02', [UnicodeCategory.FinalQuotePunctuation] = '\u2e03', [UnicodeCategory.OtherPunctuation] = '\u2056',
        [UnicodeCategory.MathSymbol] = '\u2a00', [UnicodeCategory.CurrencySymbol] = '\u20a0', [UnicodeCategory.ModifierSymbol] = '\ua700',
        [UnicodeCategory.OtherSymbol] = '\u2800', [UnicodeCategory.Format] = '\u206a', [UnicodeCategory.PrivateUse] = '\ue000',
    };

    private const char Unassigned = '\ufdd0';

    private static readonly char[] Stands = [.. Stand.Values, Unassigned];

    private readonly Regex regex;
    private readonly string pattern;
    private readonly TimeSpan patience;

    /// <exception cref="InvalidDataException">The pattern is not one, or is read differently here.</exception>
    public TokenRegex(string pattern, TimeSpan? patience = null)
    {
        (this.pattern, this.patience) = (pattern, patience ?? UsualPatience);
        if (Foreign(pattern) is { } construct) throw new InvalidDataException($"the pattern {Shown} is not supported: {construct}");
        try
        {
            // In Ruby's syntax ^ and $ always stand at lines, and without regard to case ſ (U+017F) is an s.
            regex = new(Folded.Replace(pattern, group => group.Value.Replace("s", "[sſ]").Replace("S", "[Sſ]")), RegexOptions.CultureInvariant | RegexOptions.Multiline | RegexOptions.Compiled, this.patience);
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"the pattern {Shown} is not supported: {error.Message}", error);
        }
    }

    /// <summary>Adds where the pattern matches, in the order of the text; empty matches are left out.</summary>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        try
        {
            if (text.IndexOfAnyInRange('\ud800', '\udfff') < 0)
            {
                foreach (var match in regex.EnumerateMatches(text))
                    if (match.Length > 0) matches.Add((match.Index, match.Length));
                return;
            }
            var (units, starts) = ToUnits(text);
            foreach (var match in regex.EnumerateMatches(units))
                if (match.Length > 0) matches.Add((starts[match.Index], starts[match.Index + match.Length] - starts[match.Index]));
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new InvalidDataException($"the tokenizer's pattern {Shown} takes more than {patience.TotalSeconds} seconds on a text of {text.Length:N0} characters", error);
        }
    }

    /// <summary>Alternatives of plain ASCII without regard to case, as (?i:'s|'t). Beyond ASCII the two fold differently: ß is ss there.</summary>
    private static readonly Regex Folded = new(@"\(\?i:[^()\[\]\\?*+{}\u0080-\uffff]*\)", RegexOptions.CultureInvariant);

    private string Shown => $"\"{(pattern.Length > 80 ? pattern[..80] + "…" : pattern)}\"";

    /// <summary>One char for each character, and where each begins; one place more for the end.</summary>
    private static (char[] Units, int[] Starts) ToUnits(ReadOnlySpan<char> text)
    {
        var (units, starts, count) = (new char[text.Length], new int[text.Length + 1], 0);
        for (var at = 0; at < text.Length; count++)
        {
            Rune.DecodeFromUtf16(text[at..], out var rune, out var size);
            (units[count], starts[count]) = (rune.IsBmp ? (char)rune.Value : Stand.GetValueOrDefault(Rune.GetUnicodeCategory(rune), Unassigned), at);
            at += size;
        }
        starts[count] = text.Length;
        return (units[..count], starts[..(count + 1)]);
    }

    /// <summary>What .NET would read differently, or null.</summary>
    private static string? Foreign(string pattern)
    {
        var inClass = false;
        for (var i = 0; i < pattern.Length; i++)
        {
            var rest = pattern.AsSpan(i);
            if (char.IsSurrogate(rest[0])) return $"the character U+{(Rune.TryGetRuneAt(pattern, i, out var rune) ? rune : Rune.ReplacementChar).Value:X4} in it";
            if (Taken(rest, inClass) is { } taken) return taken;
            if (rest[0] == '\\')
            {
                if (rest.Length > 1 && "hHRXKuxgGZwWbB".Contains(rest[1])) return $"\\{rest[1]}";
                i++;
            }
            else if (inClass && rest[0] == '[') return "a class within a class";
            else if (inClass && rest.StartsWith("&&")) return "an intersection of classes";
            else if (inClass) inClass = rest[0] != ']';
            else if (rest[0] == '[')
            {
                inClass = true;
                if (rest.StartsWith("[^]") || rest.StartsWith("[]")) return "a class that begins with ]";
            }
            else if (rest.StartsWith("(?i") && !(Folded.Match(pattern, i) is { Success: true } found && found.Index == i)) return "(?i other than (?i: and plain text )";
            else if (rest.StartsWith("(?") && rest.Length > 2 && rest[2] is 'm' or 's' or 'x' or 'n' or '-') return $"the flags {rest[..Math.Min(5, rest.Length)]}";
            else if (rest is ['?' or '*' or '+', '+', ..]) return "a possessive quantifier";
        }
        return null;
    }

    /// <summary>A character, or a range of a class such as [一-龥], that names one of those that stand for others.</summary>
    private static string? Taken(ReadOnlySpan<char> rest, bool inClass)
    {
        if (rest[0] == '\\' && rest.Length > 1) rest = rest[1..];
        var (from, to) = (rest[0], inClass && rest is [_, '-', not ']', ..] ? rest[2] == '\\' && rest.Length > 3 ? rest[3] : rest[2] : rest[0]);
        foreach (var stand in Stands)
            if (stand >= from && stand <= to) return from == to ? $"the character U+{(int)from:X4} in it" : $"the range U+{(int)from:X4} to U+{(int)to:X4} in it";
        return null;
    }
}
