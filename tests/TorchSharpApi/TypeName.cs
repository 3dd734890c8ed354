using System.Text;
using Microsoft.CodeAnalysis.CSharp;

namespace TorchSharpApi;

/// <summary>
/// A type as the list writes it: <c>System.Collections.Generic.List&lt;TorchSharp.torch+Tensor&gt;[]</c>, parsed so that it can be written as
/// C#. A name without a dot is a type parameter; <c>ref</c> is written before, tuple element names beside it (in one flat list, outermost first).
/// </summary>
public sealed record TypeName(IReadOnlyList<TypeName.Part> Parts, string Suffix = "", bool IsReference = false)
{
    /// <summary>One segment of a nested name with its own type arguments; <c>Separator</c> stands before it ('.' or '+').</summary>
    public sealed record Part(char Separator, string Name, IReadOnlyList<TypeName> Arguments);

    /// <summary>Parses a whole string.</summary>
    public static TypeName Parse(string text)
    {
        var cursor = new Cursor(text);
        var type = Read(cursor);
        cursor.ExpectEnd();
        return type;
    }

    internal static TypeName Read(Cursor cursor)
    {
        bool reference = cursor.Take("ref ");
        var parts = new List<Part>();
        char separator = '.';
        do
        {
            string name = cursor.Identifier();
            var arguments = new List<TypeName>();
            if (cursor.Take("<"))
            {
                do { arguments.Add(Read(cursor)); } while (cursor.Take(", "));
                cursor.Expect(">");
            }
            parts.Add(new Part(separator, name, arguments));
            separator = cursor.Peek;
        }
        while (cursor.Take(".") || cursor.Take("+"));

        var suffix = new StringBuilder();
        while (cursor.Peek is '[' or '*')
        {
            suffix.Append(cursor.Next());
            while (suffix[^1] != '*' && suffix[^1] != ']') suffix.Append(cursor.Next());
        }
        return new TypeName(parts, suffix.ToString(), reference);
    }

    private bool IsTuple => Parts.Count == 2 && Parts[0].Name == "System" && Parts[1].Name == "ValueTuple" && Parts[1].Arguments.Count is > 1 and < 8;

    /// <summary>The full name without type arguments, as the list writes it.</summary>
    public string Definition => string.Concat(Parts.Select((part, i) => (i == 0 ? "" : part.Separator.ToString()) + part.Name));

    /// <summary>Whether any name in it begins with one of these prefixes.</summary>
    public bool Mentions(params string[] prefixes) =>
        prefixes.Any(Definition.StartsWith) || Parts.Any(part => part.Arguments.Any(argument => argument.Mentions(prefixes)));

    /// <summary>The same type with type parameters replaced.</summary>
    public TypeName Substitute(IReadOnlyDictionary<string, TypeName> map)
    {
        if (Parts.Count == 1 && map.TryGetValue(Parts[0].Name, out var replacement))
            return replacement with { Suffix = replacement.Suffix + Suffix, IsReference = IsReference };
        return this with { Parts = [.. Parts.Select(p => p with { Arguments = [.. p.Arguments.Select(a => a.Substitute(map))] })] };
    }

    /// <summary>The type in C#, without <c>ref</c>, its tuple elements named after <paramref name="names"/> ("-" for none).</summary>
    public string ToCSharp(IReadOnlyList<string>? names = null) => ToCSharp(names is null ? null : new Queue<string>(names));

    private string ToCSharp(Queue<string>? names)
    {
        if (Definition == "System.Void") return "void" + Suffix;
        if (IsTuple)
        {
            // the metadata lists a tuple's own names before those of the tuples inside it
            var own = Parts[1].Arguments.Select(_ => names is { Count: > 0 } ? names.Dequeue() : "-").ToArray();
            var elements = Parts[1].Arguments.Select((a, i) => a.ToCSharp(names) + (own[i] == "-" ? "" : " " + Identifier(own[i])));
            return "(" + string.Join(", ", elements) + ")" + Suffix;
        }
        var text = new StringBuilder(Parts.Count == 1 ? "" : "global::");
        for (int i = 0; i < Parts.Count; i++)
        {
            if (i > 0) text.Append('.');
            text.Append(Identifier(Parts[i].Name));
            if (Parts[i].Arguments.Count > 0) text.Append('<').AppendJoin(", ", Parts[i].Arguments.Select(a => a.ToCSharp(names))).Append('>');
        }
        return text.Append(Suffix).ToString();
    }

    /// <summary>A name as C# writes it: keywords get an @.</summary>
    public static string Identifier(string name) => SyntaxFacts.GetKeywordKind(name) != SyntaxKind.None ? "@" + name : name;
}
