// How several adapters become one. A method is a point in a product, as adapters are:
//
// what is combined     the factors A and B, each with its own weights  ·  ΔW itself, whose sum an SVD factors again
// what is cut first    nothing  ·  the elements of smallest magnitude  ·  random ones, the rest scaled up (DARE, arXiv 2311.03099)
// how they are added   by weight  ·  by weight among those of the elected sign, and averaged (TIES, arXiv 2306.01708)
//
// and concatenation, which is exact without an SVD. PEFT's names for them (add_weighted_adapter) are what ToString gives.
namespace LowRank;

/// <summary>What is cut of every adapter before they are added.</summary>
public enum Trimming
{
    None,

    /// <summary>All but the elements of largest magnitude.</summary>
    Magnitude,

    /// <summary>Random elements; those that stay are divided by the density.</summary>
    Random,
}

/// <summary>Which sign wins where adapters disagree (TIES).</summary>
public enum SignElection
{
    /// <summary>None is elected: all are added.</summary>
    None,

    /// <summary>The sign of the elements' sum.</summary>
    Total,

    /// <summary>The sign that more of them have.</summary>
    Frequency,
}

/// <summary>A method of <see cref="CombinedAdapters.Combine"/>.</summary>
public sealed record Combination
{
    private Combination() { }

    /// <summary>√(w·s) times each factor, added: A = Σ √(w s) A, B = Σ √(w s) B. Not the sum of the ΔW (their products mix), and
    /// of the same rank as the adapters, which must all have the same.</summary>
    public static Combination Linear { get; } = new();

    /// <summary>The exact weighted sum of the ΔW: the factors side by side, so the ranks add up.</summary>
    public static Combination Concatenation { get; } = new() { Concatenates = true };

    /// <summary>The weighted sum of the ΔW, cut to a rank by an SVD: nothing of that rank is closer to it.</summary>
    /// <param name="rank">Of the result; the largest of the adapters' ranks if not given.</param>
    public static Combination Svd(long? rank = null) => Linear.OfDeltas(rank);

    /// <summary>TIES (arXiv 2306.01708): trim to the largest elements, elect a sign for each element, average what has it.</summary>
    /// <param name="density">Share of elements that stays.</param>
    /// <param name="election">How the sign is elected.</param>
    public static Combination Ties(double density = 0.5, SignElection election = SignElection.Total) =>
        new() { Trimming = Trimming.Magnitude, Density = density, Election = election };

    /// <summary>DARE (arXiv 2311.03099): drop at random, rescale, add by weight.</summary>
    /// <param name="density">Share of elements that stays on average.</param>
    /// <param name="seed">Of what is dropped; the same on every machine.</param>
    public static Combination DareLinear(double density = 0.5, ulong seed = 0) =>
        new() { Trimming = Trimming.Random, Density = density, Seed = seed };

    /// <summary>DARE's dropping, then TIES's election.</summary>
    /// <inheritdoc cref="DareLinear"/>
    public static Combination DareTies(double density = 0.5, ulong seed = 0, SignElection election = SignElection.Total) =>
        DareLinear(density, seed) with { Election = election };

    /// <summary>Trim to the largest elements, add by weight.</summary>
    /// <param name="density">Share of elements that stays.</param>
    public static Combination MagnitudePrune(double density = 0.5) => new() { Trimming = Trimming.Magnitude, Density = density };

    /// <summary>The same on ΔW instead of on A and B, and an SVD of the result: then any additive method can be combined.</summary>
    /// <remarks>A weight multiplies ΔW as it is, so that the full rank gives what <see cref="Concatenation"/> gives. PEFT's methods with an
    /// SVD multiply with s once more, though its ΔW holds s already: its weight w is w·s here.</remarks>
    /// <param name="rank">Of the result; the largest of the adapters' ranks if not given, when all of them are LoRA.</param>
    /// <exception cref="InvalidOperationException">For <see cref="Concatenation"/>, which is exact without.</exception>
    public Combination OfDeltas(long? rank = null) => Concatenates
        ? throw new InvalidOperationException("a concatenation is the exact sum of the ΔW already; use Combination.Svd to cut that sum to a rank")
        : this with { OnDeltas = true, Rank = rank };

    /// <summary>Are the factors put side by side?</summary>
    public bool Concatenates { get; private init; }

    /// <summary>Is ΔW combined, not A and B?</summary>
    public bool OnDeltas { get; private init; }

    /// <summary>The rank that the combined ΔW is cut to, or null for the largest of the adapters'.</summary>
    public long? Rank { get; private init; }

    /// <summary>What is cut of every adapter first.</summary>
    public Trimming Trimming { get; private init; }

    /// <summary>Share of elements that stays, above 0 and at most 1.</summary>
    public double Density { get; private init; } = 1;

    /// <summary>Of <see cref="Trimming.Random"/>.</summary>
    public ulong Seed { get; private init; }

    /// <summary>How a sign is elected, if at all.</summary>
    public SignElection Election { get; private init; }

    /// <summary>PEFT's name of it, as "dare_ties_svd".</summary>
    public override string ToString()
    {
        if (Concatenates) return "cat";
        var name = (Trimming, Election) switch
        {
            (Trimming.None, _) => OnDeltas ? "" : "linear",
            (Trimming.Magnitude, SignElection.None) => "magnitude_prune",
            (Trimming.Magnitude, _) => "ties",
            (_, SignElection.None) => "dare_linear",
            _ => "dare_ties",
        };
        return !OnDeltas ? name : name.Length == 0 ? "svd" : $"{name}_svd";
    }

    internal void Validate()
    {
        if (Density is not (> 0 and <= 1))
            throw new ArgumentException($"the density must be above 0 and at most 1; it is {Density}");
        if (Rank is < 1) throw new ArgumentException($"the rank must be at least 1; it is {Rank}");
    }
}
