// In a notebook a later cell may declare a name again, and a loop variable may have a variable's name, which in a script is a field. In a
// program all cells share one scope, where neither may be. This file finds the names that clash and gives them others.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Workbook.Programs;

/// <summary>New names for symbols whose own would clash in one scope.</summary>
internal sealed class UniqueNames
{
    private readonly Dictionary<ISymbol, string> _renamed = new(SymbolEqualityComparer.Default);
    private readonly HashSet<string> _written; // every identifier of the notebook: a new name is none of them

    public UniqueNames(IReadOnlyList<CellScript> cells)
    {
        _written = [.. cells.SelectMany(cell => cell.Root.DescendantTokens()).Where(token => token.IsKind(SyntaxKind.IdentifierToken)).Select(token => token.ValueText)];
        var taken = new HashSet<string>();
        foreach (var cell in cells)
        {
            foreach (var symbol in Declared(cell).Where(IsOfTheCell)) // functions too: local ones have no overloads
                Take(symbol, taken);
        }
        foreach (var cell in cells)
        {
            foreach (var symbol in Declared(cell).Where(symbol => !IsOfTheCell(symbol) && taken.Contains(symbol.Name)))
                _renamed.TryAdd(symbol, Fresh(symbol.Name));
        }
    }

    /// <summary>The identifiers of a cell to be written otherwise.</summary>
    public IEnumerable<(SyntaxToken Token, string Name)> In(CellScript cell)
    {
        if (_renamed.Count == 0)
            yield break;
        foreach (var token in cell.Root.DescendantTokens())
        {
            if (!token.IsKind(SyntaxKind.IdentifierToken) || token.Parent is not { } node)
                continue;
            var symbol = cell.Model.GetDeclaredSymbol(node) ?? (node is SimpleNameSyntax ? cell.Model.GetSymbolInfo(node).Symbol : null);
            if (symbol is not null && symbol.Name == token.ValueText && _renamed.TryGetValue(symbol.OriginalDefinition, out string? name))
                yield return (token, name);
        }
    }

    private void Take(ISymbol symbol, HashSet<string> taken)
    {
        if (taken.Add(symbol.Name))
            return;
        string name = Fresh(symbol.Name);
        taken.Add(name);
        _renamed.TryAdd(symbol, name);
    }

    private string Fresh(string name)
    {
        for (int i = 2; ; i++)
        {
            if (_written.Add($"{name}{i}"))
                return $"{name}{i}";
        }
    }

    /// <summary>What a cell declares in its own scope: variables, functions, types.</summary>
    private static bool IsOfTheCell(ISymbol symbol) => symbol.ContainingSymbol is INamedTypeSymbol { IsScriptClass: true } || symbol is INamedTypeSymbol { ContainingType: null };

    /// <summary>Declarations that share the program's scope or a block's in it. Functions and lambdas may hide names, members have scopes of
    /// their own.</summary>
    private static IEnumerable<ISymbol> Declared(CellScript cell)
    {
        foreach (var node in cell.Root.DescendantNodes(Enters))
        {
            var symbol = node switch
            {
                VariableDeclaratorSyntax or SingleVariableDesignationSyntax or ForEachStatementSyntax or CatchDeclarationSyntax or QueryClauseSyntax
                    or JoinIntoClauseSyntax or QueryContinuationSyntax or MethodDeclarationSyntax or BaseTypeDeclarationSyntax or DelegateDeclarationSyntax
                    or LocalFunctionStatementSyntax => cell.Model.GetDeclaredSymbol(node),
                _ => null,
            };
            if (symbol is not null && symbol.Name.Length > 0)
                yield return symbol;
        }
    }

    private static bool Enters(SyntaxNode node) =>
        node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax or MethodDeclarationSyntax or BaseTypeDeclarationSyntax or DelegateDeclarationSyntax);
}
