// What the configurations of methods with a rank have: the rank, an α where the method scales with one, and exceptions for single
// layers, PEFT's rank_pattern and alpha_pattern.
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>The configuration of a method with a rank.</summary>
public abstract record RankedConfig : AdapterConfig
{
    /// <summary>r.</summary>
    public long Rank { get; init; } = 8;

    /// <summary>Other ranks for some layers: a regular expression that ends a module's path, and the rank. The first match
    /// counts.</summary>
    public IReadOnlyDictionary<string, long> RankPattern { get; init; } = new Dictionary<string, long>();

    /// <summary>r of the layer at that path.</summary>
    public long RankOf(string path) => Of(path, RankPattern, Rank);

    internal override void Validate()
    {
        base.Validate();
        foreach (var rank in RankPattern.Values.Prepend(Rank))
            if (rank < 1) throw new ArgumentException($"the rank must be at least 1; it is {rank}");
        foreach (var pattern in RankPattern.Keys) EndsWith("", pattern);
    }

    internal override void WriteFields(JsonObject fields)
    {
        fields["r"] = Rank;
        fields["rank_pattern"] = PeftFields.Object(RankPattern, rank => rank);
    }

    /// <summary>The pattern's value for a path, or the usual one.</summary>
    private protected static T Of<T>(string path, IReadOnlyDictionary<string, T> pattern, T usual)
    {
        foreach (var (expression, value) in pattern)
            if (EndsWith(path, expression)) return value;
        return usual;
    }

    /// <summary>Throws if the pattern is no regular expression.</summary>
    private protected static bool EndsWith(string path, string pattern) => TargetPattern.Matches($@"\A(.*\.)?({pattern})\z", path);
}

/// <summary>The configuration of a method that scales with α.</summary>
public abstract record ScaledConfig : RankedConfig
{
    /// <summary>α.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>Other α for some layers, as <see cref="RankedConfig.RankPattern"/>.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>α of the layer at that path.</summary>
    public double AlphaOf(string path) => Of(path, AlphaPattern, Alpha);

    /// <summary>s of the layer at that path: α/r, unless the method says otherwise.</summary>
    public virtual double ScaleOf(string path) => AlphaOf(path) / RankOf(path);

    internal override void Validate()
    {
        base.Validate();
        foreach (var alpha in AlphaPattern.Values.Prepend(Alpha))
            if (!double.IsFinite(alpha)) throw new ArgumentException($"alpha must be a finite number; it is {alpha}");
        foreach (var pattern in AlphaPattern.Keys) EndsWith("", pattern);
    }

    internal override void WriteFields(JsonObject fields)
    {
        base.WriteFields(fields);
        fields["alpha_pattern"] = PeftFields.Object(AlphaPattern, PeftFields.Number);
    }
}
