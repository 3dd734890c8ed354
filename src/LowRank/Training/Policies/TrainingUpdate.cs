// What a policy may see and change of the optimizer around one of its steps.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One step of the trainer's AdamW.</summary>
public sealed class TrainingUpdate
{
    private readonly IReadOnlyList<AdamW.ParamGroup> groups;
    private readonly Dictionary<object, AdamW.State> states;

    internal TrainingUpdate(AdamW optimizer, IReadOnlyList<AdamW.ParamGroup> groups)
    {
        this.groups = groups;
        states = groups.SelectMany(group => group.Parameters).Zip(optimizer.state_dict().State)
            .ToDictionary(pair => (object)pair.First, pair => (AdamW.State)pair.Second, ReferenceEqualityComparer.Instance);
    }

    /// <summary>The step, counted from 0.</summary>
    public long Step { get; internal set; }

    /// <summary>The groups: their parameters, learning rate and options.</summary>
    public IReadOnlyList<AdamW.ParamGroup> Groups => groups;

    /// <summary>The moments of a parameter that trains in this run, or null for another.</summary>
    public (Tensor First, Tensor Second)? MomentsOf(Parameter parameter) =>
        states.TryGetValue(parameter, out var state) ? (state.exp_avg!, state.exp_avg_sq!) : null;
}
