using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace TorchSharpApi;

/// <summary>An assembly's public surface in the list's own words, one line a type and one a public or protected member, so that two surfaces compare as text.</summary>
public static class PublicSurface
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private const GenericParameterAttributes Special = GenericParameterAttributes.SpecialConstraintMask & (GenericParameterAttributes)28;

    /// <summary>The lines of all visible types whose namespace is, or lies under, <paramref name="root"/>, sorted ordinally.</summary>
    public static IReadOnlyList<string> Lines(Assembly assembly, string root) =>
        [.. assembly.GetTypes().Where(t => IsVisible(t) && (t.Namespace == root || t.Namespace?.StartsWith(root + ".") == true))
            .SelectMany(t => Members(t).Select(m => Name(t) + "  " + m).Append(TypeLine(t)))
            .Distinct().Order(StringComparer.Ordinal)];

    /// <summary>A type's own line.</summary>
    public static string TypeLine(Type type)
    {
        string kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : (type.IsAbstract, type.IsSealed) switch { (true, true) => "static class", (true, false) => "abstract class", (false, true) => "sealed class", _ => "class" };
        string parent = type.BaseType is { } b && b != typeof(object) && !type.IsValueType ? " : " + Name(b) : "";
        string[] interfaces = kind is "enum" or "delegate" ? []
            : [.. type.GetInterfaces().Except(type.BaseType?.GetInterfaces() ?? []).Where(IsVisible).Select(Name).Order(StringComparer.Ordinal)];
        return $"{kind} {Name(type)}{Constraints(type.GetGenericArguments())}{parent}{(interfaces.Length == 0 ? "" : " implements " + string.Join(", ", interfaces))}";
    }

    /// <summary>The second halves of the lines of a type's members.</summary>
    public static IEnumerable<string> Members(Type type) => type.GetMembers(Declared).Select(Member).OfType<string>();

    private static string? Member(MemberInfo member) => member switch
    {
        MethodInfo m when IsVisible(m) && !IsAccessor(m) =>
            $"{Access(m)} {(m.IsStatic ? "static " : "")}{Name(m.ReturnType)} {m.Name}{(m.IsGenericMethod ? $"<{string.Join(", ", m.GetGenericArguments().Select(Name))}>" : "")}{Parameters(m.GetParameters())}{TupleNames(m.ReturnParameter)}{Constraints(m.GetGenericArguments())}",
        ConstructorInfo c when IsVisible(c) && !c.IsStatic => $"{Access(c)} new{Parameters(c.GetParameters())}",
        PropertyInfo p when IsVisible(p.GetMethod) || IsVisible(p.SetMethod) =>
            $"{((p.GetMethod ?? p.SetMethod)!.IsStatic ? "static " : "")}{Name(p.PropertyType)}{TupleNames(p)} {p.Name}{(p.GetIndexParameters() is [_, ..] indices ? Parameters(indices) : "")} {{{Accessor("get", p.GetMethod)}{Accessor("set", p.SetMethod)} }}",
        FieldInfo f when f.IsPublic || f.IsFamily =>
            $"{(f.IsLiteral ? "const " : f.IsStatic ? "static " : "")}{(f.IsInitOnly ? "readonly " : "")}{Name(f.FieldType)}{TupleNames(f)} {f.Name}{(f.IsLiteral ? " = " + Convert.ToString(f.GetRawConstantValue(), CultureInfo.InvariantCulture) : "")}",
        EventInfo e when IsVisible(e.AddMethod) => $"event {Name(e.EventHandlerType!)} {e.Name}",
        _ => null,
    };

    /// <summary>A type's name: '+' before nested ones, own type arguments in angle brackets, tuples and nullables written out.</summary>
    public static string Name(Type type)
    {
        if (type.IsByRef) return "ref " + Name(type.GetElementType()!);
        if (type.IsPointer) return Name(type.GetElementType()!) + "*";
        if (type.IsArray) return $"{Name(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (type.IsGenericParameter) return type.Name;
        string outer = type.IsNested ? Name(type.DeclaringType!) + "+" : type.Namespace is null ? "" : type.Namespace + ".";
        var own = type.GetGenericArguments().Skip(type.DeclaringType?.GetGenericArguments().Length ?? 0).ToArray();
        return outer + type.Name.Split('`')[0] + (own.Length == 0 ? "" : $"<{string.Join(", ", own.Select(Name))}>");
    }

    private static bool IsVisible(Type type) => type.IsNested
        ? (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamORAssem) && IsVisible(type.DeclaringType!)
        : type.IsPublic;

    private static bool IsVisible(MethodBase? method) => method is { IsPublic: true } or { IsFamily: true } or { IsFamilyOrAssembly: true };

    private static bool IsAccessor(MethodInfo method) =>
        method.IsSpecialName && (method.Name.StartsWith("get_") || method.Name.StartsWith("set_") || method.Name.StartsWith("add_") || method.Name.StartsWith("remove_"));

    private static string Access(MethodBase method) =>
        (method.IsPublic ? "public" : method.IsFamilyOrAssembly ? "protected internal" : "protected")
        + (method.IsAbstract ? " abstract" : !method.IsVirtual || method.IsFinal ? "" : method is MethodInfo m && m.GetBaseDefinition() != m ? " override" : " virtual");

    private static string Accessor(string kind, MethodInfo? method) => IsVisible(method) ? $" {Access(method!)} {kind};" : "";

    private static string Parameters(ParameterInfo[] parameters) => "(" + string.Join(", ", parameters.Select(p =>
        $"{(p.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "")}{(p.IsOut ? "out " : "")}{Name(p.ParameterType)}{TupleNames(p)} {p.Name}{Default(p)}")) + ")";

    private static string Default(ParameterInfo parameter) => !parameter.HasDefaultValue ? "" : " = " + parameter.RawDefaultValue switch
    {
        null => "null",
        string s => $"\"{s}\"",
        bool b => b ? "true" : "false",
        var value => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private static string TupleNames(ICustomAttributeProvider provider) =>
        provider.GetCustomAttributes(typeof(TupleElementNamesAttribute), false) is [TupleElementNamesAttribute names]
            ? $" [{string.Join(",", names.TransformNames.Select(n => n ?? "-"))}]" : "";

    private static string Constraints(Type[] parameters) => string.Concat(
        from p in parameters
        where p.IsGenericParameter
        let bases = p.GetGenericParameterConstraints()
        where bases.Length > 0 || (p.GenericParameterAttributes & Special) != 0
        select $" where {p.Name}: {p.GenericParameterAttributes & Special} {string.Join("&", bases.Select(Name))}");
}
