// A small LaTeX to MathML: fractions, roots, scripts, fences, matrices and cases, accents, alphabets, text. A formula with a
// command that is not known is shown as its source in code style, never half of it.

using System.Net;
using System.Text;

namespace Workbook.Html;

/// <summary>Formulas for browsers, which draw MathML natively.</summary>
public static class MathMl
{
    /// <summary>A <c>math</c> element, or <c>code</c> with the source when the formula uses what is not known here.</summary>
    public static string Render(string latex, bool display)
    {
        try
        {
            string body = new Parser(latex).ParseAll();
            string annotation = $"<annotation encoding=\"application/x-tex\">{WebUtility.HtmlEncode(latex.Trim())}</annotation>";
            return $"<math{(display ? " display=\"block\"" : "")}><semantics><mrow>{body}</mrow>{annotation}</semantics></math>";
        }
        catch (FormatException)
        {
            string code = $"<code class=\"tex\">{WebUtility.HtmlEncode(latex.Trim())}</code>";
            return display ? $"<p>{code}</p>" : code;
        }
    }

    private sealed class Parser(string text)
    {
        private int _at;

        public string ParseAll() => Row(() => _at >= text.Length);

        /// <summary>Items until <paramref name="end"/> says so.</summary>
        private string Row(Func<bool> end)
        {
            var row = new StringBuilder();
            while (true)
            {
                SkipSpace();
                if (end())
                    return row.ToString();
                if (_at >= text.Length)
                    throw new FormatException("the formula ends too early");
                row.Append(Scripted());
            }
        }

        /// <summary>An item with its subscript and superscript.</summary>
        private string Scripted()
        {
            bool limits = false;
            string item = text[_at] is '_' or '^' ? "<mrow></mrow>" : Atom(out limits);
            string? below = null, above = null;
            while (true)
            {
                SkipSpace();
                if (Peek() == '_' && below is null)
                    below = Script();
                else if (Peek() == '^' && above is null)
                    above = Script();
                else if (Peek() == '\'' && above is null)
                    above = Primes();
                else
                    break;
            }
            string kind = limits ? "munderover" : "msubsup";
            return (below, above) switch
            {
                (null, null) => item,
                (not null, null) => $"<{(limits ? "munder" : "msub")}>{item}{below}</{(limits ? "munder" : "msub")}>",
                (null, not null) => $"<{(limits ? "mover" : "msup")}>{item}{above}</{(limits ? "mover" : "msup")}>",
                _ => $"<{kind}>{item}{below}{above}</{kind}>",
            };
        }

        private string Script()
        {
            _at++;
            return Argument();
        }

        private string Primes()
        {
            int from = _at;
            while (Peek() == '\'')
                _at++;
            return $"<mo>{new string('′', _at - from)}</mo>";
        }

        /// <summary>A group in braces or one item, as one element.</summary>
        private string Argument()
        {
            SkipSpace();
            if (_at >= text.Length)
                throw new FormatException("an argument is missing");
            return Atom(out _);
        }

        private string Atom(out bool limits)
        {
            limits = false;
            char c = text[_at];
            if (c == '{')
            {
                _at++;
                string row = Row(() => Peek() == '}');
                _at++;
                return $"<mrow>{row}</mrow>";
            }
            if (c == '\\')
                return Command(out limits);
            if (c is '}' or '&' or '$')
                throw new FormatException($"unexpected {c}");
            if (char.IsAsciiDigit(c))
                return Number();
            _at++;
            if (char.IsHighSurrogate(c) && _at < text.Length)
                return $"<mi>{c}{text[_at++]}</mi>";
            if (char.IsLetter(c))
                return $"<mi>{c}</mi>";
            if (c == '~')
                return "<mspace width=\"0.25em\"/>";
            string stretch = c is '(' or ')' or '[' or ']' or '|' or '/' ? " stretchy=\"false\"" : "";
            return $"<mo{stretch}>{(c == '-' ? "−" : WebUtility.HtmlEncode(c.ToString()))}</mo>";
        }

        private string Number()
        {
            int from = _at;
            while (_at < text.Length && (char.IsAsciiDigit(text[_at]) || (text[_at] == '.' && _at + 1 < text.Length && char.IsAsciiDigit(text[_at + 1]))))
                _at++;
            return $"<mn>{text[from.._at]}</mn>";
        }

        private string Command(out bool limits)
        {
            limits = false;
            string name = Name();
            if (MathTokens.Identifiers.TryGetValue(name, out string? letter))
                return $"<mi>{letter}</mi>";
            if (MathTokens.Operators.TryGetValue(name, out string? sign))
            {
                limits = MathTokens.WithLimits.Contains(sign);
                return $"<mo{(sign is "‖" or "|" ? " stretchy=\"false\"" : "")}>{WebUtility.HtmlEncode(sign)}</mo>";
            }
            if (MathTokens.Functions.TryGetValue(name, out string? function))
            {
                limits = MathTokens.WithLimits.Contains(function);
                return $"<mi>{function}</mi>";
            }
            if (MathTokens.Accents.TryGetValue(name, out string? accent))
                return $"<mover accent=\"true\">{Argument()}<mo>{accent}</mo></mover>";
            if (MathTokens.Spaces.TryGetValue(name, out string? width))
                return $"<mspace width=\"{width}\"/>";
            switch (name)
            {
                case "frac" or "tfrac" or "dfrac":
                    return $"<mfrac>{Argument()}{Argument()}</mfrac>";
                case "binom":
                    return $"<mrow><mo>(</mo><mfrac linethickness=\"0\">{Argument()}{Argument()}</mfrac><mo>)</mo></mrow>";
                case "sqrt":
                    return Root();
                case "mathbb" or "mathcal" or "mathbf" or "boldsymbol" or "bm":
                    return Alphabet(name == "bm" ? "boldsymbol" : name);
                case "mathrm" or "text" or "textrm" or "texttt" or "textbf" or "textit" or "mathit" or "mathsf":
                    return Text(name);
                case "operatorname":
                    limits = Peek() == '*';
                    _at += limits ? 1 : 0;
                    return $"<mi>{WebUtility.HtmlEncode(Braced().Replace("\\,", "\u2009"))}</mi>";
                case "left":
                    return Fenced();
                case "underbrace":
                    limits = true;
                    return $"<munder>{Argument()}<mo>⏟</mo></munder>";
                case "underline":
                    return $"<munder>{Argument()}<mo>_</mo></munder>";
                case "overset" or "stackrel":
                {
                    string over = Argument();
                    return $"<mover>{Argument()}{over}</mover>";
                }
                case "underset":
                {
                    string under = Argument();
                    return $"<munder>{Argument()}{under}</munder>";
                }
                case "begin":
                    return Environment();
                case "big" or "Big" or "bigg" or "Bigg" or "bigl" or "bigr" or "Bigl" or "Bigr" or "biggl" or "biggr":
                    return $"<mo stretchy=\"false\">{Delimiter()}</mo>";
                case "displaystyle" or "textstyle" or "limits" or "nolimits":
                    return "";
                default:
                    throw new FormatException($"\\{name} is not known");
            }
        }

        private string Root()
        {
            if (Peek() != '[')
                return $"<msqrt>{Argument()}</msqrt>";
            _at++;
            string degree = Row(() => Peek() == ']');
            _at++;
            return $"<mroot>{Argument()}<mrow>{degree}</mrow></mroot>";
        }

        private string Alphabet(string name)
        {
            SkipSpace();
            string letters = Peek() == '{' ? Braced() : Peek() == '\\' ? "\\" + Name() : text[_at++].ToString();
            if (letters.StartsWith('\\'))
                return $"<mi mathvariant=\"bold\">{(MathTokens.Identifiers.TryGetValue(letters[1..], out string? greek) ? greek : throw new FormatException(letters))}</mi>";
            return $"<mi>{string.Concat(letters.Select(letter => MathTokens.Styled(name, letter)))}</mi>";
        }

        private string Text(string name)
        {
            string content = WebUtility.HtmlEncode(Braced().Replace("\\_", "_").Replace("\\%", "%").Replace("\\,", "\u2009"));
            return name switch
            {
                "mathrm" or "mathsf" => $"<mi mathvariant=\"normal\">{content}</mi>",
                "mathit" => $"<mi>{content}</mi>",
                "texttt" => $"<mtext class=\"mono\">{content}</mtext>",
                _ => $"<mtext>{content}</mtext>",
            };
        }

        private string Fenced()
        {
            string open = Delimiter();
            string body = Row(() => At("\\right"));
            _at += "\\right".Length;
            return $"<mrow><mo>{open}</mo>{body}<mo>{Delimiter()}</mo></mrow>";
        }

        /// <summary>What follows \left, \right or \big; "." is an empty one.</summary>
        private string Delimiter()
        {
            SkipSpace();
            if (_at >= text.Length)
                throw new FormatException("a delimiter is missing");
            if (text[_at] != '\\')
                return text[_at++] is var c && c != '.' ? WebUtility.HtmlEncode(c.ToString()) : "";
            string name = Name();
            return MathTokens.Operators.TryGetValue(name, out string? sign) ? sign : throw new FormatException($"\\{name} is no delimiter");
        }

        private string Environment()
        {
            string name = Braced();
            (string open, string close, string align) = name.TrimEnd('*') switch
            {
                "matrix" or "array" => ("", "", "center"),
                "pmatrix" => ("(", ")", "center"),
                "bmatrix" => ("[", "]", "center"),
                "vmatrix" => ("|", "|", "center"),
                "cases" => ("{", "", "left"),
                "aligned" or "align" or "split" or "gathered" or "equation" => ("", "", "aligned"),
                _ => throw new FormatException($"environment {name} is not known"),
            };
            if (name == "array")
                Braced(); // the columns' alignment
            var rows = new StringBuilder("<mtr>");
            int column = 0;
            while (true)
            {
                string cell = Row(() => Peek() == '&' || At("\\\\") || At("\\end"));
                string side = align == "aligned" ? (column % 2 == 0 ? "right" : "left") : align;
                rows.Append($"<mtd style=\"text-align: {side}\">{cell}</mtd>");
                column++;
                if (Peek() == '&')
                {
                    _at++;
                }
                else if (At("\\\\"))
                {
                    _at += 2;
                    rows.Append("</mtr><mtr>");
                    column = 0;
                }
                else
                {
                    _at += "\\end".Length;
                    Braced();
                    break;
                }
            }
            return $"<mrow>{Fence(open)}<mtable>{rows}</mtr></mtable>{Fence(close)}</mrow>";

            static string Fence(string sign) => sign.Length == 0 ? "" : $"<mo>{sign}</mo>";
        }

        /// <summary>The text between braces as it stands.</summary>
        private string Braced()
        {
            SkipSpace();
            if (Peek() != '{')
                throw new FormatException("a { is missing");
            int from = ++_at, depth = 1;
            for (; _at < text.Length; _at++)
            {
                depth += text[_at] == '{' ? 1 : text[_at] == '}' ? -1 : 0;
                if (depth == 0)
                    return text[from.._at++];
            }
            throw new FormatException("a } is missing");
        }

        /// <summary>The command's name after the backslash: letters, or one other character.</summary>
        private string Name()
        {
            int from = ++_at;
            if (_at >= text.Length)
                throw new FormatException("nothing follows the \\");
            while (_at < text.Length && char.IsAsciiLetter(text[_at]))
                _at++;
            if (_at == from)
                _at++;
            return text[from.._at];
        }

        private bool At(string command) => string.CompareOrdinal(text, _at, command, 0, command.Length) == 0
            && !(char.IsAsciiLetter(command[^1]) && _at + command.Length < text.Length && char.IsAsciiLetter(text[_at + command.Length]));

        private char Peek() => _at < text.Length ? text[_at] : '\0';

        private void SkipSpace()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at]))
                _at++;
        }
    }
}
