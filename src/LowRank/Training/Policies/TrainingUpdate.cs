// What a policy may see and change of the optimizer around one of its steps.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One step of the trainer's AdamW.</summary>
public sealed class TrainingUpdate
{
    private readonly MomentOptimizer optimizer;

    internal TrainingUpdate(MomentOptimizer optimizer, IReadOnlyList<AdamW.ParamGroup> groups) => (this.optimizer, Groups) = (optimizer, groups);

    /// <summary>The step, counted from 0.</summary>
    public long Step { get; internal set; }

    /// <summary>The groups: their parameters, learning rate and options.</summary>
    public IReadOnlyList<AdamW.ParamGroup> Groups { get; }

    /// <inheritdoc cref="MomentOptimizer.ChangeMoments"/>
    public bool ChangeMoments(Parameter parameter, Action<Tensor, Tensor> change) => optimizer.ChangeMoments(parameter, change);
}
