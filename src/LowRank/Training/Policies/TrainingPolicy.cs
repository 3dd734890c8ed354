// What trains at a step: the fourth axis. A policy watches the trainer's steps; layers and updates do not know it.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A rule that the <see cref="Trainer"/> follows beside its options.</summary>
public abstract class TrainingPolicy
{
    /// <summary>Before the first step. Throws with a sentence where the policy makes no sense for the model.</summary>
    public virtual void Begin(nn.Module model, TrainingOptions options) { }

    /// <summary>What the learning rate of a parameter is multiplied with, for the whole run.</summary>
    public virtual double LearningRateFactor(string name, Parameter parameter) => 1;

    /// <summary>Before the forward pass of a step, counted from 0.</summary>
    public virtual void BeforeStep(long step) { }

    /// <summary>After the last step, however the run ended.</summary>
    public virtual void End() { }
}
