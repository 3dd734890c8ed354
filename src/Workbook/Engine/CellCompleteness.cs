// Whether a console should run what was typed or wait for another line.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Workbook.Engine;

/// <summary>Looks at a cell's text alone.</summary>
internal static class CellCompleteness
{
    private const string Indent = "    ";
    private static readonly CSharpParseOptions Script = new(LanguageVersion.Latest, kind: SourceCodeKind.Script);

    /// <summary>What the cell's C# parts are; a magic that is wrong is invalid.</summary>
    public static Completeness Of(string source)
    {
        ParsedCell cell;
        try
        {
            cell = CellParser.Parse(source);
        }
        catch (MagicException)
        {
            return new Completeness("invalid");
        }
        foreach (var code in cell.Segments.OfType<Segment.Code>())
        {
            var tree = CSharpSyntaxTree.ParseText(code.Text, Script);
            if (!SyntaxFactory.IsCompleteSubmission(tree))
                return new Completeness("incomplete", string.Concat(Enumerable.Repeat(Indent, OpenBraces(tree))));
            if (tree.GetDiagnostics().Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error))
                return new Completeness("invalid");
        }
        return new Completeness("complete");
    }

    private static int OpenBraces(SyntaxTree tree)
    {
        int open = 0;
        foreach (var token in tree.GetRoot().DescendantTokens().Where(token => !token.IsMissing))
        {
            if (token.IsKind(SyntaxKind.OpenBraceToken))
                open++;
            else if (token.IsKind(SyntaxKind.CloseBraceToken))
                open--;
        }
        return Math.Max(0, open);
    }
}
