// Where a number comes from, and how every chart shows it: what was measured here is solid, what a paper reports is dashed and names
// its source, a guess is dotted.

namespace Charts;

/// <summary>Where the numbers of a series come from.</summary>
public enum Evidence
{
    /// <summary>Measured or computed here: solid.</summary>
    Measured,

    /// <summary>Reported by a paper: dashed, hollow markers.</summary>
    Paper,

    /// <summary>Neither: dotted, hollow markers.</summary>
    Guess,
}

/// <summary>The evidence for a series, and a paper's place ("Table 6"), which the chart prints below itself.</summary>
public sealed record Origin(Evidence Evidence, string Source = "")
{
    /// <summary>Measured or computed here.</summary>
    public static Origin Measured { get; } = new(Evidence.Measured);

    /// <param name="paper">The place in a paper, null when it is none's.</param>
    /// <param name="guess">Nobody's number.</param>
    /// <exception cref="ArgumentException">Both.</exception>
    internal static Origin Of(string? paper, bool guess) => (paper, guess) switch
    {
        (not null, true) => throw new ArgumentException($"""A series is a paper's ("{paper}") or a guess, not both.""", nameof(guess)),
        (not null, false) => new(Evidence.Paper, paper),
        (null, true) => new(Evidence.Guess),
        _ => Measured,
    };

    internal bool IsMeasured => Evidence == Evidence.Measured;

    /// <summary>The dashes of a line in SVG; null for a solid one.</summary>
    internal string? Dash => Evidence switch { Evidence.Paper => "7 5", Evidence.Guess => "1.5 4.5", _ => null };

    /// <summary>Plotly's word for them.</summary>
    internal string PlotlyDash => Evidence switch { Evidence.Paper => "dash", Evidence.Guess => "dot", _ => "solid" };

    /// <summary>A series' name with its evidence, unless the name says it already.</summary>
    internal string Label(string name)
    {
        var word = Evidence switch { Evidence.Paper => "paper", Evidence.Guess => "guess", _ => "" };
        return word.Length == 0 || name.Contains(word, StringComparison.OrdinalIgnoreCase) ? name : $"{name} ({word})".TrimStart();
    }

    /// <summary>The sentences that a chart of these series prints below itself: which strokes are whose.</summary>
    internal static string Legend(IEnumerable<Origin> origins)
    {
        var others = origins.Where(o => !o.IsMeasured).Distinct().ToArray();
        var papers = others.Where(o => o.Evidence == Evidence.Paper).Select(o => o.Source.Length > 0 ? o.Source : "the paper");
        var dashed = string.Join("; ", papers.Distinct());
        return ((dashed.Length > 0 ? $"Dashed: {dashed}. " : "") + (others.Any(o => o.Evidence == Evidence.Guess) ? "Dotted: a guess." : "")).Trim();
    }
}
