// Which layers: as PEFT's target_modules. A list of names matches a module whose path is the name or ends in ".name"; an
// expression must match the whole path; "all-linear" is every linear layer but the head and the embedding.
using System.Text.RegularExpressions;

namespace LowRank;

/// <summary>A choice of modules by their paths. A string converts to it: "q_proj|v_proj", ".*layers\.[01]\..*_proj" or
/// "all-linear".</summary>
public sealed class TargetPattern
{
    private const string AllLinearText = "all-linear";

    private const string LanguageHead = "lm_head";

    private static readonly string[] Embeddings = ["embed_tokens", "wte"];

    /// <summary>Paths that end in one of these are a model's head or its embedding, which "all-linear" leaves out.</summary>
    private static readonly string[] Ends = [LanguageHead, "score", "classifier", .. Embeddings];

    private TargetPattern(IReadOnlyList<string> suffixes, string? expression, bool all) =>
        (Suffixes, Expression, IsAllLinear) = (suffixes, expression, all);

    /// <summary>Every linear layer but the head and the embedding.</summary>
    public static TargetPattern AllLinear { get; } = new([], null, true);

    /// <summary>The names, empty for an expression or "all-linear".</summary>
    public IReadOnlyList<string> Suffixes { get; }

    /// <summary>The regular expression for the whole path, or null.</summary>
    public string? Expression { get; }

    public bool IsAllLinear { get; }

    /// <summary>Modules by name, as "q_proj" or "layers.0.self_attn.q_proj".</summary>
    public static TargetPattern Names(params IEnumerable<string> names)
    {
        var list = names.Distinct().Order(StringComparer.Ordinal).ToList();
        if (list.Count == 0 || list.Exists(string.IsNullOrWhiteSpace))
            throw new ArgumentException("target modules must be named; an empty name matches nothing");
        return new(list, null, false);
    }

    /// <summary>Names joined by "|" if the text is nothing else, "all-linear", or a regular expression for the whole
    /// path.</summary>
    public static TargetPattern Parse(string text)
    {
        if (text == AllLinearText) return AllLinear;
        if (Regex.IsMatch(text, @"\A[\w.]+(\|[\w.]+)*\z")) return Names(text.Split('|'));
        try { Matches($@"\A(?:{text})\z", ""); }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"\"{text}\" is not a regular expression for the whole path, nor names joined by \"|\" (as \"q_proj|v_proj\"), nor \"{AllLinearText}\"", e);
        }
        return new([], text, false);
    }

    public static implicit operator TargetPattern(string text) => Parse(text);

    public static implicit operator TargetPattern(string[] names) => Names(names);

    public override string ToString() => IsAllLinear ? AllLinearText : Expression ?? string.Join('|', Suffixes);

    /// <summary>Does it choose the module at that path?</summary>
    public bool Matches(string path) =>
        IsAllLinear ? !Array.Exists(Ends, end => IsOrEndsIn(path, end))
        : Expression is { } expression ? Matches($@"\A(?:{expression})\z", path)
        : Suffixes.Any(suffix => IsOrEndsIn(path, suffix));

    /// <summary>Throws if nothing is chosen, or if one of the names is nobody's: <c>no module matches "q_porj"; nearest: q_proj,
    /// k_proj</c>.</summary>
    public void RequireIn(IReadOnlyCollection<string> paths)
    {
        if (paths.Count == 0) throw new ArgumentException("the model has no linear layers to adapt");
        foreach (var suffix in Suffixes)
            if (!paths.Any(path => IsOrEndsIn(path, suffix)))
            {
                if (IsOrEndsIn(suffix, LanguageHead) && Array.Find(Embeddings, name => paths.Any(path => IsOrEndsIn(path, name))) is { } embedding)
                    throw new ArgumentException($"no module matches \"{suffix}\": this model's head is its embedding. " +
                        $"Name {embedding}; the adapter then acts on the look-up and on the head");
                var nearest = NearestNames.Suggest(suffix, paths.Select(path => LastParts(path, suffix)));
                throw new ArgumentException($"no module matches \"{suffix}\"{nearest}");
            }
        if (!paths.Any(Matches))
        {
            var some = string.Join(", ", paths.Take(3)) + (paths.Count > 3 ? ", …" : "");
            throw new ArgumentException($"no module matches \"{this}\"; the model has {some}{(Expression is null ? "" : ". Names are joined by \"|\", as \"q_proj|v_proj\"")}");
        }
    }

    /// <summary>A match with a limit on time, and with the pattern in the error if it is no regular expression.</summary>
    internal static bool Matches(string expression, string text)
    {
        try { return Regex.IsMatch(text, expression, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)); }
        catch (RegexParseException e)
        {
            throw new ArgumentException($"\"{expression}\" is not a regular expression: {e.Message}", e);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new ArgumentException($"\"{expression}\" takes more than a second to match \"{text}\"; simplify it", e);
        }
    }

    private static bool IsOrEndsIn(string path, string suffix) =>
        path == suffix || path.EndsWith("." + suffix, StringComparison.Ordinal);

    /// <summary>As many of a path's last parts as the suffix has.</summary>
    private static string LastParts(string path, string suffix) =>
        string.Join('.', path.Split('.').TakeLast(suffix.Count(c => c == '.') + 1));
}
