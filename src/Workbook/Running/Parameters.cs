// `-p name=value`: the cell tagged "parameters" declares the names and, by what it assigns, their types; the given values are
// set in a new cell right after it, tagged "injected-parameters" (papermill's convention).

using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Workbook.Notebooks;

namespace Workbook.Running;

/// <summary>A parameter that cannot be set; the message lists the known ones or the type that is wanted.</summary>
public sealed class ParameterException(string message) : Exception(message);

/// <summary>Overrides the values of a notebook's parameters cell.</summary>
public static class Parameters
{
    private const string Tag = "parameters";
    private const string InjectedTag = "injected-parameters";

    /// <summary>The names that the notebook's parameters cell declares.</summary>
    public static IReadOnlyList<string> Names(Notebook notebook) =>
        notebook.Cells.Find(cell => cell.Has(Tag)) is { } cell ? [.. Declarations(cell).Select(found => found.Variable.Identifier.ValueText)] : [];

    /// <summary>Adds the cell that sets the values. An injected cell of an earlier run is replaced.</summary>
    /// <exception cref="ParameterException">A name is unknown or a value is not of the parameter's type.</exception>
    public static void Inject(Notebook notebook, IReadOnlyList<KeyValuePair<string, string>> values)
    {
        if (values.Count == 0)
            return;
        notebook.Cells.RemoveAll(cell => cell.Has(InjectedTag));
        int at = notebook.Cells.FindIndex(cell => cell.Has(Tag));
        if (at < 0)
            throw new ParameterException($"the notebook has no cell tagged \"{Tag}\", so {values[0].Key} cannot be set");
        var known = Declarations(notebook.Cells[at]).DistinctBy(found => found.Variable.Identifier.ValueText)
            .ToDictionary(found => found.Variable.Identifier.ValueText);
        var lines = values.Select(value => known.TryGetValue(value.Key, out var found)
            ? Assignment(found.Declaration, found.Variable, value.Value)
            : throw new ParameterException($"no parameter is named \"{value.Key}\"; known are {string.Join(", ", known.Keys)}"));
        string source = "// Parameters\n" + string.Join("\n", lines);
        string? id = notebook.Minor >= 5 ? notebook.NewId(InjectedTag) : null;
        notebook.Cells.Insert(at + 1, NotebookCell.Create("code", source, id, InjectedTag));
    }

    private static IEnumerable<(Declared Declaration, VariableDeclaratorSyntax Variable)> Declarations(NotebookCell cell)
    {
        var root = CSharpSyntaxTree.ParseText(cell.Source, new CSharpParseOptions(kind: SourceCodeKind.Script)).GetCompilationUnitRoot();
        foreach (var field in root.Members.OfType<FieldDeclarationSyntax>())
        {
            var declaration = new Declared(field.Declaration.Type, field.Modifiers.Any(SyntaxKind.ConstKeyword));
            foreach (var variable in field.Declaration.Variables)
                yield return (declaration, variable);
        }
    }

    private sealed record Declared(TypeSyntax Type, bool IsConst);

    private static string Assignment(Declared declaration, VariableDeclaratorSyntax variable, string value)
    {
        string name = variable.Identifier.ValueText;
        string literal = Literal(name, TypeOf(declaration.Type, variable.Initializer?.Value), value);
        return declaration.IsConst ? $"const {declaration.Type} {name} = {literal};" : $"{name} = {literal};";
    }

    /// <summary>The C# keyword of the parameter's type, "" when only the compiler can tell.</summary>
    private static string TypeOf(TypeSyntax type, ExpressionSyntax? value)
    {
        if (!type.IsVar)
            return type.ToString().TrimEnd('?');
        if (value is PrefixUnaryExpressionSyntax { OperatorToken.ValueText: "-" } negative)
            value = negative.Operand;
        return (value as LiteralExpressionSyntax)?.Token.Value switch
        {
            int => "int",
            long => "long",
            double => "double",
            float => "float",
            bool => "bool",
            string => "string",
            _ => "",
        };
    }

    private static string Literal(string name, string type, string value)
    {
        var plain = CultureInfo.InvariantCulture;
        switch (type)
        {
            case "string":
                return SymbolDisplay.FormatLiteral(value, quote: true);
            case "bool":
                return bool.TryParse(value, out bool flag) ? (flag ? "true" : "false") : throw Wrong("true or false");
            case "int":
                return int.TryParse(value, NumberStyles.AllowLeadingSign, plain, out int number) ? number.ToString(plain) : throw Wrong("an integer");
            case "long":
                return long.TryParse(value, NumberStyles.AllowLeadingSign, plain, out long big) ? big.ToString(plain) : throw Wrong("an integer");
            case "double":
                return double.TryParse(value, NumberStyles.Float, plain, out double real) ? real.ToString("R", plain) : throw Wrong("a number");
            case "float":
                return float.TryParse(value, NumberStyles.Float, plain, out float single) ? single.ToString("R", plain) + "f" : throw Wrong("a number");
            default:
                return value; // an expression of C#: an array, an enum
        }

        ParameterException Wrong(string wanted) => new($"parameter {name} is {wanted}, but \"{value}\" was given");
    }
}
