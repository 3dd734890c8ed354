using System.Text;

namespace TorchSharpApi;

/// <summary>
/// Writes C# for the list's types: the whole public surface, every body throws. What the list does not hold is invented here and stays internal:
/// a constructor that takes the marker <c>Stub</c>, so that every derived class has one to call, and explicit interface implementations.
/// </summary>
public sealed class StubWriter
{
    private const string Throws = "=> throw null!;";
    private readonly StringBuilder text = new();
    private readonly ILookup<string?, ApiType> nested;
    private readonly IReadOnlyDictionary<string, ApiType> byDefinition;
    private readonly ExplicitImplementations implementations;

    private StubWriter(IReadOnlyList<ApiType> types)
    {
        nested = types.ToLookup(t => t.Outer);
        byDefinition = types.GroupBy(t => Key(t.Type)).ToDictionary(g => g.Key, g => g.First());
        implementations = new ExplicitImplementations(type => byDefinition.GetValueOrDefault(Key(type)));
    }

    private static string Key(TypeName type) => type.Definition + "`" + type.Parts[^1].Arguments.Count;

    /// <summary>The source of all types.</summary>
    public static string Write(IReadOnlyList<ApiType> types)
    {
        var writer = new StubWriter(types);
        writer.text.AppendLine("internal sealed class Stub { }");
        foreach (var type in writer.nested[null])
        {
            writer.text.AppendLine($"namespace {string.Join('.', type.Type.Parts.SkipLast(1).Select(p => p.Name))} {{");
            writer.WriteType(type);
            writer.text.AppendLine("}");
        }
        return writer.text.ToString();
    }

    private void WriteType(ApiType type)
    {
        string name = TypeName.Identifier(type.Type.Parts[^1].Name);
        string generic = type.TypeParameters.Count == 0 ? "" : $"<{string.Join(", ", type.TypeParameters)}>";
        if (type.Kind == "delegate")
        {
            var invoke = type.Members.OfType<Method>().Single(m => m.Name == "Invoke");
            text.AppendLine($"public delegate {invoke.Returns!.ToCSharp(invoke.TupleNames)} {name}{generic}({Parameters(invoke.Parameters)}){Constraints(type.Constraints)};");
            return;
        }
        if (type.Kind == "enum")
        {
            string underlying = type.Members.OfType<Field>().Single(f => f.Name == "value__").Type.ToCSharp();
            var values = type.Members.OfType<Field>().Where(f => f.Constant is not null).Select(f => $"{TypeName.Identifier(f.Name)} = {f.Constant}");
            text.AppendLine($"public enum {name} : {underlying} {{ {string.Join(", ", values)} }}");
            return;
        }

        var bases = type.Interfaces.Concat(type.Base is null ? [] : [type.Base]).OrderBy(t => t != type.Base).Select(t => t.ToCSharp()).ToArray();
        text.AppendLine($"public {type.Kind.Replace("class", "partial class")} {name}{generic}{(bases.Length == 0 ? "" : " : " + string.Join(", ", bases))}{Constraints(type.Constraints)} {{");
        bool isClass = type.Kind is "class" or "sealed class" or "abstract class";
        if (isClass) text.AppendLine($"internal {name}(Stub stub){BaseCall(type)} {Throws}");
        foreach (var member in type.Members)
            text.AppendLine(member switch
            {
                Method { Name: "new" } m => $"{m.Access} {name}({Parameters(m.Parameters)}){(isClass ? BaseCall(type) : "")} {Throws}",
                Method { Name: "Finalize" } => $"~{name}() {Throws}",
                Method m => WriteMethod(type, m),
                Property p => WriteProperty(type, p),
                Field f => WriteField(f),
                _ => throw new NotSupportedException(member.ToString()),
            });
        if (type.Kind != "interface")
            foreach (string implementation in implementations.For(type)) text.AppendLine(implementation);
        foreach (var inner in nested[type.Name]) WriteType(inner);
        text.AppendLine("}");
    }

    private string BaseCall(ApiType type) => type.Base switch
    {
        null => "",
        { } b when byDefinition.ContainsKey(Key(b)) => " : base(default(Stub)!)",
        { Definition: "System.Runtime.InteropServices.SafeHandle" } => " : base(default, default)",
        _ => " : base()",
    };

    private static string WriteMethod(ApiType type, Method method)
    {
        string parameters = Parameters(method.Parameters), returns = method.Returns!.ToCSharp(method.TupleNames);
        string constraints = method.Access.EndsWith("override") ? "" : Constraints(method.Constraints);
        if (Operators.Names.TryGetValue(method.Name, out string? symbol))
            return symbol is "implicit" or "explicit"
                ? $"public static {symbol} operator {returns}({parameters}) {Throws}"
                : $"public static {returns} operator {symbol}({parameters}) {Throws}";
        string generic = method.TypeParameters.Count == 0 ? "" : $"<{string.Join(", ", method.TypeParameters)}>";
        string body = method.Access.EndsWith("abstract") ? ";" : Throws;
        string access = type.Kind == "interface" ? method.Access.Replace(" virtual", "") : method.Access;
        return $"{access} {(method.IsStatic ? "static " : "")}{returns} {TypeName.Identifier(method.Name)}{generic}({(IsExtension(type, method) ? "this " : "")}{parameters}){constraints} {body}";
    }

    /// <summary>
    /// The list has no "this". TorchSharp keeps its extension methods in static classes so named; there, only the readers that return or
    /// replace a tensor (a BinaryReader or a reference comes first) are plain methods.
    /// </summary>
    private static bool IsExtension(ApiType type, Method method) =>
        type.Kind == "static class" && type.Name.EndsWith("ExtensionMethods") && method.Parameters is [{ Type: { IsReference: false, Definition: not "System.IO.BinaryReader" } }, ..];

    private static string WriteProperty(ApiType type, Property property)
    {
        string[] accesses = [.. new[] { property.Get, property.Set }.OfType<string>()];
        string Visibility(string access) => access.Split(" abstract", 2)[0].Split(" virtual", 2)[0].Split(" override", 2)[0];
        string widest = accesses.Select(Visibility).OrderBy(a => Array.IndexOf(["public", "protected internal", "protected"], a)).First();
        string modifier = accesses[0][Visibility(accesses[0]).Length..];
        bool isAbstract = modifier == " abstract";
        string Accessor(string kind, string? access) => access is null ? "" :
            $"{(Visibility(access) == widest ? "" : Visibility(access) + " ")}{kind}{(isAbstract ? ";" : " " + Throws)} ";
        string attribute = property.Indices is null || property.Name == "Item" ? "" : $"[System.Runtime.CompilerServices.IndexerName(\"{property.Name}\")] ";
        string name = property.Indices is null ? TypeName.Identifier(property.Name) : $"this[{Parameters(property.Indices)}]";
        return $"{attribute}{widest}{modifier} {(property.IsStatic ? "static " : "")}{property.Type.ToCSharp(property.TupleNames)} {name} {{ {Accessor("get", property.Get)}{Accessor("set", property.Set)}}}";
    }

    private static string WriteField(Field field)
    {
        string type = field.Type.ToCSharp(field.TupleNames), name = TypeName.Identifier(field.Name);
        if (field.IsEvent) return $"public event {type} {name} {{ add {Throws} remove {Throws} }}";
        if (field.Constant is not null) return $"public const {type} {name} = {Value(field.Type, field.Constant)};";
        return $"public {(field.IsStatic ? "static " : "")}{(field.IsReadOnly ? "readonly " : "")}{type} {name};";
    }

    private static string Parameters(IEnumerable<Parameter> parameters) => string.Join(", ", parameters.Select(p =>
        $"{(p.IsParams ? "params " : p.IsOut ? "out " : p.Type.IsReference ? "ref " : "")}{p.Type.ToCSharp(p.TupleNames)} {TypeName.Identifier(p.Name)}{(p.Default is null ? "" : " = " + Value(p.Type, p.Default))}"));

    /// <summary>A constant as C#: numbers are cast, because an enumeration's default is listed as its number and a Nullable's as the bare value.</summary>
    private static string Value(TypeName type, string value)
    {
        if (value == "null") return "default";
        if (value is "true" or "false" or "True" or "False" || value.StartsWith('"')) return value.ToLowerInvariant() is "true" or "false" ? value.ToLowerInvariant() : value;
        if (type.Definition == "System.String") return $"\"{value}\"";
        var plain = type is { Definition: "System.Nullable" } ? type.Parts[^1].Arguments[0] : type;
        string literal = value switch { "Infinity" => "double.PositiveInfinity", "-Infinity" => "double.NegativeInfinity", "NaN" => "double.NaN", [not ('-' or (>= '0' and <= '9'))] => $"'{value}'", _ => value };
        return $"({plain.ToCSharp()})({literal})";
    }

    private static string Constraints(IEnumerable<Constraint> constraints) => string.Concat(constraints.Select(c =>
    {
        // struct and unmanaged look the same by reflection; TorchSharp's own are unmanaged but for one, and unmanaged is the stricter
        var parts = new List<string>();
        if (c.Flags.Contains("NotNullableValueType")) parts.Add("unmanaged");
        else if (c.Flags.Contains("ReferenceType")) parts.Add("class");
        parts.AddRange(c.Bases.Where(b => b.Definition != "System.ValueType").Select(b => b.ToCSharp()));
        if (c.Flags == "DefaultConstructorConstraint") parts.Add("new()");
        return $" where {c.Name} : {string.Join(", ", parts)}";
    }));
}
