// The `workbook` command: one verb a file in Commands/.

using System.CommandLine;
using Spectre.Console;
using Workbook.Commands;
using Workbook.Engine;

if (args is ["session-host"]) // a notebook's own process, started by SessionProcess
    return SessionHost.Run();

// Redirected output is read by programs and files: no colours, no cursor.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Capabilities.Ansi = false;

var root = new RootCommand("A workbook that teaches low-rank adaptation by doing it.")
{
    RunCommand.Create(),
    TestCommand.Create(),
    DoctorCommand.Create(),
    PretrainCommand.Create(),
    ZooCommand.Create(),
    SweepCommand.Create(),
    FinetuneCommand.Create(),
    ChatCommand.Create(),
    InspectCommand.Create(),
    MergeCommand.Create(),
    ConvertCommand.Create(),
    ExportCommand.Create(),
    KernelCommand.Create(),
};
// An interrupted training run ends its step and writes a checkpoint first, which may take longer than the usual two seconds.
return await root.Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = TimeSpan.FromMinutes(10) });
