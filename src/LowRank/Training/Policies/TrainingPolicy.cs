// What trains at a step: the fourth axis. A policy watches the trainer's steps; layers and updates do not know it. The trainer asks
// all policies in their order at each of these moments:
//
//   Begin, then for each step:  LearningRateAt, BeforeStep, forward and backward, Penalty, clipping, BeforeUpdate, AdamW, AfterUpdate,
//   and where there is an evaluation:  BeforeEvaluation, AfterEvaluation
//   and for a checkpoint between two steps:  Capture; in a call that goes on from it:  Restore, after Begin
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A rule that the <see cref="Trainer"/> follows beside its options.</summary>
public abstract class TrainingPolicy
{
    /// <summary>Why this policy can't go together with another one, as a sentence, or null.</summary>
    public virtual string? Conflict(TrainingPolicy other) =>
        GetType() == other.GetType() ? $"{GetType().Name} is there twice; give one of them" : null;

    /// <summary>Before the first step. Throws with a sentence where the policy makes no sense for the model.</summary>
    public virtual void Begin(nn.Module model, TrainingOptions options) { }

    /// <summary>What the learning rate of a parameter is multiplied with, for the whole run.</summary>
    public virtual double LearningRateFactor(string name, Parameter parameter) => 1;

    /// <summary>The learning rate of a step, counted from 0, in place of the schedule's.</summary>
    public virtual double LearningRateAt(long step, double scheduled) => scheduled;

    /// <summary>Before the forward pass of a step, counted from 0.</summary>
    public virtual void BeforeStep(long step) { }

    /// <summary>A scalar that this step's loss has added, or null. It is not part of the loss that the metrics show.</summary>
    public virtual Tensor? Penalty() => null;

    /// <summary>When the gradients are complete and clipped; AdamW comes next.</summary>
    public virtual void BeforeUpdate(TrainingUpdate update) { }

    /// <summary>When the optimizer has changed the parameters; the gradients are still there.</summary>
    public virtual void AfterUpdate(TrainingUpdate update) { }

    /// <summary>Before an evaluation between two steps.</summary>
    public virtual void BeforeEvaluation() { }

    /// <summary>After an evaluation, with the loss that it gave in nats; steps are counted from 1 here, as <see cref="StepMetrics"/> does.</summary>
    public virtual void AfterEvaluation(long step, double loss) { }

    /// <summary>After the last step, however the run ended.</summary>
    public virtual void End() { }

    /// <summary>The policy's own settings as text: a run goes on from a checkpoint only under those that it began with.</summary>
    public virtual string Settings => "";

    /// <summary>What the coming steps depend on and neither <see cref="Begin"/> nor the model's own tensors bring back, for a checkpoint: tensors
    /// under names of the policy's own, which belong to the caller. Called between two steps. The tensors of adapters, and frozen weights that a
    /// policy has changed, are in a checkpoint anyway.</summary>
    public virtual Dictionary<string, Tensor> Capture() => [];

    /// <summary>Takes what <see cref="Capture"/> gave, in another process perhaps: after <see cref="Begin"/>, before the next step, while the model
    /// still is as it was given. The tensors stay the caller's.</summary>
    public virtual void Restore(IReadOnlyDictionary<string, Tensor> captured) { }

    /// <summary>A number or a row of numbers of what was captured.</summary>
    /// <exception cref="InvalidDataException">It is not there; says which.</exception>
    private protected static Tensor Part(IReadOnlyDictionary<string, Tensor> captured, string name) => captured.TryGetValue(name, out var found) ? found
        : throw new InvalidDataException($"the checkpoint has no \"{name}\" of the policy{NearestNames.Suggest(name, captured.Keys)}");

    /// <summary>The layers of an adapter that a run will train: refuses one that is not at work.</summary>
    private protected static IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> LayersAtWork(nn.Module model, string adapter)
    {
        var layers = model.RequiredLayersOf(adapter);
        foreach (var (path, layer, one) in layers)
            if (!layer.IsAtWork(one))
                throw new InvalidOperationException($"the adapter \"{adapter}\" of {path} is not at work: " +
                    (layer.MergedAdapters.Contains(one) ? "it is merged; call Unmerge first" : one.IsActive ? "the adapters are switched off; call EnableAdapters first"
                        : "it is not active; call SetAdapter first"));
        return layers;
    }

    /// <summary>Begins all of them, or none: when one refuses, those before it are ended.</summary>
    internal static void BeginAll(IReadOnlyList<TrainingPolicy> policies, nn.Module model, TrainingOptions options)
    {
        if (policies.Any(policy => policy is null)) throw new ArgumentException("one of the policies is null");
        RefuseConflicts(policies);
        for (var i = 0; i < policies.Count; i++)
            try { policies[i].Begin(model, options); }
            catch
            {
                for (; i >= 0; i--) policies[i].End();
                throw;
            }
    }

    /// <summary>All of them, in pairs, before anything is changed.</summary>
    internal static void RefuseConflicts(IReadOnlyList<TrainingPolicy> policies)
    {
        for (var i = 0; i < policies.Count; i++)
            for (var j = 0; j < policies.Count; j++)
                if (i != j && policies[i].Conflict(policies[j]) is { } sentence) throw new ArgumentException(sentence);
    }
}
