using System.Reflection;

namespace TorchSharpApi;

/// <summary>
/// The interface members that a type must have to compile. Explicit implementations are private, so the list does not show which there were: every
/// member of every interface gets one, whether a public method would have done or not. Interfaces of the base library are read by reflection.
/// </summary>
internal sealed class ExplicitImplementations(Func<TypeName, ApiType?> find)
{
    public IEnumerable<string> For(ApiType type) => type.Interfaces.SelectMany(Implement);

    private IEnumerable<string> Implement(TypeName contract)
    {
        var arguments = contract.Parts[^1].Arguments;
        IEnumerable<Member> members;
        IEnumerable<string> parameters;
        if (find(contract) is { } listed) (members, parameters) = (listed.Members, listed.TypeParameters);
        else
        {
            string name = contract.Definition + (arguments.Count == 0 ? "" : "`" + arguments.Count);
            var reflected = typeof(IDisposable).Assembly.GetType(name) ?? throw new NotSupportedException($"no interface {name} in the base library");
            // without its parent's members: the list names those interfaces too
            members = PublicSurface.Members(reflected).Select(Signatures.Parse);
            parameters = reflected.GetGenericArguments().Select(a => a.Name);
        }
        var map = parameters.Zip(arguments).ToDictionary(p => p.First, p => p.Second);
        string prefix = contract.ToCSharp();
        foreach (var member in members)
            if (member is Method { Access: "public abstract" } m)
                yield return $"{m.Returns!.Substitute(map).ToCSharp()} {prefix}.{TypeName.Identifier(m.Name)}({Parameters(m.Parameters, map)}) => throw null!;";
            else if (member is Property p && (p.Get ?? p.Set) == "public abstract")
                yield return $"{p.Type.Substitute(map).ToCSharp()} {prefix}.{(p.Indices is null ? TypeName.Identifier(p.Name) : $"this[{Parameters(p.Indices, map)}]")} {{ {(p.Get is null ? "" : "get => throw null!; ")}{(p.Set is null ? "" : "set => throw null!; ")}}}";
    }

    private static string Parameters(IEnumerable<Parameter> parameters, Dictionary<string, TypeName> map) =>
        string.Join(", ", parameters.Select(p => $"{(p.IsOut ? "out " : "")}{p.Type.Substitute(map).ToCSharp()} {TypeName.Identifier(p.Name)}"));
}
