// `workbook convert`: a notebook as a program for `dotnet run`, and back, so that nobody is locked into notebooks.

using System.CommandLine;
using Spectre.Console;
using Workbook.Programs;
using Workbook.Notebooks;

namespace Workbook.Commands;

/// <summary>The verb <c>convert</c>.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "a notebook (.ipynb), or a program with cells marked by \"// %%\" (.cs)" };
        var to = new Option<string?>("--to") { Description = "cs or ipynb; the other one of the file unless said" };
        to.AcceptOnlyFromAmong("cs", "ipynb");
        var output = new Option<string?>("--output", "-o") { Description = "the file to write; the same name with the other ending unless said" };
        var force = new Option<bool>("--force") { Description = "write over a file that is there" };
        var command = new Command("convert", "Writes a notebook as a program for `dotnet run`, or makes a notebook of such a program") { file, to, output, force };
        command.SetAction(parsed => Run(parsed.GetValue(file)!, parsed.GetValue(to), parsed.GetValue(output), parsed.GetValue(force), AnsiConsole.Console.Profile.Out.Writer));
        return command;
    }

    /// <summary>Converts one file; 0 when it was written.</summary>
    internal static int Run(string file, string? to, string? output, bool force, TextWriter log)
    {
        string from = Path.GetExtension(file).TrimStart('.');
        to ??= from == "ipynb" ? "cs" : "ipynb";
        string target = output ?? Path.ChangeExtension(file, to);
        if (from is not ("ipynb" or "cs") || from == to)
            return Refuse($"{file}: a notebook (.ipynb) becomes a program (.cs) and a program a notebook; \"{from}\" to \"{to}\" is neither");
        if (File.Exists(target) && !force)
            return Refuse($"{target} is there already; --force writes over it, -o names another file");
        try
        {
            if (to == "cs")
                TextFile.Replace(target, ProgramWriter.Write(Notebook.Load(file), file, target, Repository.Root));
            else
                Read(file).Save(target);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return Refuse(error.Message);
        }
        log.WriteLine(to == "cs" ? $"{target}: run it with dotnet run {target}" : $"{target}: run it with ./workbook run {target}");
        return 0;

        int Refuse(string why)
        {
            log.WriteLine(why);
            return 1;
        }
    }

    private static Notebook Read(string file)
    {
        try
        {
            return ProgramReader.Read(File.ReadAllText(file));
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{file}: {error.Message}", error);
        }
    }
}
