// Notebook → program: each cell's text with as few changes as one scope for all cells needs (see ProgramFormat).

using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using Microsoft.CodeAnalysis;
using Workbook.Engine;
using Workbook.Notebooks;

namespace Workbook.Programs;

/// <summary>Writes a notebook as a file-based app.</summary>
internal static class ProgramWriter
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The program's text.</summary>
    /// <param name="notebook">A notebook whose cells compile.</param>
    /// <param name="path">Its file: relative paths in cells begin at its folder.</param>
    /// <param name="target">The file that the text is for.</param>
    /// <param name="root">The checkout whose projects stand for <c>#r</c>'d assemblies.</param>
    /// <exception cref="InvalidDataException">Something in a cell has no place in a program; the message names the cell.</exception>
    public static string Write(Notebook notebook, string path, string target, string root)
    {
        var scripts = CellScripts.Of(notebook, path);
        var names = new UniqueNames(scripts.Cells);
        var compiled = scripts.Cells.ToDictionary(script => script.Cell);
        var usings = new List<string>(ScriptChain.Namespaces.Select(name => $"using {name};"));
        usings.AddRange(scripts.ImportedUsings);
        var cells = new StringBuilder();
        var types = new StringBuilder();
        foreach (var cell in notebook.Cells)
        {
            if (cell.Type == "code" && compiled.TryGetValue(cell, out var script))
                Code(script, names, cells, types, usings);
            else
                Text(cell, cells);
        }

        var text = new StringBuilder("#!/usr/bin/env -S dotnet run\n");
        foreach (string assembly in scripts.Assemblies)
            text.Append($"#:project {Project(assembly, target, root)}\n");
        foreach (string property in (string[])["PublishAot=false", "Nullable=disable", "ImplicitUsings=disable", "TreatWarningsAsErrors=false", "WarningLevel=0"])
            text.Append($"#:property {property}\n");
        string folder = Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(target))!, Path.GetDirectoryName(Path.GetFullPath(path))!).Replace('\\', '/');
        text.Append($"""

            // {Path.GetFileName(path)} as a program: dotnet run {Path.GetFileName(target)}
            // and a notebook again: ./workbook convert {Path.GetFileName(target)}

            {string.Join("\n", usings.Distinct())}
            using static Notebook;

            // %% [{ProgramFormat.Program}]
            Environment.CurrentDirectory = System.IO.Path.GetFullPath({JsonSerializer.Serialize(folder, Readable)}, (string)AppContext.GetData("EntryPointFileDirectoryPath"));


            """);
        text.Append(cells);
        if (types.Length > 0)
            text.Append($"// %% [{ProgramFormat.Types}]\n").Append(types);
        return text.Append($"// %% [{ProgramFormat.Program}]\n").Append(Resource("program.cs")).ToString();
    }

    private static void Text(NotebookCell cell, StringBuilder to)
    {
        string kind = cell.Type == "code" ? "" : $" [{cell.Type}]";
        to.Append($"// %%{kind}{Attributes(cell, [])}\n");
        foreach (string line in cell.Source.Split('\n'))
        {
            string plain = line.Length == 0 ? "//" : $"// {line}";
            to.Append(cell.Type == "code" || ProgramFormat.IsMark(plain) ? ProgramFormat.Aside + line : plain).Append('\n');
        }
        to.Append('\n');
    }

    private static void Code(CellScript script, UniqueNames names, StringBuilder cells, StringBuilder types, List<string> usings)
    {
        var text = SourceText.From(script.Cell.Source);
        var changes = new List<TextChange>();
        var renamed = new JsonObject();
        foreach (var (token, name) in names.In(script))
        {
            changes.Add(new(token.Span, name));
            renamed[name] = token.ValueText;
        }
        usings.AddRange(script.Root.Usings.Select(line => line.ToString()));
        var aside = script.Root.Usings.Select(node => node.Span).Concat(script.Root.GetReferenceDirectives().Select(node => node.Span))
            .SelectMany(span => Enumerable.Range(text.Lines.IndexOf(span.Start), text.Lines.IndexOf(span.End) - text.Lines.IndexOf(span.Start) + 1)).ToHashSet();
        for (int line = 0; line < text.Lines.Count; line++)
        {
            string written = text.Lines[line].ToString();
            if (aside.Contains(line) || written.StartsWith("#!", StringComparison.Ordinal) || ProgramFormat.IsMark(written))
                changes.Add(new(new TextSpan(text.Lines[line].Start, 0), ProgramFormat.Aside));
        }
        if (script.Root.Members is [.., GlobalStatementSyntax { Statement: ExpressionStatementSyntax { SemicolonToken.IsMissing: true } last }])
        {
            bool isVoid = script.Model.GetTypeInfo(last.Expression).Type?.SpecialType == SpecialType.System_Void;
            if (!isVoid)
                changes.Add(new(new TextSpan(last.Expression.SpanStart, 0), "display("));
            changes.Add(new(new TextSpan(last.Expression.Span.End, 0), isVoid ? ProgramFormat.Statement : $");{ProgramFormat.Value}"));
        }
        foreach (var member in script.Root.Members)
        {
            switch (member)
            {
                case BaseTypeDeclarationSyntax or DelegateDeclarationSyntax:
                    var inside = changes.Where(change => member.Span.Contains(change.Span)).ToList();
                    changes.RemoveAll(inside.Contains);
                    string name = (member as BaseTypeDeclarationSyntax)?.Identifier.ValueText ?? ((DelegateDeclarationSyntax)member).Identifier.ValueText;
                    name = $"{name}, cell {script.Number}";
                    types.Append(ProgramFormat.Moved(name)).Append('\n').Append(Part(text, member.Span, inside)).Append("\n\n");
                    changes.Add(new(member.Span, ProgramFormat.Moved(name)));
                    break;
                case GlobalStatementSyntax or IncompleteMemberSyntax:
                case FieldDeclarationSyntax field when field.Modifiers.All(modifier => modifier.ValueText == "const"): // a local may be one too
                    break;
                case MethodDeclarationSyntax method when method.ParameterList.Parameters is not [{ Modifiers: [{ RawKind: (int)Microsoft.CodeAnalysis.CSharp.SyntaxKind.ThisKeyword }, ..] }, ..]
                    && method.Modifiers.All(modifier => modifier.ValueText is "static" or "async" or "unsafe"):
                    break;
                default:
                    string first = member.ToString().Split('\n')[0].Trim();
                    throw new InvalidDataException($"cell {script.Number}: a program has no place for `{first}` among its statements; leave its modifiers out, or put it into a static class");
            }
        }
        cells.Append($"// %%{Attributes(script.Cell, renamed)}\n").Append(Part(text, new TextSpan(0, text.Length), changes)).Append("\n\n");
    }

    /// <summary>A part of the text with the changes that lie in it.</summary>
    private static string Part(SourceText text, TextSpan span, IEnumerable<TextChange> changes) =>
        text.GetSubText(span).WithChanges(changes.OrderBy(change => change.Span.Start).ThenBy(change => change.Span.End)
            .Select(change => new TextChange(new TextSpan(change.Span.Start - span.Start, change.Span.Length), change.NewText!))).ToString();

    private static string Attributes(NotebookCell cell, JsonObject renamed)
    {
        var text = new StringBuilder();
        if (cell.Id is { } id)
            text.Append($" id={JsonSerializer.Serialize(id, Readable)}");
        if (cell.Tags.Count > 0)
            text.Append($" tags={JsonSerializer.Serialize(cell.Tags, Readable)}");
        var metadata = cell.Metadata.DeepClone().AsObject();
        metadata.Remove("tags");
        foreach (var (key, value) in new[] { ("metadata", metadata), ("renamed", renamed) })
        {
            if (value.Count > 0)
                text.Append($" {key}={value.ToJsonString(Readable)}");
        }
        return text.ToString();
    }

    private static string Project(string assembly, string target, string root)
    {
        string name = Path.GetFileNameWithoutExtension(assembly);
        string project = Path.Combine(root, "src", name, $"{name}.csproj");
        return File.Exists(project) ? Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(target))!, project).Replace('\\', '/')
            : throw new InvalidDataException($"a program refers to projects and packages; there is no {project} that makes {assembly}");
    }

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
