// What stands at a place of a cell: its declaration, its overloads, what its documentation says.

using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>Describes symbols.</summary>
internal static class Inspection
{
    private const int ShownOverloads = 10;

    private static readonly SymbolDisplayFormat Declaration = SymbolDisplayFormat.MinimallyQualifiedFormat
        .WithMemberOptions(SymbolDisplayMemberOptions.IncludeParameters | SymbolDisplayMemberOptions.IncludeType | SymbolDisplayMemberOptions.IncludeRef
            | SymbolDisplayMemberOptions.IncludeContainingType | SymbolDisplayMemberOptions.IncludeConstantValue)
        .WithParameterOptions(SymbolDisplayParameterOptions.IncludeType | SymbolDisplayParameterOptions.IncludeName
            | SymbolDisplayParameterOptions.IncludeDefaultValue | SymbolDisplayParameterOptions.IncludeParamsRefOut)
        .WithKindOptions(SymbolDisplayKindOptions.IncludeTypeKeyword | SymbolDisplayKindOptions.IncludeNamespaceKeyword)
        .WithGenericsOptions(SymbolDisplayGenericsOptions.IncludeTypeParameters);

    /// <summary>Plain text and markdown about the name at the place, or about the call whose arguments surround it.</summary>
    public static MimeBundle? At(ScriptChain chain, CodePosition at)
    {
        var cell = CellModel.Of(chain, at);
        var symbols = Symbols(cell, Math.Clamp(at.Position, 0, at.Source.Length));
        return symbols.Count == 0 ? null : Describe(symbols, cell.Compilation);
    }

    private static List<ISymbol> Symbols(CellModel cell, int position)
    {
        var root = cell.Tree.GetRoot();
        var token = root.FindToken(position);
        if (!token.IsKind(SyntaxKind.IdentifierToken) && position > 0)
            token = root.FindToken(position - 1); // just after the name
        if (token.Parent is SimpleNameSyntax name && Named(cell, name) is { Count: > 0 } named)
            return named;
        if (token.IsKind(SyntaxKind.IdentifierToken) && token.Parent is { } parent && cell.Model.GetDeclaredSymbol(parent) is { } declared)
            return [declared];
        if (token.Parent is PredefinedTypeSyntax or IdentifierNameSyntax && cell.Model.GetSymbolInfo(token.Parent).Symbol is { } type)
            return [type];
        var call = token.Parent?.AncestorsAndSelf().OfType<BaseArgumentListSyntax>().FirstOrDefault(list => list.SpanStart < position)?.Parent;
        return call is null ? [] : [.. Completions.Called(cell, call)];
    }

    private static List<ISymbol> Named(CellModel cell, SimpleNameSyntax name)
    {
        var info = cell.Model.GetSymbolInfo(name);
        var chosen = info.Symbol is IAliasSymbol alias ? alias.Target : info.Symbol;
        var group = cell.Model.GetMemberGroup(name);
        IEnumerable<ISymbol?> all = chosen is null ? group.Concat(info.CandidateSymbols) : group.Prepend(chosen);
        var found = all.OfType<ISymbol>().Distinct<ISymbol>(SymbolEqualityComparer.Default).ToList();
        if (found.Count == 0 && cell.Meaning(name) is var (type, _) && type is not null)
            found.Add(type);
        return found;
    }

    /// <summary>The first symbol in full, the others by their declarations.</summary>
    private static MimeBundle Describe(List<ISymbol> symbols, Compilation compilation)
    {
        var documentation = Documentation.Of(symbols[0], compilation);
        var plain = new StringBuilder();
        var markdown = new StringBuilder("```csharp\n");
        foreach (var symbol in symbols.Take(ShownOverloads))
        {
            string line = symbol is ILocalSymbol local ? $"{local.Type.ToDisplayString(Declaration)} {local.Name}" : symbol.ToDisplayString(Declaration);
            plain.Append(line).Append('\n');
            markdown.Append(line).Append('\n');
        }
        string more = symbols.Count > ShownOverloads ? $"… {symbols.Count - ShownOverloads} more\n" : "";
        plain.Append(more);
        markdown.Append("```\n").Append(more);
        Paragraph(documentation.Summary, documentation.Summary);
        foreach (var (name, text) in documentation.Parameters.Where(parameter => parameter.Text.Length > 0))
            Paragraph($"  {name}: {text}", $"- `{name}`: {text}");
        if (documentation.Returns.Length > 0)
            Paragraph($"Returns {documentation.Returns}", $"Returns {documentation.Returns}");
        return new MimeBundle { [MimeBundle.Plain] = plain.ToString().TrimEnd(), [MimeBundle.Markdown] = markdown.ToString().TrimEnd() };

        void Paragraph(string asText, string asMarkdown)
        {
            if (asText.Length == 0)
                return;
            plain.Append(asText).Append('\n');
            markdown.Append('\n').Append(asMarkdown).Append('\n');
        }
    }
}
