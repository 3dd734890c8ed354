// A notebook's cells as Roslyn sees them: a chain of script submissions, compiled and not run. The chain knows what every name stands
// for, which is what turning cells into one program needs.

using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Scripting;
using Workbook.Engine;
using Workbook.Notebooks;

namespace Workbook.Programs;

/// <summary>A code cell with its compiled text: <see cref="Code"/> is as long as the source, its magics' lines blank.</summary>
internal sealed record CellScript(NotebookCell Cell, int Number, string Code, CompilationUnitSyntax Root, SemanticModel Model);

/// <summary>The compiled cells, what they refer to and the usings that imported files add.</summary>
internal sealed record CellScripts(IReadOnlyList<CellScript> Cells, IReadOnlyList<string> Assemblies, IReadOnlyList<string> ImportedUsings)
{
    /// <summary>Compiles the cells that are C# from their first to their last line; others (a page of HTML) are left out.</summary>
    /// <exception cref="InvalidDataException">A cell does not compile, or imports what has no place in a program.</exception>
    public static CellScripts Of(Notebook notebook, string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var options = ScriptChain.Options.WithFilePath(Path.GetFullPath(path)).WithMetadataResolver(ScriptMetadataResolver.Default.WithBaseDirectory(folder));
        Script<object>? script = null;
        var cells = new List<CellScript>();
        var assemblies = new List<string>();
        var usings = new List<string>();
        for (int i = 0; i < notebook.Cells.Count; i++)
        {
            var cell = notebook.Cells[i];
            if (cell.Type != "code" || !IsCode(cell, i + 1))
                continue;
            foreach (string import in Imports(cell.Source))
            {
                string file = Path.GetFullPath(import, folder);
                string text = File.Exists(file) ? File.ReadAllText(file) : throw Error(i + 1, $"there is no file {file} to import");
                var root = Parse(text);
                if (root.Members.Count > 0)
                    throw Error(i + 1, $"it imports {import}, which has code of its own; a program is one file: put that code into a cell");
                Compile(text, i + 1);
                assemblies.AddRange(root.GetReferenceDirectives().Select(directive => directive.File.ValueText));
                usings.AddRange(root.Usings.Select(line => line.ToString()));
            }
            string code = Regex.Replace(cell.Source, "^#![^\n]*", magic => new string(' ', magic.Length), RegexOptions.Multiline);
            if (Parse(code).GetLoadDirectives().FirstOrDefault() is { } load)
                throw Error(i + 1, $"it has {load}; a program is one file: put that code into a cell");
            assemblies.AddRange(Parse(code).GetReferenceDirectives().Select(directive => Path.GetFullPath(directive.File.ValueText, folder)));
            var compilation = Compile(code, i + 1);
            var tree = compilation.SyntaxTrees.Last();
            cells.Add(new(cell, i + 1, code, (CompilationUnitSyntax)tree.GetRoot(), compilation.GetSemanticModel(tree)));
        }
        return new(cells, [.. assemblies.Distinct()], usings);

        Compilation Compile(string code, int number)
        {
            var here = options.AddReferences(ScriptChain.Dependencies(code, path, options));
            script = script is null ? CSharpScript.Create<object>(code, here) : script.ContinueWith<object>(code, here);
            var compilation = script.GetCompilation();
            options = options.AddReferences(here.MetadataReferences.Except(options.MetadataReferences));
            if (compilation.GetDiagnostics().FirstOrDefault(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error) is { } error)
                throw Error(number, $"{error.Id}: {error.GetMessage()}");
            return compilation;
        }

        InvalidDataException Error(int number, string why) => new($"{path}, cell {number}: {why}");
    }

    /// <summary>A cell's text as C# script.</summary>
    public static CompilationUnitSyntax Parse(string code) =>
        CSharpSyntaxTree.ParseText(code, new CSharpParseOptions(LanguageVersion.Latest, kind: SourceCodeKind.Script)).GetCompilationUnitRoot();

    private static bool IsCode(NotebookCell cell, int number)
    {
        try
        {
            return CellParser.Parse(cell.Source).Segments.All(segment => segment is Segment.Code or Segment.Import);
        }
        catch (MagicException error)
        {
            throw new InvalidDataException($"cell {number}: {error.Message}", error);
        }
    }

    private static IEnumerable<string> Imports(string source) =>
        CellParser.Parse(source).Segments.OfType<Segment.Import>().Select(import => import.File);
}
