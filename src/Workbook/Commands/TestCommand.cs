// `workbook test`: builds the tests, runs every test project and every notebook, and ends with "N passed, N failed".

using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Workbook.Engine;
using Workbook.Notebooks;
using Workbook.Running;

namespace Workbook.Commands;

/// <summary>The verb <c>test</c>.</summary>
internal static class TestCommand
{
    private static readonly TimeSpan SuiteLimit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan SetUpLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan NotebookLimit = TimeSpan.FromMinutes(10);

    public static Command Create()
    {
        var filter = new Option<string?>("--filter") { Description = "only tests whose full name, and notebooks whose name, contain this text" };
        var noNotebooks = new Option<bool>("--no-notebooks") { Description = "run no notebooks" };
        var command = new Command("test", "Builds and runs every test and every notebook") { filter, noNotebooks };
        command.SetAction((parsed, cancel) => RunAsync(Repository.Root, parsed.GetValue(filter), !parsed.GetValue(noNotebooks), AnsiConsole.Console, cancel));
        return command;
    }

    /// <summary>0 when something ran and nothing failed.</summary>
    internal static async Task<int> RunAsync(string root, string? filter, bool notebooks, IAnsiConsole console, CancellationToken cancel)
    {
        var output = console.Profile.Out.Writer;
        var results = new List<SuiteResult>();
        output.WriteLine("building Workbook.sln");
        var (code, log) = await ChildProcess.RunAsync(
            DotnetHost.Path, ["build", "Workbook.sln", "-c", "Release", "-v", "quiet", "--nologo"], root, SuiteLimit, cancel);
        if (code != 0)
        {
            output.WriteLine(log.Trim());
            return Close(output, [new SuiteResult("build", 0, 1, 0, [], TimeSpan.Zero)]);
        }
        await SetUpAsync(root, "tests/nvrtc.sh", output, cancel);
        await SetUpAsync(root, "tests/jupyter/clients.sh", output, cancel);
        foreach (string assembly in TestAssemblies(root))
            Add(await TestSuite.RunAsync(assembly, filter, SuiteLimit, cancel));
        if (notebooks && Directory.Exists(Path.Combine(root, "notebooks")))
        {
            foreach (string path in Directory.GetFiles(Path.Combine(root, "notebooks"), "*.ipynb").Order(StringComparer.Ordinal))
            {
                if (filter is null || Path.GetFileNameWithoutExtension(path).Contains(filter, StringComparison.OrdinalIgnoreCase))
                    Add(await NotebookAsync(path, cancel));
            }
        }
        return Close(output, results);

        void Add(SuiteResult result)
        {
            if (result.IsEmpty)
                return;
            results.Add(result);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{result.Name,-28} {result.Passed,5} passed, {result.Failed} failed{(result.Skipped > 0 ? $", {result.Skipped} skipped" : "")}  {result.Elapsed.TotalSeconds:F1} s"));
            foreach (string failure in result.Failures)
                output.WriteLine("\n" + failure + "\n");
        }
    }

    /// <summary>Fetches what some tests need: the compiler of the CUDA kernels, Jupyter's clients. Where it can't be had, one line says why
    /// and those tests are skipped.</summary>
    private static async Task SetUpAsync(string root, string script, TextWriter output, CancellationToken cancel)
    {
        string path = Path.Combine(root, script);
        if (!OperatingSystem.IsLinux() || !File.Exists(path))
            return;
        var (code, log) = await ChildProcess.RunAsync("bash", [path], root, SetUpLimit, cancel);
        if (code != 0)
            output.WriteLine(log.Trim());
    }

    /// <summary>The assemblies that the build left for the projects in tests/ that are suites; those of tests/Gpu need a GPU, and tests/Gpu/run runs them.</summary>
    private static IEnumerable<string> TestAssemblies(string root) =>
        Directory.GetFiles(Path.Combine(root, "tests"), "*.Tests.csproj", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(project => !project.StartsWith(Path.Combine(root, "tests", "Gpu"), StringComparison.Ordinal))
            .Select(Path.GetFileNameWithoutExtension)
            .Select(name => Path.Combine(root, "artifacts", "bin", name!, "release", name + ".dll"));

    /// <summary>A notebook is one test: it passes when it runs to its end, fast where it can.</summary>
    private static async Task<SuiteResult> NotebookAsync(string path, CancellationToken cancel)
    {
        var quiet = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null), Interactive = InteractionSupport.No });
        bool canBeFast = Parameters.Names(Notebook.Load(path)).Contains("fast");
        KeyValuePair<string, string>[] parameters = canBeFast ? [new("fast", "true")] : [];
        var outcome = await RunCommand.RunOneAsync(path, parameters, new RunLimits(Notebook: NotebookLimit), quiet, cancel);
        string name = $"notebooks/{Path.GetFileNameWithoutExtension(path)}";
        return outcome.Error is { } error
            ? new SuiteResult(name, 0, 1, 0, [$"{error}\n{error.Details}".TrimEnd()], outcome.Elapsed)
            : new SuiteResult(name, 1, 0, 0, [], outcome.Elapsed);
    }

    /// <summary>The closing line that scripts read.</summary>
    internal static int Close(TextWriter output, IReadOnlyList<SuiteResult> results)
    {
        int passed = results.Sum(result => result.Passed), failed = results.Sum(result => result.Failed), skipped = results.Sum(result => result.Skipped);
        output.WriteLine($"{passed} passed, {failed} failed" + (skipped > 0 ? $", {skipped} skipped" : ""));
        return failed == 0 && passed > 0 ? 0 : 1;
    }
}
