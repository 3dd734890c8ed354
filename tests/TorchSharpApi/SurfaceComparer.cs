namespace TorchSharpApi;

/// <summary>Compares a surface with TorchSharp's: what it has and TorchSharp lacks.</summary>
public static class SurfaceComparer
{
    /// <summary>
    /// The lines of <paramref name="ours"/> that <paramref name="theirs"/> does not hold, each with the nearest line of the list. Members must be equal
    /// to the letter, but overriding what every object has adds nothing to call. A type's own line may name another of its ancestors as the base and fewer interfaces, since those may lie outside the subset.
    /// </summary>
    public static IReadOnlyList<string> Strangers(IEnumerable<string> ours, IEnumerable<string> theirs)
    {
        var known = theirs.ToHashSet();
        var types = known.Where(l => !ApiList.IsMember(l)).Select(ApiType.Parse).ToDictionary(t => t.Name);
        var members = known.Where(ApiList.IsMember).ToLookup(MemberKey);
        var strangers = new List<string>();
        foreach (string line in ours.Where(l => !known.Contains(l) && !ObjectMembers.Any(l.EndsWith)))
        {
            if (ApiList.IsMember(line))
            {
                var near = members[MemberKey(line)].ToArray();
                strangers.Add(line + (near.Length == 0 ? "\n    TorchSharp has no member of this name there" : string.Concat(near.Select(n => "\n    TorchSharp: " + n))));
                continue;
            }
            var type = ApiType.Parse(line);
            if (!types.TryGetValue(type.Name, out var original)) strangers.Add(line + "\n    TorchSharp has no such type");
            else if (Difference(type, original, types) is { } difference) strangers.Add($"{line}\n    {difference}");
        }
        return strangers;
    }

    private static readonly string[] ObjectMembers =
        ["  public override System.String ToString()", "  public override System.Boolean Equals(System.Object obj)", "  public override System.Int32 GetHashCode()"];

    /// <summary>Declaring type and name, without the signature.</summary>
    private static string MemberKey(string line)
    {
        int split = line.IndexOf("  ", StringComparison.Ordinal);
        string name = Signatures.Parse(line[(split + 2)..]) switch { Method m => m.Name, Property p => p.Name, Field f => f.Name, var other => other.ToString() };
        return line[..split] + "  " + name;
    }

    private static string? Difference(ApiType type, ApiType original, Dictionary<string, ApiType> types)
    {
        if (type.Kind != original.Kind) return $"TorchSharp's is a {original.Kind}";
        if (Constraints(type) != Constraints(original)) return $"TorchSharp's type parameters: {Constraints(original)}";

        // ancestors by definition: their type arguments are compared on the immediate base only
        var ancestors = new List<TypeName>();
        var interfaces = new HashSet<string>();
        for (var at = original; at is not null; at = at.Base is null ? null : types.Values.FirstOrDefault(t => t.Type.Definition == at.Base.Definition && t.TypeParameters.Count == at.Base.Parts[^1].Arguments.Count))
        {
            if (at.Base is not null) ancestors.Add(at.Base);
            interfaces.UnionWith(at.Interfaces.Select(i => at == original ? i.ToCSharp() : i.Definition));
        }
        if (type.Base is { } parent && ancestors.FirstOrDefault(a => a.Definition == parent.Definition) is var ancestor)
        {
            if (ancestor is null) return $"TorchSharp's does not derive from {parent.ToCSharp()}";
            if (ancestor == original.Base && ancestor.ToCSharp() != parent.ToCSharp()) return $"TorchSharp's derives from {ancestor.ToCSharp()}";
        }
        var foreign = type.Interfaces.FirstOrDefault(i => !interfaces.Contains(i.ToCSharp()) && !interfaces.Contains(i.Definition));
        return foreign is null ? null : $"TorchSharp's does not implement {foreign.ToCSharp()}";
    }

    private static string Constraints(ApiType type) =>
        string.Join("; ", type.Constraints.Select(c => $"{c.Name}: {c.Flags} {string.Join(" & ", c.Bases.Select(b => b.ToCSharp()))}"));
}
