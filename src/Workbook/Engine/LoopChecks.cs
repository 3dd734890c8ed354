// Puts a call of Interruption.Check into every loop and function of a cell, so that an interrupt stops it wherever it is. No
// line is added: diagnostics and stack frames keep their lines. The check of a loop stands at the top of its body, outside
// any `try` in it: a loop that catches everything stops too. A check costs next to nothing in a loop of calls; a loop
// that only sums doubles took 3.4 ns a turn in place of 0.8.

using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Workbook.Engine;

/// <summary>Finds where checks go and writes them there.</summary>
internal sealed class LoopChecks : CSharpSyntaxWalker
{
    private const string Check = " global::Workbook.Engine.Interruption.Check(); ";
    private readonly SemanticModel? _model;
    private readonly List<(int Start, int Length, string Text)> _edits = [];

    private LoopChecks(SemanticModel? model) => _model = model;

    /// <summary>The code with checks; unchanged where it has nothing to check or does not parse. Expression bodies get theirs only
    /// with a model, which says whether they have a value.</summary>
    public static string Insert(SyntaxTree tree, SemanticModel? model = null)
    {
        string code = tree.ToString();
        if (tree.GetDiagnostics().Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error))
            return code;
        var checks = new LoopChecks(model);
        checks.Visit(tree.GetRoot());
        var text = new StringBuilder();
        int at = 0;
        foreach (var (start, length, inserted) in checks._edits.OrderBy(edit => edit.Start)) // a stable sort: at one place in the order found
        {
            text.Append(code, at, start - at).Append(inserted);
            at = start + length;
        }
        return text.Append(code, at, code.Length - at).ToString();
    }

    public override void VisitWhileStatement(WhileStatementSyntax node)
    {
        Guard(node.Statement);
        base.VisitWhileStatement(node);
    }

    public override void VisitDoStatement(DoStatementSyntax node)
    {
        Guard(node.Statement);
        base.VisitDoStatement(node);
    }

    public override void VisitForStatement(ForStatementSyntax node)
    {
        Guard(node.Statement);
        base.VisitForStatement(node);
    }

    public override void VisitForEachStatement(ForEachStatementSyntax node)
    {
        Guard(node.Statement);
        base.VisitForEachStatement(node);
    }

    public override void VisitForEachVariableStatement(ForEachVariableStatementSyntax node)
    {
        Guard(node.Statement);
        base.VisitForEachVariableStatement(node);
    }

    public override void VisitGotoStatement(GotoStatementSyntax node)
    {
        Guard(node);
        base.VisitGotoStatement(node);
    }

    /// <summary>The body of a method, a local function or a lambda: recursion, and loops inside libraries that call back.</summary>
    public override void VisitBlock(BlockSyntax node)
    {
        if (node.Parent is MethodDeclarationSyntax or LocalFunctionStatementSyntax or AnonymousFunctionExpressionSyntax
            && !IsCalledByNativeCode(node.Parent))
            Guard(node);
        base.VisitBlock(node);
    }

    public override void VisitMethodDeclaration(MethodDeclarationSyntax node)
    {
        GuardExpression(node, node.ExpressionBody?.ArrowToken, node.ExpressionBody?.Expression, node.SemicolonToken);
        base.VisitMethodDeclaration(node);
    }

    public override void VisitLocalFunctionStatement(LocalFunctionStatementSyntax node)
    {
        GuardExpression(node, node.ExpressionBody?.ArrowToken, node.ExpressionBody?.Expression, node.SemicolonToken);
        base.VisitLocalFunctionStatement(node);
    }

    public override void VisitSimpleLambdaExpression(SimpleLambdaExpressionSyntax node)
    {
        GuardExpression(node, node.ArrowToken, node.ExpressionBody, null);
        base.VisitSimpleLambdaExpression(node);
    }

    public override void VisitParenthesizedLambdaExpression(ParenthesizedLambdaExpressionSyntax node)
    {
        GuardExpression(node, node.ArrowToken, node.ExpressionBody, null);
        base.VisitParenthesizedLambdaExpression(node);
    }

    /// <summary>A check first in a statement, which becomes a block if it is none.</summary>
    private void Guard(StatementSyntax statement)
    {
        if (statement is BlockSyntax block)
        {
            _edits.Add((block.OpenBraceToken.Span.End, 0, Check));
            return;
        }
        _edits.Add((statement.SpanStart, 0, "{" + Check));
        _edits.Add((statement.Span.End, 0, " }"));
    }

    /// <summary>From <c>=> value</c> to a block that checks and returns the value; <c>;</c> ends a function, not a lambda.</summary>
    private void GuardExpression(SyntaxNode function, SyntaxToken? arrow, ExpressionSyntax? body, SyntaxToken? semicolon)
    {
        if (_model is null || arrow is not { } token || body is null || IsCalledByNativeCode(function))
            return;
        var lambda = function as LambdaExpressionSyntax;
        if ((lambda is null ? _model.GetDeclaredSymbol(function) : _model.GetSymbolInfo(function).Symbol) is not IMethodSymbol method
            || lambda is not null && _model.GetTypeInfo(lambda).ConvertedType is not { TypeKind: TypeKind.Delegate })
            return; // also an expression tree: it can't have statements
        bool hasValue = !method.ReturnsVoid && !(method.IsAsync && method.ReturnType is INamedTypeSymbol { IsGenericType: false });
        string start = "{" + Check + (body is ThrowExpressionSyntax || !hasValue ? "" : "return ");
        if (lambda is null)
            _edits.Add((token.SpanStart, token.Span.Length, start));
        else
            _edits.Add((body.SpanStart, 0, start));
        _edits.Add(semicolon is { } end ? (end.Span.End, 0, " }") : (body.Span.End, 0, "; }"));
    }

    /// <summary>An exception out of such a function would end the process.</summary>
    private static bool IsCalledByNativeCode(SyntaxNode function)
    {
        var lists = function switch
        {
            MethodDeclarationSyntax method => method.AttributeLists,
            LocalFunctionStatementSyntax local => local.AttributeLists,
            _ => default,
        };
        return lists.SelectMany(list => list.Attributes)
            .Any(attribute => attribute.Name.ToString().Contains("UnmanagedCallersOnly", StringComparison.Ordinal));
    }
}

/// <summary>Files of <c>#load</c> with checks in them.</summary>
internal sealed class CheckedSources(string folder, CSharpParseOptions options) : SourceFileResolver([], folder)
{
    public override Stream OpenRead(string resolvedPath)
    {
        var tree = CSharpSyntaxTree.ParseText(File.ReadAllText(resolvedPath), options, resolvedPath);
        return new MemoryStream(new UTF8Encoding(encoderShouldEmitUTF8Identifier: true).GetBytes(LoopChecks.Insert(tree)));
    }
}
