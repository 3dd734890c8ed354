using System.Text.RegularExpressions;

namespace TorchSharpApi;

/// <summary>A parameter; <c>Default</c> is the text after " = ", or null.</summary>
public sealed record Parameter(TypeName Type, IReadOnlyList<string>? TupleNames, string Name, bool IsParams, bool IsOut, string? Default);

/// <summary>What a type parameter must be: special flags as reflection names them, and base types.</summary>
public sealed record Constraint(string Name, string Flags, IReadOnlyList<TypeName> Bases);

/// <summary>A member of a type.</summary>
public abstract record Member
{
    /// <summary>Every type that the member's signature names.</summary>
    public abstract IEnumerable<TypeName> Types { get; }
}

/// <summary>A method, operator or (Name "new", no return type) constructor.</summary>
public sealed record Method(string Access, bool IsStatic, TypeName? Returns, IReadOnlyList<string>? TupleNames, string Name,
    IReadOnlyList<string> TypeParameters, IReadOnlyList<Parameter> Parameters, IReadOnlyList<Constraint> Constraints) : Member
{
    /// <inheritdoc/>
    public override IEnumerable<TypeName> Types => Parameters.Select(p => p.Type).Concat(Returns is null ? [] : [Returns]);
}

/// <summary>A property or indexer; an accessor that is absent is null, else its access ("public", "protected override", …).</summary>
public sealed record Property(bool IsStatic, TypeName Type, IReadOnlyList<string>? TupleNames, string Name, IReadOnlyList<Parameter>? Indices, string? Get, string? Set) : Member
{
    /// <inheritdoc/>
    public override IEnumerable<TypeName> Types => (Indices ?? []).Select(p => p.Type).Append(Type);
}

/// <summary>A field, constant (with its value) or event.</summary>
public sealed record Field(bool IsStatic, bool IsReadOnly, bool IsEvent, TypeName Type, IReadOnlyList<string>? TupleNames, string Name, string? Constant) : Member
{
    /// <inheritdoc/>
    public override IEnumerable<TypeName> Types => [Type];
}

/// <summary>The parser of a line's second half: everything after "declaring type, two spaces".</summary>
public static partial class Signatures
{
    /// <summary>Parses one member.</summary>
    public static Member Parse(string text)
    {
        var cursor = new Cursor(text);
        Member member = text.StartsWith("event ") ? ReadEvent(cursor)
            : text.StartsWith("p") && AccessPattern().Match(text) is { Success: true } access ? ReadMethod(cursor, access.Value)
            : text.EndsWith(" }") ? ReadProperty(cursor)
            : ReadField(cursor);
        cursor.ExpectEnd();
        return member;
    }

    [GeneratedRegex("^(public|protected internal|protected)( abstract| virtual| override)?(?= )")]
    private static partial Regex AccessPattern();

    private static Method ReadMethod(Cursor cursor, string access)
    {
        cursor.Expect(access + " ");
        if (cursor.Take("new(")) return new Method(access, false, null, null, "new", [], ReadParameters(cursor), []);
        bool isStatic = cursor.Take("static ");
        var returns = TypeName.Read(cursor);
        cursor.Expect(" ");
        string name = cursor.Identifier();
        var typeParameters = new List<string>();
        if (cursor.Take("<"))
        {
            do { typeParameters.Add(cursor.Identifier()); } while (cursor.Take(", "));
            cursor.Expect(">");
        }
        cursor.Expect("(");
        var parameters = ReadParameters(cursor);
        return new Method(access, isStatic, returns, cursor.TupleNames(), name, typeParameters, parameters, ReadConstraints(cursor));
    }

    private static Property ReadProperty(Cursor cursor)
    {
        bool isStatic = cursor.Take("static ");
        var type = TypeName.Read(cursor);
        var names = cursor.TupleNames();
        cursor.Expect(" ");
        string name = cursor.Identifier();
        var indices = cursor.Take("(") ? ReadParameters(cursor) : null;
        cursor.Expect(" {");
        string? Accessor(string kind)
        {
            var match = Regex.Match(cursor.Rest, $"^ ([a-z ]+) {kind};");
            return match.Success && cursor.Take(match.Value) ? match.Groups[1].Value : null;
        }
        string? get = Accessor("get"), set = Accessor("set");
        cursor.Expect(" }");
        return new Property(isStatic, type, names, name, indices, get, set);
    }

    private static Field ReadField(Cursor cursor)
    {
        bool isConstant = cursor.Take("const "), isStatic = cursor.Take("static "), isReadOnly = cursor.Take("readonly ");
        var type = TypeName.Read(cursor);
        var names = cursor.TupleNames();
        cursor.Expect(" ");
        string name = cursor.Identifier();
        if (isConstant) cursor.Expect(" = ");
        return new Field(isStatic, isReadOnly, false, type, names, name, isConstant ? cursor.Until() : null);
    }

    private static Field ReadEvent(Cursor cursor)
    {
        cursor.Expect("event ");
        var type = TypeName.Read(cursor);
        cursor.Expect(" ");
        return new Field(false, false, true, type, null, cursor.Identifier(), null);
    }

    private static List<Parameter> ReadParameters(Cursor cursor)
    {
        var parameters = new List<Parameter>();
        if (cursor.Take(")")) return parameters;
        do
        {
            bool isParams = cursor.Take("params "), isOut = cursor.Take("out ");
            var type = TypeName.Read(cursor);
            var names = cursor.TupleNames();
            cursor.Expect(" ");
            string name = cursor.Identifier();
            string? value = cursor.Take(" = ") ? cursor.Until(',', ')') : null;
            parameters.Add(new Parameter(type, names, name, isParams, isOut, value));
        }
        while (cursor.Take(", "));
        cursor.Expect(")");
        return parameters;
    }

    internal static List<Constraint> ReadConstraints(Cursor cursor)
    {
        var constraints = new List<Constraint>();
        while (cursor.Take(" where "))
        {
            string name = cursor.Identifier();
            cursor.Expect(": ");
            string flags = cursor.Identifier();
            while (cursor.Take(", ")) flags += ", " + cursor.Identifier();
            cursor.Expect(" ");
            var bases = new List<TypeName>();
            if (!cursor.AtEnd && cursor.Peek != ' ')
                do { bases.Add(TypeName.Read(cursor)); } while (cursor.Take("&"));
            constraints.Add(new Constraint(name, flags, bases));
        }
        return constraints;
    }
}
