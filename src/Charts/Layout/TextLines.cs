// Breaks a text into lines of a width, by the estimate of Style.TextWidth.

namespace Charts;

static class TextLines
{
    /// <summary>At most <paramref name="most"/> lines; a word that is too long stays whole, and what is left over ends in "…".</summary>
    public static List<string> Wrap(string text, double size, double width, int most, bool bold = false)
    {
        var lines = new List<string>();
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines.Count > 0 && Style.TextWidth(lines[^1] + " " + word, size, bold) <= width) lines[^1] += " " + word;
            else if (lines.Count < most) lines.Add(word);
            else
            {
                lines[^1] = Style.Fit(lines[^1] + " " + word, size, width, bold);
                if (!lines[^1].EndsWith('…')) lines[^1] += "…";
                break;
            }
        }
        return lines;
    }
}
