// `workbook zoo`: trains the small adapters in data/zoo again.

using System.CommandLine;
using LowRank;

namespace Workbook.Commands;

/// <summary>The verb <c>zoo</c>.</summary>
internal static class ZooCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("names") { Description = "only these adapters; all unless said", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string?>("--output") { Description = "the folder to write; data/zoo unless said" };
        var steps = new Option<long>("--steps") { Description = "optimizer steps an adapter", DefaultValueFactory = _ => new ZooOptions { Model = "", Output = "" }.Steps };
        var seed = new Option<long>("--seed") { Description = "of the starts and the batches' order", DefaultValueFactory = _ => 1 };
        var command = new Command("zoo", "Trains the small adapters of data/zoo again") { names, output, steps, seed };
        command.SetAction((parsed, cancel) => Task.FromResult(Run(parsed.GetValue(names) ?? [], parsed.GetValue(output) ?? Path.Combine(Repository.Root, "data", "zoo"),
            parsed.GetValue(steps), parsed.GetValue(seed), cancel)));
        return command;
    }

    private static int Run(string[] names, string output, long steps, long seed, CancellationToken cancel)
    {
        if (steps < 1)
        {
            Console.Error.WriteLine($"--steps is {steps}; it must be at least 1");
            return 2;
        }
        if (names.Length > 0 && Path.GetFullPath(output) == Path.Combine(Repository.Root, "data", "zoo"))
        {
            Console.Error.WriteLine($"a part of the zoo would leave data/zoo/README.md without the others: name a folder with --output, or none of the adapters");
            return 2;
        }
        try
        {
            Zoo.Run(new() { Model = Path.Combine(Repository.Root, "data", "base"), Output = output, Names = names, Steps = steps, Seed = seed, Cancellation = cancel });
            return 0;
        }
        catch (ArgumentException error)
        {
            Console.Error.WriteLine(error.Message);
            return 2;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"stopped; {output} keeps what was finished");
            return 1;
        }
    }
}
