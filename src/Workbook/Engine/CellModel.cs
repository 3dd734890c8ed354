// A cell that is being written, as the compiler sees it: after the submissions that ran, broken or not. Magics are blanked, so
// that every place in the cell is the same place in the tree.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Workbook.Engine;

/// <summary>Tree and semantic model of an unfinished cell.</summary>
internal sealed class CellModel
{
    private CellModel(Compilation compilation)
    {
        Compilation = compilation;
        Tree = compilation.SyntaxTrees.Last();
        Model = compilation.GetSemanticModel(Tree);
    }

    public Compilation Compilation { get; }
    public SyntaxTree Tree { get; }
    public SemanticModel Model { get; }

    /// <summary>The model of the cell's C#.</summary>
    public static CellModel Of(ScriptChain chain, CodePosition at) => new(chain.Model(Blanked(at.Source), Path.GetFullPath(at.Path)));

    /// <summary>The text with every magic's line as spaces.</summary>
    private static string Blanked(string source)
    {
        char[] text = source.ToCharArray();
        for (int start = 0; start < text.Length;)
        {
            int end = Array.IndexOf(text, '\n', start);
            end = end < 0 ? text.Length : end;
            if (text.AsSpan(start, end - start).StartsWith("#!"))
                text.AsSpan(start, end - start).Fill(' ');
            start = end + 1;
        }
        return new string(text);
    }

    /// <summary>What an expression stands for and has: a namespace or type by its name, or a value's type. In broken code an
    /// expression is often parsed as a type's name (<c>x.⏎y = 1</c>); bound as an expression, it is what its author meant.</summary>
    public (INamespaceOrTypeSymbol? Named, ITypeSymbol? Value) Meaning(SyntaxNode node)
    {
        if (node is not ExpressionSyntax expression)
            return (null, null);
        if (Look(Model.GetSymbolInfo(node).Symbol, Model.GetTypeInfo(node).Type) is var found && found != default)
            return found;
        var spoken = SyntaxFactory.ParseExpression(expression.ToString());
        found = Look(
            Model.GetSpeculativeSymbolInfo(node.SpanStart, spoken, SpeculativeBindingOption.BindAsExpression).Symbol,
            Model.GetSpeculativeTypeInfo(node.SpanStart, spoken, SpeculativeBindingOption.BindAsExpression).Type);
        return found != default ? found
            : Look(Model.GetSpeculativeSymbolInfo(node.SpanStart, spoken, SpeculativeBindingOption.BindAsTypeOrNamespace).Symbol, null);

        static (INamespaceOrTypeSymbol?, ITypeSymbol?) Look(ISymbol? symbol, ITypeSymbol? type) => symbol switch
        {
            IAliasSymbol { Target: var target } => (target, null),
            INamespaceOrTypeSymbol { Kind: not SymbolKind.ErrorType } named => (named, null),
            _ => type is null or IErrorTypeSymbol ? default : (null, type),
        };
    }
}
