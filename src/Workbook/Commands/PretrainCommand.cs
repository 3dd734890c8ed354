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
        var command = new Command("pretrain", "Trains a small base model on WordNet's definitions, with its model card") { size, output, steps, seed, threads };
        command.SetAction((parsed, cancel) =>
        {
            if (parsed.GetValue(steps) < 1)
            {
                Console.Error.WriteLine($"--steps is {parsed.GetValue(steps)}; it must be at least 1");
                return Task.FromResult(2);
            }
            var model = parsed.GetValue(size);
            Pretraining.Run(new()
            {
                Size = model,
                Output = parsed.GetValue(output) ?? Path.Combine(Repository.Root, "data", model.ToString().ToLowerInvariant()),
                Steps = parsed.GetValue(steps),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Cancellation = cancel,
            });
            return Task.FromResult(cancel.IsCancellationRequested ? 1 : 0);
        });
        return command;
    }
}
