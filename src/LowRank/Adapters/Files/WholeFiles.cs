// Whole modules in an adapter's files, as PEFT has them: "modules_to_save" lists names, and their tensors lie beside the adapter's under their
// own paths. PEFT takes every module whose path ends in such a text, "input_layernorm" for "norm" too; here a name is a whole part of a path.
// So files list names where both mean the same, and paths where they do not.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal static class WholeFiles
{
    private const string Field = "modules_to_save", TiedHead = "lm_head";

    /// <summary>What PEFT calls the heads of classifiers: it lists both names, whichever the model has.</summary>
    private static readonly string[] ClassifierHeads = ["classifier", SequenceClassifier.HeadName];

    /// <summary>The tensors by their paths, as the family's files have them; a tied head a second time under its own name, which PEFT
    /// loads by itself.</summary>
    public static IEnumerable<(string Name, Tensor Value)> Tensors(nn.Module model, string adapter)
    {
        foreach (var (name, value) in WholeModules.Of(model).ValuesOf(adapter))
        {
            using var alias = value.detach();
            yield return (name, IsTurned(model, name) ? alias.t().contiguous() : alias.alias());
            if (IsTied(model, name)) yield return ($"{TiedHead}.weight", alias.clone());
        }
    }

    /// <summary>Adds the names to the adapter's configuration.</summary>
    public static void WriteFields(JsonObject fields, nn.Module model, string adapter, TargetPattern? modules)
    {
        var parameters = WholeModules.Of(model).ValuesOf(adapter).Select(v => v.Name).ToList();
        if (parameters.Count == 0) return;
        var paths = WholeModules.Paths(model);
        List<string> names = [.. MeansTheSame(modules!, paths) ? modules!.Suffixes : parameters.Select(ModuleOf).Distinct()];
        if (names.Remove(SequenceClassifier.HeadName))
        {
            names.AddRange(ClassifierHeads);
            fields["task_type"] = "SEQ_CLS";
        }
        if (parameters.Exists(name => IsTied(model, name))) names.Add(TiedHead);
        fields[Field] = new JsonArray([.. names.Order(StringComparer.Ordinal).Select(name => (JsonNode)name)]);
    }

    /// <summary>The model's modules that a file's names choose; null where it names none.</summary>
    /// <exception cref="InvalidDataException">A name is nobody's, or means something else in this model.</exception>
    public static TargetPattern? Read(PeftFields fields, nn.Module model)
    {
        if (fields.List<string>(Field) is not { Count: > 0 } names) return null;
        var paths = WholeModules.Paths(model);
        var heads = names.Intersect(ClassifierHeads).ToList();
        if (heads.Count > 0 && !paths.Any(path => EndsInAny(path, heads)))
            throw fields.Bad("the file holds a classifier's head, and this model has none; load it onto a SequenceClassifier");
        var tied = model.LinearLayers().FirstOrDefault(l => l.Layer.IsTiedHead).Path;
        foreach (var name in names.Except(ClassifierHeads))
            if (!paths.Any(path => path.EndsWith(name, StringComparison.Ordinal)) && !(tied is not null && name == TiedHead))
                throw fields.Bad($"\"{Field}\": no module matches \"{name}\"{NearestNames.Suggest(name, paths.Select(path => path.Split('.')[^1]).Distinct())}");
        if (tied is not null && EndsInAny(tied, names) != names.Contains(TiedHead))
            throw fields.Bad($"\"{Field}\" has one of {tied} and {TiedHead}, and this model's head is its embedding; load it onto a model whose head is its own, or save both");
        var own = names.Where(name => paths.Any(path => path.EndsWith(name, StringComparison.Ordinal))).ToList();
        return TargetPattern.Names(own) is var modules && MeansTheSame(modules, paths) ? modules : TargetPattern.Names(paths.Where(path => EndsInAny(path, own)));
    }

    /// <summary>The tensors that a file must hold for these parameters, and names of those that it may hold beside.</summary>
    public static (IEnumerable<(string Name, long[] Shape)> Wanted, IEnumerable<string> Copies) Expected(nn.Module model, IReadOnlyList<string> parameters) =>
        (parameters.Select(name => (name, Shape(model, name))), parameters.Where(name => IsTied(model, name)).Select(_ => $"{TiedHead}.weight"));

    /// <summary>A file's tensor as the model has it. A tied head must be the embedding that lies beside it.</summary>
    public static Tensor FromFile(nn.Module model, string name, Func<string, Tensor?> file, string path)
    {
        var value = file(name)!;
        if (IsTied(model, name) && file($"{TiedHead}.weight") is { } head && !(head.shape.SequenceEqual(value.shape) && head.to(value.dtype).eq(value).all().item<bool>()))
            throw new InvalidDataException($"{path}: {TiedHead} is not the embedding that it holds, and this model's head is its embedding; load it onto a model whose head is its own");
        return IsTurned(model, name) ? value.t() : value;
    }

    /// <summary>Do these names choose the same modules in PEFT?</summary>
    private static bool MeansTheSame(TargetPattern modules, IEnumerable<string> paths) =>
        modules.Suffixes.Count > 0 && !paths.Any(path => EndsInAny(path, modules.Suffixes) && !modules.Matches(path));

    private static string ModuleOf(string parameter) => parameter[..parameter.LastIndexOf('.')];

    private static bool EndsInAny(string path, IReadOnlyList<string> names) => names.Any(name => path.EndsWith(name, StringComparison.Ordinal));

    private static bool IsTied(nn.Module model, string name) => model.LinearLayers().Any(l => l.Layer.IsTiedHead && name == $"{l.Path}.weight");

    private static bool IsTurned(nn.Module model, string name) => ModelFolder.ShapeOf(model)?.IsStoredTurned(name) == true;

    private static long[] Shape(nn.Module model, string name)
    {
        var shape = model.get_parameter(name)!.shape;
        return IsTurned(model, name) ? [.. shape.Reverse()] : shape;
    }
}
