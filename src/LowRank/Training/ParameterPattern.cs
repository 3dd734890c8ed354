// Parameters by their paths, for training a part of a model as it is: names of modules or parameters, "*" for any text in a name.
using System.Text.RegularExpressions;

namespace LowRank;

/// <summary>A choice of parameters. "layers.3" or "layers.3.*" is everything in layer 3 (and nothing of layer 30), "q_proj|v_proj"
/// all of two kinds, "norm.weight" some parameters, "*" all; any other text is a regular expression for the whole path.</summary>
internal sealed class ParameterPattern
{
    private readonly (string Name, string Expression)[] parts;

    public ParameterPattern(string text)
    {
        var isNames = Regex.IsMatch(text, @"\A[\w.*]+(\|[\w.*]+)*\z") && !text.StartsWith(".*", StringComparison.Ordinal);
        parts = isNames ? [.. text.Split('|').Select(name => (name, OfName(name)))] : [(text, $@"\A(?:{text})\z")];
        IsExpression = !isNames;
    }

    private bool IsExpression { get; }

    /// <summary>The chosen among some paths.</summary>
    /// <exception cref="ArgumentException">Nothing is chosen, or one of the names is nobody's.</exception>
    public HashSet<string> In(IReadOnlyCollection<string> paths)
    {
        var chosen = new HashSet<string>();
        foreach (var (name, expression) in parts)
        {
            var some = paths.Where(path => TargetPattern.Matches(expression, path)).ToList();
            if (some.Count == 0)
                throw new ArgumentException($"no parameter matches \"{name}\"" + (IsExpression ? $"; the model has {string.Join(", ", paths.Take(3))}, …"
                    : NearestNames.Suggest(name, paths.SelectMany(path => Runs(path, name.Count(c => c == '.') + 1)))));
            chosen.UnionWith(some);
        }
        return chosen;
    }

    /// <summary>A run of whole parts of the path.</summary>
    private static string OfName(string name) => $@"\A(.*\.)?{Regex.Escape(name).Replace(@"\*", ".*")}(\..*)?\z";

    private static IEnumerable<string> Runs(string path, int length)
    {
        var all = path.Split('.');
        for (var i = 0; i + length <= all.Length; i++) yield return string.Join('.', all[i..(i + length)]);
    }
}
