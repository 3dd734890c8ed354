// `workbook doctor`: what was found on this machine, what will be used, and the command that mends what is missing.

using System.CommandLine;
using Spectre.Console;

namespace Workbook.Commands;

/// <summary>The verb <c>doctor</c>.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", "Shows what was found on this machine and what will be used");
        command.SetAction(async (_, cancel) => Show(await Diagnosis.CollectAsync(Repository.Root, cancel), AnsiConsole.Console));
        return command;
    }

    /// <summary>Prints the findings; 1 when something that is needed is missing.</summary>
    internal static int Show(IReadOnlyList<Finding> findings, IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("", "what", "found", "to mend it");
        foreach (var finding in findings)
        {
            string sign = finding.State switch { FindingState.Good => "[green]ok[/]", FindingState.Warning => "[yellow]slow[/]", FindingState.Optional => "–", _ => "[red]missing[/]" };
            table.AddRow(sign, Markup.Escape(finding.What), Markup.Escape(finding.Found), Markup.Escape(finding.Remedy ?? ""));
        }
        console.Write(table);
        return findings.Any(finding => finding.State == FindingState.Missing) ? 1 : 0;
    }
}
