// Colours for C#: Roslyn's own lexer tells keywords, literals, comments and directives apart; names before "(" are calls and
// names that begin with a capital where a type stands are left plain: readable, not an editor.

using System.Net;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Workbook.Html;

/// <summary>Highlights C# as HTML spans with the classes k (keyword), s (text), n (number), c (comment), d (directive), f (call).</summary>
public static class CSharpHighlighter
{
    /// <summary>The code with spans around what has a colour; its text is unchanged.</summary>
    public static string Highlight(string code)
    {
        var html = new StringBuilder();
        var lines = code.Split('\n');
        int start = 0;
        // magics are no C#: they are directives of the notebook
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("#!", StringComparison.Ordinal))
                continue;
            Tokens(html, Joined(start, i));
            Span(html, "d", lines[i]);
            html.Append(i + 1 < lines.Length ? "\n" : "");
            start = i + 1;
        }
        Tokens(html, Joined(start, lines.Length));
        return html.ToString();

        string Joined(int from, int to) => string.Join("\n", lines[from..to]) + (to < lines.Length && to > from ? "\n" : "");
    }

    private static void Tokens(StringBuilder html, string code)
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest, kind: SourceCodeKind.Script);
        foreach (var token in CSharpSyntaxTree.ParseText(code, options).GetRoot().DescendantTokens())
        {
            Trivia(html, token.LeadingTrivia);
            Span(html, Class(token), token.Text);
            Trivia(html, token.TrailingTrivia);
        }
    }

    private static string Class(SyntaxToken token) => token.Kind() switch
    {
        SyntaxKind.NumericLiteralToken => "n",
        SyntaxKind.StringLiteralToken or SyntaxKind.CharacterLiteralToken or SyntaxKind.InterpolatedStringTextToken
            or SyntaxKind.InterpolatedStringStartToken or SyntaxKind.InterpolatedStringEndToken or SyntaxKind.InterpolatedVerbatimStringStartToken
            or SyntaxKind.SingleLineRawStringLiteralToken or SyntaxKind.MultiLineRawStringLiteralToken
            or SyntaxKind.InterpolatedSingleLineRawStringStartToken or SyntaxKind.InterpolatedMultiLineRawStringStartToken
            or SyntaxKind.InterpolatedRawStringEndToken => "s",
        SyntaxKind.IdentifierToken when token.Text == "var" || token.Text == "await" => "k",
        SyntaxKind.IdentifierToken when token.GetNextToken().IsKind(SyntaxKind.OpenParenToken) => "f",
        _ => token.IsKeyword() || SyntaxFacts.IsContextualKeyword(token.Kind()) ? "k" : "",
    };

    private static void Trivia(StringBuilder html, SyntaxTriviaList list)
    {
        foreach (var trivia in list)
        {
            bool comment = trivia.Kind() is SyntaxKind.SingleLineCommentTrivia or SyntaxKind.MultiLineCommentTrivia
                or SyntaxKind.SingleLineDocumentationCommentTrivia or SyntaxKind.MultiLineDocumentationCommentTrivia;
            Span(html, comment ? "c" : trivia.IsDirective ? "d" : "", trivia.ToFullString());
        }
    }

    private static void Span(StringBuilder html, string kind, string text)
    {
        string encoded = WebUtility.HtmlEncode(text);
        html.Append(kind.Length == 0 ? encoded : $"<span class=\"{kind}\">{encoded}</span>");
    }
}
