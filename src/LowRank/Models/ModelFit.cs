// Are a checkpoint's tensors those of the shape that config.json describes? Known from names and shapes alone, before a model is built.
namespace LowRank;

internal static class ModelFit
{
    private const int InError = 20;

    /// <summary>Throws with the tensors that are missing, unexpected or not as the configuration has them.</summary>
    /// <exception cref="InvalidDataException">Names the file, and up to 20 tensors of a kind.</exception>
    public static void Check(ModelWeights weights, ModelConfig config)
    {
        if (config.Layers > weights.Names.Count)                // before that many are listed
            throw new InvalidDataException($"{weights.Path} does not fit {ConfigFile.Name}, which asks for {config.Layers} layers: there are {weights.Names.Count} tensors in all");
        var wanted = config.Parameters().ToDictionary(p => p.Name, p => p.Shape, StringComparer.Ordinal);
        var found = weights.Names.ToHashSet(StringComparer.Ordinal);
        foreach (var layer in config.LinearLayers()) TakeCoded($"{layer.Path}.weight", wanted, found);
        var common = wanted.Keys.Where(found.Contains).ToList();
        List<string> problems =
        [
            .. Some(wanted.Keys.Where(name => !found.Contains(name)), "missing", name => $"missing {name} {Shape(wanted[name])}"),
            .. Some(found.Where(name => !wanted.ContainsKey(name)), "unexpected", name => $"unexpected {name}{weights.Where(name)}"),
            .. Some(common.Where(name => !weights.ShapeOf(name).SequenceEqual(wanted[name])), "of other shapes",
                name => $"{name} is {Shape(weights.ShapeOf(name))}{weights.Where(name)}, {ConfigFile.Name} asks for {Shape(wanted[name])}"),
            .. Some(common.Where(name => !ModelWeights.IsDense(weights.TypeOf(name))), "of other types", name => $"{name} is {weights.TypeOf(name)}{weights.Where(name)}, " +
                (weights.TypeOf(name) is SafeTensorsType.I8 or SafeTensorsType.U8 ? "which needs scales beside it" : "and weights are read from F64, F32, F16 and BF16")),
        ];
        if (problems.Count > 0) throw new InvalidDataException($"{weights.Path} does not fit {ConfigFile.Name}: {string.Join("; ", problems)}");
    }

    /// <summary>A weight that is stored as codes and scales is looked at when it is read.</summary>
    private static void TakeCoded(string weight, Dictionary<string, long[]> wanted, HashSet<string> found)
    {
        var parts = QuantizedTensor.NamesIn(found, weight);
        if (parts.Count == 0) return;
        wanted.Remove(weight);
        found.Remove(weight);
        found.ExceptWith(parts);
    }

    private static IEnumerable<string> Some(IEnumerable<string> names, string what, Func<string, string> say)
    {
        var all = names.ToList();
        return all.Count <= InError ? all.Select(say) : [.. all.Take(InError).Select(say), $"{all.Count - InError} more {what}"];
    }

    private static string Shape(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}
