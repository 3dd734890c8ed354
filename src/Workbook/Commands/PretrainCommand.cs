// `workbook pretrain`: trains data/base or data/tiny again, from nothing.

using System.CommandLine;
using LowRank;

namespace Workbook.Commands;

/// <summary>The verb <c>pretrain</c>.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var size = new Option<PretrainingSize>("--size") { Description = "base or tiny", DefaultValueFactory = _ => PretrainingSize.Base };
        var output = new Option<string?>("--output") { Description = "the folder to write; data/SIZE unless said" };
        var steps = new Option<long>("--steps") { Description = "optimizer steps", DefaultValueFactory = _ => 5000 };
        var seed = new Option<long>("--seed") { Description = "of the weights and the batches' order", DefaultValueFactory = _ => 1 };
        var threads = new Option<int>("--threads") { Description = "libtorch's threads; 0: as many as the machine has cores", DefaultValueFactory = _ => 0 };
        var checkpoints = new Option<string?>("--checkpoints") { Description = "a folder for checkpoints: stopped or killed, the same command goes on from there" };
        var every = new Option<long>("--checkpoint-every") { Description = "steps between checkpoints", DefaultValueFactory = _ => 100 };
        var anew = new Option<bool>("--anew") { Description = "begin at the first step whatever the folder for checkpoints holds" };
        var command = new Command("pretrain", "Trains a small base model on WordNet's definitions, with its model card") { size, output, steps, seed, threads, checkpoints, every, anew };
        foreach (var option in new Option[] { every, anew })
            option.Validators.Add(result =>
            {
                if (!result.Implicit && result.GetResult(checkpoints) is null) result.AddError($"{option.Name} says how {checkpoints.Name} are left; name a folder for them");
            });
        // On another thread: what the process is told to stop with is heard meanwhile.
        command.SetAction((parsed, cancel) => Task.Run(() =>
        {
            var model = parsed.GetValue(size);
            return Run(new()
            {
                Size = model,
                Output = parsed.GetValue(output) ?? Path.Combine(Repository.Root, "data", model.ToString().ToLowerInvariant()),
                Steps = parsed.GetValue(steps),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Checkpoints = parsed.GetValue(checkpoints) is { } folder ? new(folder, parsed.GetValue(every)) { StartAnew = parsed.GetValue(anew) } : null,
                Cancellation = cancel,
            });
        }, CancellationToken.None));
        return command;
    }

    /// <summary>0 when it was done, 1 when it was stopped or failed, 2 when the options do not do; each with one sentence.</summary>
    internal static int Run(PretrainingOptions options)
    {
        var log = options.Log ?? TextWriter.Null;
        if (options.Steps < 1)
        {
            log.WriteLine($"--steps is {options.Steps}; it must be at least 1");
            return 2;
        }
        if (options.Checkpoints is { Every: < 1 and var every })
        {
            log.WriteLine($"--checkpoint-every is {every}; it must be at least 1");
            return 2;
        }
        try
        {
            var run = Pretraining.Run(options);
            if (!run.Cancelled) return 0;
            log.WriteLine($"stopped after step {run.Steps.Count:N0} of {options.Steps:N0}; {(options.Checkpoints is null ? $"{options.Output} holds what was learned" : "the same command goes on from there")}");
            return 1;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException or InvalidOperationException or TrainingDivergedException)
        {
            log.WriteLine(error.Message.Replace("Checkpoints { StartAnew = true }", "--anew", StringComparison.Ordinal));
            return 1;
        }
    }
}
