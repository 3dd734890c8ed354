// What can be written at a place of a cell: members after a dot, names in scope with keywords, named arguments, members of an
// object initializer, namespaces after `using`, paths in #r, #load and #!import, magics. Built on the compiler's own look-up.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Workbook.Engine;

/// <summary>Completes cells.</summary>
internal static class Completions
{
    private static readonly string[] Magics = ["#!csharp", "#!html", "#!import", "#!markdown", "#!time"];
    private static readonly string[] Contextual = ["async", "await", "dynamic", "nameof", "record", "var", "when", "where", "with", "yield"];
    private static readonly Completion[] Keywords =
        [.. SyntaxFacts.GetReservedKeywordKinds().Select(SyntaxFacts.GetText).Concat(Contextual).Select(word => new Completion(word, "keyword"))];

    /// <summary>What fits at the place and begins with what stands before it (any case; parts of names only when nothing begins so).</summary>
    public static CompletionList At(ScriptChain chain, CodePosition at)
    {
        int position = Math.Clamp(at.Position, 0, at.Source.Length);
        at = at with { Position = position };
        string line = at.Source[(at.Source.LastIndexOf('\n', Math.Max(0, position - 1), Math.Min(position, at.Source.Length)) + 1)..position];
        if (line.StartsWith('#'))
            return PathCompletions.At(line, at) ?? Magic(line, position);
        var cell = CellModel.Of(chain, at);
        if (IsText(cell.Tree.GetRoot(), position))
            return new CompletionList(position, position, []);
        int start = position;
        while (start > 0 && SyntaxFacts.IsIdentifierPartCharacter(at.Source[start - 1]))
            start--;
        int end = position;
        while (end < at.Source.Length && SyntaxFacts.IsIdentifierPartCharacter(at.Source[end]))
            end++;
        return new CompletionList(start, end, Matching(Candidates(cell, start), at.Source[start..position]));
    }

    private static CompletionList Magic(string line, int position) =>
        new(position - line.Length, position, line.StartsWith("#!", StringComparison.Ordinal) ? Matching(Magics.Select(name => new Completion(name, "keyword")), line) : []);

    /// <summary>Inside a comment, a string or a number.</summary>
    private static bool IsText(SyntaxNode root, int position)
    {
        var trivia = root.FindTrivia(position - 1);
        if (trivia.Kind() is SyntaxKind.SingleLineCommentTrivia or SyntaxKind.MultiLineCommentTrivia or SyntaxKind.SingleLineDocumentationCommentTrivia
            && (position < trivia.FullSpan.End || trivia.IsKind(SyntaxKind.SingleLineCommentTrivia)))
            return true;
        var token = position > 0 ? root.FindToken(position - 1) : default;
        if (token.SpanStart >= position)
            return false;
        bool inside = position < token.Span.End || token.ContainsDiagnostics; // a string that is not closed goes on
        return token.Kind() switch
        {
            SyntaxKind.NumericLiteralToken or SyntaxKind.InterpolatedStringTextToken => true,
            SyntaxKind.InterpolatedStringStartToken or SyntaxKind.InterpolatedVerbatimStringStartToken => true,
            SyntaxKind.InterpolatedSingleLineRawStringStartToken or SyntaxKind.InterpolatedMultiLineRawStringStartToken => true,
            SyntaxKind.CloseBraceToken => token.Parent is InterpolationSyntax,
            SyntaxKind.StringLiteralToken or SyntaxKind.Utf8StringLiteralToken or SyntaxKind.CharacterLiteralToken => inside,
            SyntaxKind.SingleLineRawStringLiteralToken or SyntaxKind.MultiLineRawStringLiteralToken => inside,
            _ => false,
        };
    }

    private static IEnumerable<Completion> Candidates(CellModel cell, int start)
    {
        var before = Before(cell.Tree.GetRoot(), start);
        return before.Kind() switch
        {
            SyntaxKind.DotToken => Members(cell, before, start),
            _ when before.Parent is UsingDirectiveSyntax || before.Parent?.Parent is UsingDirectiveSyntax =>
                cell.Model.LookupNamespacesAndTypes(start).Select(Describe),
            _ when before.Parent is InitializerExpressionSyntax initializer => initializer.Kind() switch
            {
                SyntaxKind.ObjectInitializerExpression or SyntaxKind.WithInitializerExpression => Settable(cell, initializer),
                _ => Settable(cell, initializer).Concat(InScope(cell, start)), // `{ Na` is parsed as a collection's, and may become an object's
            },
            _ => NamedArguments(cell, before).Concat(InScope(cell, start)),
        };
    }

    private static IEnumerable<Completion> InScope(CellModel cell, int position) =>
        cell.Model.LookupSymbols(position).Where(IsSpoken).Select(Describe).Concat(Keywords);

    /// <summary>The last token that ends at the place or before it.</summary>
    private static SyntaxToken Before(SyntaxNode root, int position)
    {
        if (position == 0)
            return default;
        var token = root.FindToken(position - 1, findInsideTrivia: false);
        while (!token.IsKind(SyntaxKind.None) && (token.Span.End > position || token.Span.Length == 0))
            token = token.GetPreviousToken(includeZeroWidth: false);
        return token;
    }

    private static IEnumerable<Completion> Members(CellModel cell, SyntaxToken dot, int position)
    {
        var left = dot.Parent switch
        {
            MemberAccessExpressionSyntax access => access.Expression,
            QualifiedNameSyntax name => name.Left,
            MemberBindingExpressionSyntax => dot.Parent.FirstAncestorOrSelf<ConditionalAccessExpressionSyntax>()?.Expression,
            _ => null,
        };
        if (left is null)
            return [];
        var (named, value) = cell.Meaning(left);
        if (dot.Parent is MemberBindingExpressionSyntax && value is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable)
            value = nullable.TypeArguments[0];
        var symbols = (named, value) switch
        {
            (INamespaceSymbol space, _) => cell.Model.LookupNamespacesAndTypes(position, space),
            (ITypeSymbol type, _) => cell.Model.LookupStaticMembers(position, type),
            (_, not null) => cell.Model.LookupSymbols(position, value, includeReducedExtensionMethods: true)
                .Where(symbol => !symbol.IsStatic && symbol is not ITypeSymbol),
            _ => Enumerable.Empty<ISymbol>(),
        };
        return symbols.Where(IsSpoken).Select(Describe);
    }

    /// <summary>"rank:" for the parameters of the method that is being called, at the beginning of an argument.</summary>
    private static IEnumerable<Completion> NamedArguments(CellModel cell, SyntaxToken before)
    {
        if (before.Parent is not BaseArgumentListSyntax { Parent: { } call } arguments || before.Kind() is not (SyntaxKind.OpenParenToken or SyntaxKind.CommaToken))
            return [];
        var given = arguments.Arguments.Select(argument => argument.NameColon?.Name.Identifier.ValueText).ToHashSet();
        return Called(cell, call).SelectMany(method => method.Parameters).Where(parameter => !given.Contains(parameter.Name))
            .DistinctBy(parameter => parameter.Name)
            .Select(parameter => new Completion(parameter.Name + ":", "parameter", parameter.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)));
    }

    /// <summary>The methods or constructors that a call may mean, the chosen one first.</summary>
    internal static IEnumerable<IMethodSymbol> Called(CellModel cell, SyntaxNode call)
    {
        IEnumerable<IMethodSymbol> all = call switch
        {
            InvocationExpressionSyntax invocation => cell.Model.GetMemberGroup(invocation.Expression).OfType<IMethodSymbol>(),
            BaseObjectCreationExpressionSyntax creation => Created(cell, creation)?.InstanceConstructors ?? [],
            _ => [],
        };
        return cell.Model.GetSymbolInfo(call).Symbol is IMethodSymbol chosen
            ? all.Prepend(chosen).Distinct<IMethodSymbol>(SymbolEqualityComparer.Default) : all;
    }

    private static INamedTypeSymbol? Created(CellModel cell, ExpressionSyntax creation) =>
        (cell.Model.GetTypeInfo(creation).Type ?? cell.Model.GetTypeInfo(creation).ConvertedType) as INamedTypeSymbol;

    private static IEnumerable<Completion> Settable(CellModel cell, InitializerExpressionSyntax initializer)
    {
        if (initializer.Parent is not ExpressionSyntax owner || Created(cell, owner) is not { } type)
            return [];
        var set = initializer.Expressions.OfType<AssignmentExpressionSyntax>().Select(assignment => assignment.Left.ToString()).ToHashSet();
        return cell.Model.LookupSymbols(initializer.SpanStart, type)
            .Where(symbol => symbol is IPropertySymbol { SetMethod: not null, IsIndexer: false, IsStatic: false } or IFieldSymbol { IsReadOnly: false, IsStatic: false })
            .Where(symbol => !set.Contains(symbol.Name)).Select(Describe);
    }

    /// <summary>Whether a person writes the name: not what the compiler made, nor what its author hides from editors.</summary>
    private static bool IsSpoken(ISymbol symbol) => symbol.CanBeReferencedByName && !symbol.IsImplicitlyDeclared
        && !symbol.GetAttributes().Any(attribute => attribute.AttributeClass?.Name == "EditorBrowsableAttribute" && attribute.ConstructorArguments is [{ Value: 1 }]);

    private static Completion Describe(ISymbol symbol) => new(symbol.Name, symbol switch
    {
        INamespaceSymbol => "namespace",
        ITypeSymbol type => type.TypeKind.ToString().ToLowerInvariant(),
        IFieldSymbol { ContainingType.IsScriptClass: true } => "variable",
        _ => symbol.Kind.ToString().ToLowerInvariant(),
    }, symbol.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat));

    private static List<Completion> Matching(IEnumerable<Completion> candidates, string typed)
    {
        var all = candidates.GroupBy(item => item.Text).Select(group => group.First()).ToList();
        var found = all.Where(item => item.Text.StartsWith(typed, StringComparison.OrdinalIgnoreCase)).ToList();
        if (found.Count == 0)
            found = all.Where(item => item.Text.Contains(typed, StringComparison.OrdinalIgnoreCase)).ToList();
        return [.. found.OrderBy(item => item.Text.StartsWith(typed, StringComparison.Ordinal) ? 0 : 1)
            .ThenBy(item => item.Text.EndsWith(':') ? 0 : 1).ThenBy(item => item.Text, StringComparer.OrdinalIgnoreCase)];
    }
}
