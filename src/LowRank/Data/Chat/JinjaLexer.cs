// Cuts a template into text and the tokens of its tags, with Jinja's white-space rules as transformers sets them: trim_blocks (the line end
// after a block goes), lstrip_blocks (so do blanks before a block that begins its line), "-" within a tag (all white space on that side goes),
// and the template's own last line end goes.

using System.Globalization;
using System.Text;

namespace LowRank;

internal enum JinjaKind { Text, OpenOutput, CloseOutput, OpenBlock, CloseBlock, Name, String, Integer, Float, Operator, End }

internal readonly record struct JinjaToken(JinjaKind Kind, string Value, int Line);

internal sealed class JinjaLexer(string source, string template)
{
    private static readonly string[] Operators = ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ":", "|", ",", "(", ")", "[", "]", "{", "}"];

    private readonly List<JinjaToken> tokens = [];
    private int at;
    private int line = 1;

    public static ChatTemplateException Error(string template, int line, string message) => new($"{template}, line {line}: {message}");

    public List<JinjaToken> Read()
    {
        source = source.Replace("\r\n", "\n").Replace('\r', '\n'); // as Jinja does, in texts within tags too
        if (source.EndsWith('\n')) source = source[..^1];
        var (lineStarts, stripNext) = (true, false); // whether the text that follows begins a line; whether its white space goes
        while (at < source.Length)
        {
            var open = at;
            while ((open = source.IndexOf('{', open)) >= 0 && !(open + 1 < source.Length && source[open + 1] is '{' or '%' or '#')) open++;
            var text = open < 0 ? source[at..] : source[at..open];
            var shown = stripNext ? text.TrimStart() : text;
            if (open >= 0)
            {
                var sign = open + 2 < source.Length ? source[open + 2] : ' ';
                if (sign == '-') shown = shown.TrimEnd();
                else if (source[open + 1] != '{' && sign != '+') shown = WithoutIndent(shown, lineStarts);
            }
            if (shown.Length > 0) tokens.Add(new(JinjaKind.Text, shown, line));
            Advance(text.Length);
            if (open < 0) break;
            (lineStarts, stripNext) = Tag();
        }
        tokens.Add(new(JinjaKind.End, "", line));
        return tokens;
    }

    private static string WithoutIndent(string text, bool lineStarts)
    {
        var start = text.LastIndexOf('\n') + 1;
        return (start > 0 || lineStarts) && text.AsSpan(start).IndexOfAnyExcept(' ', '\t') < 0 ? text[..start] : text;
    }

    /// <summary>Reads a tag; tells whether a line begins behind it, and whether white space behind it goes.</summary>
    private (bool LineStarts, bool Strip) Tag()
    {
        var (kind, begin) = (source[at + 1], line);
        Advance(2);
        if (at < source.Length && source[at] is '-' or '+') Advance(1);
        var close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
        if (kind == '#')
        {
            var end = source.IndexOf("#}", at, StringComparison.Ordinal);
            if (end < 0) throw Error(template, begin, "the comment does not end");
            var strips = end > at && source[end - 1] == '-';
            Advance(end + 2 - at);
            return Behind(block: true, strips);
        }
        tokens.Add(new(kind == '{' ? JinjaKind.OpenOutput : JinjaKind.OpenBlock, "", begin));
        for (var depth = 0; ;)
        {
            while (at < source.Length && char.IsWhiteSpace(source[at])) Advance(1);
            if (at >= source.Length) throw Error(template, begin, $"the tag has no {close}");
            var rest = source.AsSpan(at);
            var strips = rest[0] == '-' && rest[1..].StartsWith(close);
            if (depth == 0 && (strips || rest.StartsWith(close) || (rest[0] == '+' && rest[1..].StartsWith(close))))
            {
                tokens.Add(new(kind == '{' ? JinjaKind.CloseOutput : JinjaKind.CloseBlock, "", line));
                var keeps = rest[0] == '+';
                Advance(strips || keeps ? 3 : 2);
                return Behind(kind == '%' && !keeps, strips);
            }
            depth += Token();
        }
    }

    private (bool, bool) Behind(bool block, bool strips)
    {
        if (strips || !block || at >= source.Length) return (false, strips);
        var length = source[at] == '\n' ? 1 : source.AsSpan(at).StartsWith("\r\n") ? 2 : 0;
        Advance(length);
        return (length > 0, false);
    }

    /// <summary>Reads a token within a tag; tells by how much brackets are opened (1), closed (−1) or neither.</summary>
    private int Token()
    {
        var (start, first) = (at, source[at]);
        if (first is '\'' or '"') tokens.Add(new(JinjaKind.String, Quoted(first), line));
        else if (char.IsLetter(first) || first == '_')
        {
            while (at < source.Length && (char.IsLetterOrDigit(source[at]) || source[at] == '_')) Advance(1);
            tokens.Add(new(JinjaKind.Name, source[start..at], line));
        }
        else if (char.IsAsciiDigit(first))
        {
            while (at < source.Length && (char.IsAsciiDigit(source[at]) || source[at] == '_')) Advance(1);
            var whole = !(at + 1 < source.Length && source[at] == '.' && char.IsAsciiDigit(source[at + 1]));
            if (!whole)
            {
                Advance(1);
                while (at < source.Length && char.IsAsciiDigit(source[at])) Advance(1);
            }
            var sign = at + 1 < source.Length && source[at + 1] is '+' or '-' ? 2 : 1;
            if (at + sign < source.Length && source[at] is 'e' or 'E' && char.IsAsciiDigit(source[at + sign]))
            {
                whole = false;
                Advance(sign);
                while (at < source.Length && char.IsAsciiDigit(source[at])) Advance(1);
            }
            var digits = source[start..at].Replace("_", "");
            if (whole && !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out _)) throw Error(template, line, $"the number {digits} is too large");
            tokens.Add(new(whole ? JinjaKind.Integer : JinjaKind.Float, digits, line));
        }
        else
        {
            var found = Array.Find(Operators, one => source.AsSpan(at).StartsWith(one)) ?? throw Error(template, line, $"unexpected \"{first}\"");
            tokens.Add(new(JinjaKind.Operator, found, line));
            Advance(found.Length);
            return found is "{" or "[" or "(" ? 1 : found is "}" or "]" or ")" ? -1 : 0;
        }
        return 0;
    }

    private string Quoted(char quote)
    {
        var (text, begin) = (new StringBuilder(), line);
        for (Advance(1); at < source.Length; Advance(1))
        {
            if (source[at] == quote)
            {
                Advance(1);
                return text.ToString();
            }
            if (source[at] != '\\' || at + 1 == source.Length)
            {
                text.Append(source[at]);
                continue;
            }
            Advance(1);
            var digits = source[at] switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0 && at + digits < source.Length && int.TryParse(source.AsSpan(at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) && code is >= 0 and <= 0x10FFFF)
            {
                text.Append(code <= char.MaxValue ? ((char)code).ToString() : char.ConvertFromUtf32(code));
                Advance(digits);
            }
            else _ = source[at] switch
            {
                'n' => text.Append('\n'), 't' => text.Append('\t'), 'r' => text.Append('\r'), 'b' => text.Append('\b'), 'f' => text.Append('\f'), 'v' => text.Append('\v'),
                '\\' or '\'' or '"' => text.Append(source[at]), '\n' => text,
                var other => text.Append('\\').Append(other),
            };
        }
        throw Error(template, begin, "the string does not end");
    }

    private void Advance(int count)
    {
        line += source.AsSpan(at, count).Count('\n');
        at += count;
    }
}
