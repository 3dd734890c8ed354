using System.IO.Compression;

namespace TorchSharpApi;

/// <summary>A public type with the members that the list gives it; <c>Name</c> is its text in the list.</summary>
public sealed record ApiType(string Kind, string Name, TypeName Type, IReadOnlyList<Constraint> Constraints, TypeName? Base, IReadOnlyList<TypeName> Interfaces)
{
    /// <summary>Its members, in the list's order.</summary>
    public List<Member> Members { get; } = [];

    /// <summary>Its own type parameters, without those of the types around it.</summary>
    public IReadOnlyList<string> TypeParameters => [.. Type.Parts[^1].Arguments.Select(a => a.Definition)];

    /// <summary>The text of the type that it is nested in, or null.</summary>
    public string? Outer
    {
        get
        {
            int depth = 0;
            for (int i = Name.Length - 1; i >= 0; i--)
            {
                if (Name[i] == '>') depth++;
                if (Name[i] == '<') depth--;
                if (Name[i] == '+' && depth == 0) return Name[..i];
            }
            return null;
        }
    }

    /// <summary>Parses a type's own line: kind, name, constraints, base, interfaces.</summary>
    public static ApiType Parse(string line)
    {
        var cursor = new Cursor(line);
        string kind = cursor.Identifier();
        if (kind is "sealed" or "static" or "abstract") { cursor.Expect(" class"); kind += " class"; }
        cursor.Expect(" ");
        string rest = cursor.Rest;
        var type = TypeName.Read(cursor);
        string name = rest[..^cursor.Rest.Length];
        var constraints = Signatures.ReadConstraints(cursor);
        var parent = cursor.Take(" : ") ? TypeName.Read(cursor) : null;
        var interfaces = new List<TypeName>();
        if (cursor.Take(" implements "))
            do { interfaces.Add(TypeName.Read(cursor)); } while (cursor.Take(", "));
        cursor.ExpectEnd();
        return new ApiType(kind, name, type, constraints, parent, interfaces);
    }
}

/// <summary>TorchSharp 0.107's public surface: one line a type or member, sorted ordinally. Two spaces part a member from its declaring type.</summary>
public static class ApiList
{
    /// <summary>The list's lines.</summary>
    public static IReadOnlyList<string> Lines { get; } = Read();

    /// <summary>Whether a line describes a member; else it is a type's own, which begins with its kind.</summary>
    public static bool IsMember(string line) =>
        !line.StartsWith("class ") && !line.StartsWith("sealed ") && !line.StartsWith("static ") && !line.StartsWith("abstract ")
        && !line.StartsWith("struct ") && !line.StartsWith("interface ") && !line.StartsWith("enum ") && !line.StartsWith("delegate ");

    private static string[] Read()
    {
        using var stream = typeof(ApiList).Assembly.GetManifestResourceStream("torchsharp-api")!;
        using var reader = new StreamReader(new GZipStream(stream, CompressionMode.Decompress));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>
    /// The types with their members. What names a type under <paramref name="absent"/> (assemblies that are not at hand) is left out,
    /// and its lines are given back in <paramref name="leftOut"/>.
    /// </summary>
    public static IReadOnlyList<ApiType> Types(IEnumerable<string> lines, string[] absent, out IReadOnlyList<string> leftOut)
    {
        var all = lines.ToLookup(IsMember);
        var missing = new List<string>();
        var types = new Dictionary<string, ApiType>();
        foreach (string line in all[false])
        {
            var type = ApiType.Parse(line);
            if (type.Interfaces.Append(type.Type).Concat(type.Base is null ? [] : [type.Base]).Any(t => t.Mentions(absent))) missing.Add(line);
            else types.Add(type.Name, type);
        }
        foreach (string line in all[true])
        {
            int split = line.IndexOf("  ", StringComparison.Ordinal);
            var member = types.ContainsKey(line[..split]) ? Signatures.Parse(line[(split + 2)..]) : null;
            if (member is null || member.Types.Any(t => t.Mentions(absent))) missing.Add(line);
            else types[line[..split]].Members.Add(member);
        }
        leftOut = missing;
        return [.. types.Values];
    }
}
