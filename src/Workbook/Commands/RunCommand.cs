// `workbook run`: executes notebooks, each in a child process of its own, and saves what they show.

using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Workbook.Engine;
using Workbook.Html;
using Workbook.Notebooks;
using Workbook.Running;

namespace Workbook.Commands;

/// <summary>What `workbook run` was asked for.</summary>
public sealed record RunRequest(
    IReadOnlyList<string> Notebooks, IReadOnlyList<KeyValuePair<string, string>> Parameters, RunLimits Limits, string OutputFolder, string? JUnitFile, bool Html);

/// <summary>The verb <c>run</c>.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebooks") { Description = "the .ipynb files", Arity = ArgumentArity.OneOrMore };
        var parameters = ParameterOption();
        var cellLimit = new Option<double?>("--timeout-cell") { Description = "seconds that a cell may take" };
        var limit = new Option<double?>("--timeout") { Description = "seconds that a notebook may take" };
        var output = new Option<string>("--output") { Description = "the folder for executed notebooks and pages", DefaultValueFactory = _ => "out" };
        var junit = new Option<string?>("--junit") { Description = "also write a JUnit file, a test case a cell" };
        var html = new Option<bool>("--html") { Description = "write an HTML page beside the notebook (the default)" };
        var noHtml = new Option<bool>("--no-html") { Description = "write no HTML page" };
        var command = new Command("run", "Runs notebooks and saves them with their outputs") { notebooks, parameters, cellLimit, limit, output, junit, html, noHtml };
        command.SetAction(async (parsed, cancel) =>
        {
            var request = new RunRequest(
                parsed.GetValue(notebooks)!,
                Pairs(parsed.GetValue(parameters)),
                new RunLimits(Seconds(parsed.GetValue(cellLimit)), Seconds(parsed.GetValue(limit))),
                parsed.GetValue(output)!, parsed.GetValue(junit), !parsed.GetValue(noHtml));
            return await RunAsync(request, AnsiConsole.Console, cancel);
        });
        return command;
    }

    /// <summary>-p name=value, as often as wanted.</summary>
    internal static Option<string[]> ParameterOption()
    {
        var option = new Option<string[]>("--parameter", "-p") { Description = "name=value: overrides a value of the cell tagged \"parameters\"" };
        option.Validators.Add(result =>
        {
            foreach (string text in result.GetValueOrDefault<string[]>() ?? [])
            {
                if (text.IndexOf('=') < 1)
                    result.AddError($"-p wants name=value, but was given \"{text}\"");
            }
        });
        return option;
    }

    /// <summary>What the option was given.</summary>
    internal static IReadOnlyList<KeyValuePair<string, string>> Pairs(string[]? given) =>
        [.. (given ?? []).Select(text => new KeyValuePair<string, string>(text[..text.IndexOf('=')], text[(text.IndexOf('=') + 1)..]))];

    /// <summary>Runs them all; 0 when every notebook ran to its end.</summary>
    public static async Task<int> RunAsync(RunRequest request, IAnsiConsole console, CancellationToken cancel)
    {
        var outcomes = new List<NotebookOutcome>();
        foreach (string path in request.Notebooks)
        {
            if (cancel.IsCancellationRequested)
                break;
            var outcome = await RunOneAsync(path, request.Parameters, request.Limits, console, cancel);
            outcomes.Add(outcome);
            if (outcome.Error is { } error)
                console.Profile.Out.Writer.WriteLine(Describe(error) + "\n");
            if (outcome.Executed is not null)
                Save(outcome, request, console);
        }
        if (outcomes.Count > 1)
            console.Write(Summary(outcomes));
        if (request.JUnitFile is { } file)
            JUnit.Write(file, outcomes);
        return outcomes.Count == request.Notebooks.Count && outcomes.TrueForAll(outcome => outcome.Error is null) ? 0 : 1;
    }

    /// <summary>Runs one notebook in a process of its own.</summary>
    public static async Task<NotebookOutcome> RunOneAsync(
        string path, IReadOnlyList<KeyValuePair<string, string>> parameters, RunLimits limits, IAnsiConsole console, CancellationToken cancel)
    {
        Notebook notebook;
        try
        {
            notebook = Notebook.Load(path);
            Parameters.Inject(notebook, parameters);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException or ParameterException)
        {
            return new NotebookOutcome(path, null, [], new CellError(CellErrorKind.Runtime, error.Message, "", path), TimeSpan.Zero);
        }
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        using var progress = new ConsoleProgress(console, Path.GetFileNameWithoutExtension(path));
        using var session = await SessionProcess.StartAsync(folder);
        return await new NotebookRunner(session, progress).RunAsync(notebook, path, limits, cancel);
    }

    /// <summary>The error with its place, and the exception's own text below.</summary>
    private static string Describe(CellError error)
    {
        string text = error.ToString();
        return error.Kind == CellErrorKind.Magic || error.Details.Length == 0 ? text : $"{text}\n\n{error.Details}";
    }

    private static void Save(NotebookOutcome outcome, RunRequest request, IAnsiConsole console)
    {
        Directory.CreateDirectory(request.OutputFolder);
        string name = Path.GetFileNameWithoutExtension(outcome.Path);
        if (request.Notebooks.Count(path => Path.GetFileNameWithoutExtension(path) == name) > 1)
            name = $"{Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(outcome.Path)))}-{name}";
        string notebook = Path.Combine(request.OutputFolder, name + ".ipynb");
        outcome.Executed!.Save(notebook);
        string saved = notebook;
        if (request.Html)
        {
            string page = Path.ChangeExtension(notebook, ".html");
            File.WriteAllText(page, HtmlPage.Render(outcome.Executed, name));
            saved += $" and {page}";
        }
        console.Profile.Out.Writer.WriteLine($"{name}: {outcome.Cells.Count} cells in {outcome.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture)} s; saved {saved}");
    }

    private static Table Summary(IEnumerable<NotebookOutcome> outcomes)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("notebook", "cells", "seconds", "result");
        foreach (var outcome in outcomes)
        {
            string result = outcome.Error is { } error ? $"[red]{Markup.Escape((error with { Path = null }).ToString().Split('\n')[0])}[/]" : "[green]ok[/]";
            table.AddRow(Markup.Escape(outcome.Path), $"{outcome.Cells.Count}", outcome.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture), result);
        }
        return table;
    }

    private static TimeSpan? Seconds(double? seconds) => seconds is { } value ? TimeSpan.FromSeconds(value) : null;
}
