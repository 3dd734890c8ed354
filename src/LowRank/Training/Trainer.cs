using System.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The training loop: AdamW on whatever has requires_grad, warm-up and decay, clipping, accumulation, evaluation, metrics.</summary>
public static class Trainer
{
    /// <summary>Trains a language model's trainable parameters on batches made on demand.</summary>
    /// <param name="model">Frozen parameters stay as they are.</param>
    /// <param name="data">The batch with a running number, from 0; the same number must give the same batch for a run to be repeatable.
    /// The trainer disposes the batch's tensors when they are attached to no other dispose scope.</param>
    /// <param name="options">How.</param>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is no longer finite.</exception>
    /// <exception cref="InvalidOperationException">Nothing is trainable, or the checkpoint to go on from is another run's: says what differs.</exception>
    /// <exception cref="InvalidDataException">There are checkpoints, and none of them is whole.</exception>
    /// <exception cref="IOException">A checkpoint can't be written, or its folder is in use; those before are as they were.</exception>
    public static TrainingRun Fit(CausalLm model, Func<long, Batch> data, TrainingOptions? options = null) =>
        Fit(model, model.Loss, data, options);

    /// <summary>Trains a language model on a sequence of batches, begun again when it ends. A run that goes on from a checkpoint passes over those
    /// that it has seen.</summary>
    /// <inheritdoc cref="Fit(CausalLm, Func{long, Batch}, TrainingOptions?)"/>
    public static TrainingRun Fit(CausalLm model, IEnumerable<Batch> data, TrainingOptions? options = null)
    {
        using var batches = Endlessly(data).GetEnumerator();
        long next = 0;
        return Fit(model, number =>
        {
            while (true)
            {
                var passedOver = next < number ? NewDisposeScope() : null;
                using (passedOver)
                    if (!batches.MoveNext()) throw new ArgumentException("the data has no batch");
                if (next++ == number) return batches.Current;
            }
        }, options);
    }

    /// <summary>Trains any module by a loss of one's own, a scalar in nats.</summary>
    /// <inheritdoc cref="Fit(CausalLm, Func{long, Batch}, TrainingOptions?)"/>
    public static TrainingRun Fit(nn.Module model, Func<Batch, Tensor> loss, Func<long, Batch> data, TrainingOptions? options = null)
    {
        options ??= new();
        options.Validate();
        TrainingPolicy.BeginAll(options.Policies, model, options);
        try { return Run(model, loss, data, options); }
        finally
        {
            foreach (var policy in options.Policies) policy.End();
        }
    }

    private static TrainingRun Run(nn.Module model, Func<Batch, Tensor> loss, Func<long, Batch> data, TrainingOptions options)
    {
        var trained = Trained(model);
        if (trained.Count == 0)
            throw new InvalidOperationException(model.AdapterNames().Count == 0
                ? "nothing to train: no parameter has requires_grad. Add an adapter, or unfreeze the model"
                : "nothing to train: the weights are frozen and no adapter is at work. Activate one (SetAdapter, EnableAdapters), or call Unmerge");
        using var recomputing = options.GradientCheckpointing ? GradientCheckpointing.For(model) : null;
        manual_seed(options.Seed);
        var groups = Groups(trained, options, out var factors);
        using var optimizer = options.Optimizer.Over(groups, trained);
        using var keeper = options.Checkpoints is null ? null : new RunKeeper(model, trained, optimizer, options);
        var past = keeper?.Resume(data) ?? RunSoFar.Nothing;
        var update = new TrainingUpdate(optimizer, groups);
        var progress = new TrainingProgress(options.Log, options.Steps);
        var steps = past.Steps.ToList();
        var tokens = past.Tokens;
        var clock = Stopwatch.StartNew();
        double Seconds() => past.Seconds + clock.Elapsed.TotalSeconds;
        model.train();
        try
        {
            for (long step = steps.Count; step < options.Steps && !options.Cancellation.IsCancellationRequested; step++)
            {
                var (before, seen) = (Seconds(), tokens);
                var rate = options.Policies.Aggregate(options.LearningRateAt(step), (scheduled, policy) => policy.LearningRateAt(step, scheduled));
                foreach (var (group, factor) in groups.Zip(factors)) group.LearningRate = rate * factor;
                foreach (var policy in options.Policies) policy.BeforeStep(step);
                var (mean, norm) = Step(step);
                var speed = (tokens - seen) / (Seconds() - before);
                var evaluation = options.Evaluate is not null && ((step + 1) % options.EvaluateEvery == 0 || step + 1 == options.Steps)
                    ? Evaluated(options.Evaluate, step + 1) : (double?)null;
                steps.Add(new(step + 1, mean, rate, norm, speed, Seconds(), evaluation));
                progress.Show(steps[^1]);
                options.OnStep?.Invoke(steps[^1]);
                keeper?.AfterStep(steps, tokens, Seconds());
            }
            if (steps.Count < options.Steps) keeper?.Save(steps, tokens, Seconds());        // it was cancelled
        }
        finally { progress.End(); }
        return new(steps, tokens, Seconds(), steps.Count < options.Steps) { ResumedAfter = past.Steps.Count };

        // Everything a step makes is freed with its scope: memory does not depend on the garbage collector.
        (double Loss, double GradientNorm) Step(long step)
        {
            using var scope = NewDisposeScope();
            optimizer.ZeroGradients();
            double mean = 0;
            for (var part = 0; part < options.Accumulation; part++)
            {
                using var inner = NewDisposeScope();
                var number = step * options.Accumulation + part;
                var batch = data(number);
                keeper?.Note(number, batch);
                tokens += batch.Ids.numel();
                var value = loss(batch).div(options.Accumulation);
                mean += (double)value;
                if (!double.IsFinite(mean))
                    throw new TrainingDivergedException(step + 1, mean);
                value.backward();
                if (options.Accumulation > 1) optimizer.WidenGradients();
            }
            update.Step = step;
            foreach (var policy in options.Policies) policy.Penalty()?.backward();
            var (norm, bad) = Gradients.Clip(trained, options.MaxGradientNorm);
            if (bad is not null)
                throw new TrainingDivergedException(step + 1, bad);
            foreach (var policy in options.Policies) policy.BeforeUpdate(update);
            try { optimizer.Step(); }
            catch (MomentsNotFiniteException e) { throw new TrainingDivergedException(step + 1, e); }
            foreach (var policy in options.Policies) policy.AfterUpdate(update);
            return (mean, norm);
        }

        double Evaluated(Func<double> evaluate, long done)
        {
            using var scope = NewDisposeScope();
            foreach (var policy in options.Policies) policy.BeforeEvaluation();
            var value = evaluate();
            foreach (var policy in options.Policies) policy.AfterEvaluation(done, value);
            return value;
        }
    }

    /// <summary>What requires a gradient and can get one: not what belongs to an adapter that is merged or switched off.</summary>
    private static List<(string Name, Parameter Parameter)> Trained(nn.Module model)
    {
        var idle = model.LinearLayers().SelectMany(l => l.Layer.Adapters.Where(a => !l.Layer.IsAtWork(a)))
            .SelectMany(a => a.parameters()).ToHashSet<object>(ReferenceEqualityComparer.Instance);
        return [.. model.named_parameters().Where(p => p.parameter.requires_grad && !idle.Contains(p.parameter)).Select(p => (p.name, p.parameter))];
    }

    /// <summary>Matrices decay, vectors (norms, biases, magnitudes) do not; a group for each learning rate that policies ask for.</summary>
    private static List<AdamW.ParamGroup> Groups(
        IEnumerable<(string Name, Parameter Parameter)> parameters, TrainingOptions options, out IReadOnlyList<double> factors)
    {
        var groups = parameters.GroupBy(p => (Decays: p.Parameter.ndim >= 2,
            Factor: options.Policies.Aggregate(1.0, (factor, policy) => factor * policy.LearningRateFactor(p.Name, p.Parameter)))).ToList();
        factors = [.. groups.Select(group => group.Key.Factor)];
        return [.. groups.Select(group => new AdamW.ParamGroup(
            group.Select(p => p.Parameter).ToList(), options.LearningRate * group.Key.Factor, options.Beta1, options.Beta2, options.Epsilon,
            group.Key.Decays ? options.WeightDecay : 0))];
    }

    private static IEnumerable<Batch> Endlessly(IEnumerable<Batch> data)
    {
        for (var any = true; any;)
        {
            any = false;
            foreach (var batch in data)
            {
                any = true;
                yield return batch;
            }
        }
    }
}
