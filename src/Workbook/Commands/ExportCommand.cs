// `workbook export`: pages to publish. A notebook that carries its outputs is taken as it is, another is run first.

using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Workbook.Html;
using Workbook.Notebooks;
using Workbook.Running;

namespace Workbook.Commands;

/// <summary>The verb <c>export</c>.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebooks") { Description = "executed notebooks, or ones to run first; all lessons unless said", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string>("--output", "-o") { Description = "the site's folder", DefaultValueFactory = _ => Path.Combine("out", "site") };
        var parameters = RunCommand.ParameterOption();
        var command = new Command("export", "Writes a site: a self-contained page a notebook, and an index") { notebooks, output, parameters };
        command.SetAction((parsed, cancel) => RunAsync(Repository.Root, parsed.GetValue(notebooks) ?? [], parsed.GetValue(output)!,
            RunCommand.Pairs(parsed.GetValue(parameters)), AnsiConsole.Console, cancel));
        return command;
    }

    /// <summary>Writes the site; 0 when every notebook is in it.</summary>
    internal static async Task<int> RunAsync(
        string root, string[] notebooks, string output, IReadOnlyList<KeyValuePair<string, string>> parameters, IAnsiConsole console, CancellationToken cancel)
    {
        var log = console.Profile.Out.Writer;
        if (notebooks.Length == 0)
            notebooks = [.. Directory.GetFiles(Path.Combine(root, "notebooks"), "*.ipynb").Order(StringComparer.Ordinal)];
        if (notebooks.GroupBy(Path.GetFileNameWithoutExtension).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            log.WriteLine($"two notebooks would become {twice.Key}.html: {string.Join(", ", twice)}; rename one");
            return 1;
        }
        var pages = new List<(string, Notebook)>();
        foreach (string path in notebooks)
        {
            if (await Executed(path) is { } notebook)
                pages.Add((Path.GetFileNameWithoutExtension(path), notebook));
        }
        if (pages.Count > 0)
        {
            Site.Write(output, pages);
            long bytes = Directory.GetFiles(output, "*.html").Sum(file => new FileInfo(file).Length);
            log.WriteLine($"{pages.Count} {(pages.Count == 1 ? "page" : "pages")} and an index in {output}, {(bytes / 1e6).ToString("F1", CultureInfo.InvariantCulture)} MB: open {Path.Combine(output, "index.html")}");
        }
        return pages.Count == notebooks.Length ? 0 : 1;

        async Task<Notebook?> Executed(string path)
        {
            try
            {
                var notebook = Notebook.Load(path);
                if (parameters.Count == 0 && notebook.Cells.Exists(cell => cell.Type == "code" && cell.Outputs.Count > 0))
                    return notebook;
            }
            catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                log.WriteLine(error.Message);
                return null;
            }
            var outcome = await RunCommand.RunOneAsync(path, parameters, new RunLimits(), console, cancel);
            if (outcome.Error is not { } failed)
                return outcome.Executed;
            log.WriteLine($"{failed}\n{path} is not in the site");
            return null;
        }
    }
}
