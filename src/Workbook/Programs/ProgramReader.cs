// Program → notebook: undoes what ProgramWriter marked. Files in the percent format that were written elsewhere are read as well: their
// code cells have no marks.

using System.Text.Json.Nodes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using Workbook.Notebooks;

namespace Workbook.Programs;

/// <summary>Reads a C# file in the percent format.</summary>
internal static class ProgramReader
{
    private sealed record Section(string Kind, JsonObject Attributes, List<string> Lines, int Line);

    /// <summary>The notebook.</summary>
    /// <exception cref="InvalidDataException">The text has no marked cell, or a mark that makes no sense; the message says the line.</exception>
    public static Notebook Read(string text)
    {
        var sections = Sections(text.ReplaceLineEndings("\n").Split('\n'));
        if (sections.Count == 0)
            throw new InvalidDataException("it has no line \"// %%\" that begins a cell");
        var types = Types(sections);
        var notebook = Notebook.Create();
        foreach (var section in sections.Where(section => section.Kind is "markdown" or "raw" or "code"))
        {
            var lines = section.Lines.Select(line => section.Kind == "code" ? line : Uncomment(line, section));
            string source = string.Join("\n", lines);
            if (source.EndsWith('\n'))
                source = source[..^1]; // the empty line between cells
            if (section.Kind == "code")
                source = Code(source, section, types);
            var cell = notebook.Add(section.Kind, source, [.. section.Attributes["tags"]?.AsArray().Select(tag => tag!.GetValue<string>()) ?? []]);
            if (section.Attributes["id"] is { } id)
                cell.Id = id.GetValue<string>();
            foreach (var (key, value) in section.Attributes["metadata"]?.AsObject() ?? [])
                cell.Metadata[key] = value?.DeepClone();
        }
        return notebook;
    }

    private static List<Section> Sections(string[] lines)
    {
        var sections = new List<Section>();
        for (int i = 0; i < lines.Length; i++)
        {
            var header = ProgramFormat.Header().Match(lines[i]);
            if (!header.Success)
            {
                sections.LastOrDefault()?.Lines.Add(lines[i]);
                continue;
            }
            var attributes = new JsonObject();
            foreach (System.Text.RegularExpressions.Match one in ProgramFormat.Attribute().Matches(header.Groups["attributes"].Value))
            {
                try
                {
                    attributes[one.Groups["key"].Value] = JsonNode.Parse(one.Groups["value"].Value);
                }
                catch (System.Text.Json.JsonException error)
                {
                    throw new InvalidDataException($"line {i + 1}: {one.Value}: {error.Message}", error);
                }
            }
            sections.Add(new(header.Groups["kind"].Success ? header.Groups["kind"].Value : "code", attributes, [], i + 1));
        }
        // the file's last newline is no line of its last cell
        if (sections.LastOrDefault()?.Lines is [.., ""] last)
            last.RemoveAt(last.Count - 1);
        return sections;
    }

    private static string Uncomment(string line, Section section) => line switch
    {
        "//" or "" => "",
        _ when line.StartsWith(ProgramFormat.Aside, StringComparison.Ordinal) => line[ProgramFormat.Aside.Length..],
        _ when line.StartsWith("// ", StringComparison.Ordinal) => line[3..],
        _ => throw new InvalidDataException($"the {section.Kind} cell at line {section.Line} has a line that is no comment: {line}"),
    };

    /// <summary>The moved types by their mark.</summary>
    private static Dictionary<string, string> Types(List<Section> sections)
    {
        var types = new Dictionary<string, string>();
        foreach (var section in sections.Where(section => section.Kind == ProgramFormat.Types))
        {
            string? mark = null;
            foreach (string line in section.Lines)
            {
                if (line.StartsWith("/*~> ", StringComparison.Ordinal))
                    types[mark = line] = "";
                else if (mark is not null)
                    types[mark] += line + "\n";
            }
        }
        return types.ToDictionary(pair => pair.Key, pair => pair.Value.Trim('\n'));
    }

    private static string Code(string source, Section section, Dictionary<string, string> types)
    {
        foreach (var (mark, type) in types)
            source = source.Replace(mark, type);
        if (source.Contains("/*~> ", StringComparison.Ordinal))
            throw new InvalidDataException($"the cell at line {section.Line} refers to a type that the section [{ProgramFormat.Types}] does not have: {source[source.IndexOf("/*~> ", StringComparison.Ordinal)..].Split('\n')[0]}");
        source = string.Join("\n", source.Split('\n').Select(line => line.StartsWith(ProgramFormat.Aside, StringComparison.Ordinal) ? line[ProgramFormat.Aside.Length..]
            : line == ProgramFormat.Aside.TrimEnd() ? "" : line));

        var text = SourceText.From(source);
        var root = CellScripts.Parse(source);
        var changes = new List<TextChange>();
        if (section.Attributes["renamed"] is JsonObject renamed)
        {
            foreach (var token in root.DescendantTokens().Where(token => token.IsKind(SyntaxKind.IdentifierToken)))
            {
                if (renamed[token.ValueText] is { } before)
                    changes.Add(new(token.Span, before.GetValue<string>()));
            }
        }
        if (root.Members is [.., GlobalStatementSyntax { Statement: ExpressionStatementSyntax last }])
        {
            if (source[last.SemicolonToken.Span.End..].StartsWith(ProgramFormat.Value, StringComparison.Ordinal)
                && last.Expression is InvocationExpressionSyntax { ArgumentList.Arguments: [var shown] } call)
            {
                changes.Add(new(TextSpan.FromBounds(call.SpanStart, shown.SpanStart), ""));
                changes.Add(new(TextSpan.FromBounds(shown.Span.End, last.SemicolonToken.Span.End + ProgramFormat.Value.Length), ""));
            }
            else if (source[last.SemicolonToken.SpanStart..].StartsWith(ProgramFormat.Statement, StringComparison.Ordinal))
            {
                changes.Add(new(new TextSpan(last.SemicolonToken.SpanStart, ProgramFormat.Statement.Length), ""));
            }
        }
        return text.WithChanges(changes.OrderBy(change => change.Span.Start)).ToString();
    }
}
