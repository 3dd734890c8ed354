// Between the trainer and its checkpoints: gathers everything that the steps to come depend on, and puts it back.
//   model       what trains, adapters, changed weights (ModelState)        "model.…", "stored.…"
//   optimizer   both moments and step counts of each parameter             "optimizer.…"
//   policies    what each of them captures                                 "policy.0.…"
//   generators  torch's own                                                "generator.cpu"
//   metrics     of all steps so far                                        "metrics"
// The learning rate's place and the data's follow from the number of steps, which checkpoint.json has.
using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What a run has behind it.</summary>
internal sealed record RunSoFar(IReadOnlyList<StepMetrics> Steps, long Tokens, double Seconds)
{
    public static RunSoFar Nothing { get; } = new([], 0, 0);
}

/// <summary>The checkpoints of one call of the trainer.</summary>
internal sealed class RunKeeper : IDisposable
{
    public const string StateFile = "state.safetensors";
    private const string Optimizer = "optimizer.", Policy = "policy.", Generator = "generator.", Metrics = "metrics";

    private readonly TrainingCheckpoints where;
    private readonly TrainingOptions options;
    private readonly ModelState model;
    private readonly MomentOptimizer optimizer;
    private readonly Device device;
    private readonly CheckpointFolder folder;
    private readonly Dictionary<string, string> facts;                          // of options and model, when the run begins
    private readonly Dictionary<long, string> batches = [];                     // the first and the last
    private long saved;                                                         // steps of the newest checkpoint
    private bool alone;                                                         // are the folder's others another run's?

    /// <summary>When policies have begun, the generator is seeded and nothing has been drawn.</summary>
    public RunKeeper(nn.Module model, IReadOnlyList<(string Name, Parameter Parameter)> trained, MomentOptimizer optimizer, TrainingOptions options)
    {
        (where, this.options, this.optimizer, device, alone) = (options.Checkpoints!, options, optimizer, trained[0].Parameter.device, options.Checkpoints!.StartAnew);
        folder = new(where.Folder);
        try
        {
            this.model = new(model, trained);
            facts = RunFacts.Of(options).Concat(this.model.Facts()).ToDictionary(fact => fact.Name, fact => fact.Value);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Goes back to where the newest whole checkpoint was made; nothing happens where there is none.</summary>
    /// <exception cref="InvalidOperationException">It is another run's; says what differs.</exception>
    /// <exception cref="InvalidDataException">There are checkpoints and none is whole.</exception>
    public RunSoFar Resume(Func<long, Batch> data)
    {
        if (where.StartAnew) return RunSoFar.Nothing;
        var told = new List<string>();
        var newest = folder.Newest(told.Add);
        foreach (var sentence in told) options.Log?.WriteLine(sentence);
        if (newest is not var (path, manifest))
            return told.Count == 0 ? RunSoFar.Nothing : throw new InvalidDataException(
                $"{string.Join("; ", told)}. No other is there to go on from; remove them, or begin anew with Checkpoints {{ StartAnew = true }}");
        foreach (var number in new[] { 0, manifest.Step * options.Accumulation - 1 }.Distinct())
        {
            using var scope = NewDisposeScope();
            Note(number, data(number));
        }
        if (RunFacts.Difference(Facts(), manifest) is { } difference)
            throw new InvalidOperationException($"the checkpoint {path} is of another run: {difference}. Go on with what it began with, give this run a folder of its own, " +
                "or begin anew with Checkpoints { StartAnew = true }");
        List<StepMetrics> steps;
        try { steps = Restore(path, manifest); }
        catch (Exception e) when (e is InvalidDataException or ArgumentException or KeyNotFoundException or ExternalException)
        {
            throw new InvalidDataException($"{path} is whole and is no checkpoint that this run could go on from: {e.Message}", e);
        }
        saved = manifest.Step;
        options.Log?.WriteLine($"going on after step {manifest.Step} of {options.Steps}, from {path}");
        return new(steps, manifest.Tokens, manifest.Seconds);
    }

    /// <summary>Takes a batch's content down, of the run's first and of a step's last: the data of a call that goes on has to have the same.</summary>
    public void Note(long number, Batch batch)
    {
        if (number > 0 && (number + 1) % options.Accumulation != 0) return;
        foreach (var old in batches.Keys.Where(old => old > 0).ToList()) batches.Remove(old);
        batches[number] = RunFacts.Of(batch);
    }

    /// <summary>After a step: a checkpoint where one is due.</summary>
    public void AfterStep(IReadOnlyList<StepMetrics> steps, long tokens, double seconds)
    {
        if (steps.Count % where.Every == 0 || steps.Count == options.Steps) Save(steps, tokens, seconds);
    }

    /// <summary>A checkpoint of the present state, unless the newest is.</summary>
    public void Save(IReadOnlyList<StepMetrics> steps, long tokens, double seconds)
    {
        if (steps.Count == saved) return;
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        var (all, views) = model.Capture();
        foreach (var (name, state) in GeneratorStates.Capture(device)) all.Add(Generator + name, state);
        foreach (var (i, policy) in options.Policies.Index())
            foreach (var (name, value) in policy.Capture()) all.Add($"{Policy}{i}.{name}", value);
        all.Add(Metrics, MetricsTensor.Of(steps));
        var then = model.Facts().Where(fact => facts[fact.Name] != fact.Value).ToDictionary(fact => fact.Name, fact => fact.Value);
        folder.Write(new(steps.Count, tokens, seconds, Facts(), then), Write, where.Keep, alone);
        (saved, alone) = (steps.Count, false);
        foreach (var view in views) view.Dispose();

        void Write(string into) => SafeTensors.SaveBytes(Path.Combine(into, StateFile),
            all.Select(pair => SafeTensors.Entry(StateFile, pair.Key, pair.Value)).Concat(optimizer.Entries(Optimizer)));
    }

    public void Dispose() => folder.Dispose();

    private SortedDictionary<string, string> Facts()
    {
        var all = new SortedDictionary<string, string>(facts, StringComparer.Ordinal);
        foreach (var (number, hash) in batches) all[$"batch {number}"] = hash;
        return all;
    }

    private List<StepMetrics> Restore(string path, CheckpointManifest manifest)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        using var file = SafeTensorsFile.Open(Path.Combine(path, StateFile));
        var steps = MetricsTensor.Read(file.Read(Metrics), manifest.Step);
        foreach (var (i, policy) in options.Policies.Index()) policy.Restore(Under($"{Policy}{i}."));
        model.Restore(file);                                                    // after the policies: they may want the weights as they were
        optimizer.Restore(Optimizer, file);
        GeneratorStates.Restore(Under(Generator));                              // the last: nothing draws any more
        return steps;

        Dictionary<string, Tensor> Under(string prefix) =>
            file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(name => name[prefix.Length..], name => file.Read(name));
    }
}
