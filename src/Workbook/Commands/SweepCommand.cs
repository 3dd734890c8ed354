// `workbook sweep`: makes the files in data/results again. A lesson that draws from such a file has a parameter `sweep`; with
// sweep=true its own cell runs the long search and writes the file, so what a reader sees in the lesson is what made the numbers.

using System.CommandLine;
using Spectre.Console;
using Workbook.Notebooks;
using Workbook.Running;

namespace Workbook.Commands;

/// <summary>The verb <c>sweep</c>.</summary>
internal static class SweepCommand
{
    private const string Parameter = "sweep";

    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebooks") { Description = "the lessons; all that have a search unless said", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string>("--output") { Description = "the folder for executed notebooks and pages", DefaultValueFactory = _ => "out" };
        var command = new Command("sweep", "Runs the lessons' long searches again and writes data/results") { notebooks, output };
        command.SetAction((parsed, cancel) =>
            RunAsync(Repository.Root, parsed.GetValue(notebooks) ?? [], parsed.GetValue(output)!, AnsiConsole.Console, cancel));
        return command;
    }

    /// <summary>Runs the searches of <paramref name="notebooks"/>, or of every lesson that has one; 0 when all ran to their end.</summary>
    internal static async Task<int> RunAsync(string root, string[] notebooks, string output, IAnsiConsole console, CancellationToken cancel)
    {
        if (notebooks.Length == 0)
        {
            string lessons = Path.Combine(root, "notebooks");
            if (Directory.Exists(lessons))
                notebooks = [.. Directory.GetFiles(lessons, "*.ipynb").Where(HasSearch).Order(StringComparer.Ordinal)];
            if (notebooks.Length == 0)
            {
                console.Profile.Out.Writer.WriteLine($"no notebook in {lessons} has a parameter \"{Parameter}\": nothing to run");
                return 1;
            }
        }
        return await RunCommand.RunAsync(new(notebooks, [new(Parameter, "true")], new RunLimits(), output, null, Html: true), console, cancel);
    }

    private static bool HasSearch(string path) => Parameters.Names(Notebook.Load(path)).Contains(Parameter);
}
