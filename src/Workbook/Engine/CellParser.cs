// A cell's text is C# with lines that begin with "#!" between: magics. This file splits it into segments to be run one
// after another; every C# segment keeps its line numbers (the lines before it become empty).

using System.Text;

namespace Workbook.Engine;

/// <summary>A part of a cell.</summary>
internal abstract record Segment
{
    /// <summary>C# code with its place in the cell kept.</summary>
    public sealed record Code(string Text) : Segment;

    /// <summary>Text shown as it is: markdown or HTML.</summary>
    public sealed record Shown(string MimeType, string Content) : Segment;

    /// <summary>Another file's cells, run as if they stood here.</summary>
    public sealed record Import(string File, int Line) : Segment;
}

/// <summary>The segments of a cell and whether <c>#!time</c> was asked for.</summary>
internal sealed record ParsedCell(IReadOnlyList<Segment> Segments, bool Time);

/// <summary>A magic that is unknown or used wrongly.</summary>
internal sealed class MagicException(string message, int line) : Exception(message)
{
    public int Line { get; } = line;
}

/// <summary>Splits cells at their magics.</summary>
internal static class CellParser
{
    private const string Known = "#!csharp, #!html, #!import, #!markdown, #!time";

    /// <summary>The parts of a cell's text.</summary>
    /// <exception cref="MagicException">A magic is unknown; its name is in the message.</exception>
    public static ParsedCell Parse(string source)
    {
        var segments = new List<Segment>();
        var text = new StringBuilder();
        string? mime = null; // null while the text is C#
        bool time = false;
        string[] lines = source.ReplaceLineEndings("\n").Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("#!", StringComparison.Ordinal))
            {
                text.Append(lines[i]).Append('\n');
                continue;
            }
            string[] words = lines[i].Split([' ', '\t'], 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            string argument = words.Length > 1 ? words[1].Trim('"') : "";
            switch (words[0])
            {
                case "#!time":
                    time = true;
                    break;
                case "#!import":
                    if (argument.Length == 0)
                        throw new MagicException("#!import needs a file: #!import helpers.csx", i + 1);
                    Close(i);
                    segments.Add(new Segment.Import(argument, i + 1));
                    break;
                case "#!csharp" or "#!c#" or "#!C#":
                    Close(i);
                    mime = null;
                    break;
                case "#!markdown":
                    Close(i);
                    mime = Formatting.MimeBundle.Markdown;
                    break;
                case "#!html":
                    Close(i);
                    mime = Formatting.MimeBundle.Html;
                    break;
                case "#!meta": // what tools keep at the top of a .dib file
                    Close(i);
                    mime = "";
                    break;
                default:
                    throw new MagicException($"unknown magic {words[0]}; known are {Known}", i + 1);
            }
            if (mime is null)
                text.Append('\n'); // a magic's own line counts
        }
        Close(lines.Length);
        return new ParsedCell(segments, time);

        void Close(int line)
        {
            string content = text.ToString();
            text.Clear();
            if (!string.IsNullOrWhiteSpace(content))
            {
                if (mime is null)
                    segments.Add(new Segment.Code(content));
                else if (mime.Length > 0)
                    segments.Add(new Segment.Shown(mime, content.Trim('\n')));
            }
            text.Append('\n', line); // what follows starts at its own line
        }
    }
}
