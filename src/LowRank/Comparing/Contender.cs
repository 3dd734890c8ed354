// One way to fine-tune, as a contest sees it: what is done to a fresh model, the rules of its training, and where its search begins.
namespace LowRank;

/// <summary>A way to fine-tune a <see cref="CausalLm"/>.</summary>
/// <param name="Name">By which its points are found again; unique in a contest.</param>
/// <param name="Prepare">Quantizes, adapts, freezes: what trains afterwards is what trains. The seed is the run's, for methods that draw from one.</param>
/// <param name="FirstRate">The middle of the first learning rates that are tried, one of <see cref="Contest.Ladder"/>; 0: nothing trains.</param>
public sealed record Contender(string Name, Action<CausalLm, long> Prepare, double FirstRate)
{
    /// <summary>Rules of the method, made anew for each run, which has so many steps.</summary>
    public Func<long, IReadOnlyList<TrainingPolicy>> Policies { get; init; } = _ => [];

    /// <summary>Examples that are put in front of each question (prompting alone).</summary>
    public int Shots { get; init; }

    /// <summary>An adapter on all linear layers.</summary>
    /// <param name="storage">How the base model's weights are stored; null as they are.</param>
    /// <inheritdoc cref="Contender"/>
    /// <param name="name">Its name.</param>
    /// <param name="adapter">The method.</param>
    /// <param name="firstRate">The middle of the first learning rates.</param>
    public static Contender Of(string name, AdapterConfig adapter, double firstRate, StorageFormat? storage = null) => new(name, (model, seed) =>
    {
        if (storage is not null) model.Quantize(storage);
        model.Adapt(adapter is VeraConfig vera ? vera with { Seed = seed } : adapter, "all-linear");
    }, firstRate);

    /// <summary>A baseline.</summary>
    public static Contender Of(string name, BaselineConfig baseline, double firstRate) => new(name, (model, _) => model.Adapt(baseline), firstRate);

    /// <summary>The method under a training policy.</summary>
    public Contender With(params Func<TrainingPolicy>[] policies) => this with { Policies = _ => [.. policies.Select(make => make())] };
}
