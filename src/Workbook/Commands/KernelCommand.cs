// `workbook kernel`: registers the C# kernel with Jupyter, takes it away again, and is the kernel that Jupyter starts.

using System.CommandLine;
using System.Runtime.InteropServices;
using Workbook.Jupyter;

namespace Workbook.Commands;

/// <summary>The verb <c>kernel</c>.</summary>
internal static partial class KernelCommand
{
    private static readonly TimeSpan ParentPeriod = TimeSpan.FromSeconds(1);

    public static Command Create() => new("kernel", "The C# kernel for Jupyter, JupyterLab and VS Code") { CreateInstall(), CreateUninstall(), CreateRun() };

    private static Command CreateInstall()
    {
        var (prefix, limit) = (Prefix(), CellLimit());
        var command = new Command("install", "Registers the kernel .net-csharp, for the current user unless --prefix says where") { prefix, limit };
        command.SetAction(parsed => Try(() =>
        {
            string folder = KernelSpec.Folder(parsed.GetValue(prefix));
            string? before = KernelSpec.Install(folder, Entry, parsed.GetValue(limit));
            if (before is not null && before != Entry)
                Console.WriteLine($"replaced the kernel of this name, which started {before}");
            Console.WriteLine($"registered .NET (C#) in {folder}; `{Path.GetFileName(Entry)} kernel uninstall` removes it");
            return 0;
        }));
        return command;
    }

    private static Command CreateUninstall()
    {
        var prefix = Prefix();
        var command = new Command("uninstall", "Removes the kernel that `install` registered") { prefix };
        command.SetAction(parsed => Try(() =>
        {
            string folder = KernelSpec.Folder(parsed.GetValue(prefix));
            bool removed = KernelSpec.Uninstall(folder, Entry);
            Console.WriteLine(removed ? $"removed {folder}" : $"there is no {folder}; nothing was removed");
            return removed ? 0 : 1;
        }));
        return command;
    }

    private static Command CreateRun()
    {
        var file = new Argument<string>("connection-file") { Description = "what the client wrote" };
        var limit = CellLimit();
        var command = new Command("run", "Serves the clients of a connection file; Jupyter starts this") { file, limit };
        command.SetAction(parsed => RunAsync(parsed.GetValue(file)!, parsed.GetValue(limit)));
        return command;
    }

    /// <summary>Serves until a client shuts the kernel down, or the client that started it has gone. Ctrl-C stops the cell.</summary>
    internal static async Task<int> RunAsync(string file, double? cellLimit)
    {
        Kernel kernel;
        try
        {
            kernel = new Kernel(ConnectionFile.Read(file), Environment.CurrentDirectory, cellLimit is { } seconds ? TimeSpan.FromSeconds(seconds) : null, Console.Error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or ZmqException or DllNotFoundException)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return 1;
        }
        using (kernel)
        using (On(PosixSignal.SIGINT, kernel.Interrupt))
        using (On(PosixSignal.SIGTERM, kernel.End))
        using (On(PosixSignal.SIGHUP, kernel.End))
        using (WatchParent(kernel.End))
            await kernel.RunAsync();
        return 0;
    }

    private static string Entry => Path.Combine(Repository.Root, "workbook");

    private static Option<string?> Prefix() => new("--prefix") { Description = "a folder like /usr/local or an environment's; the kernel goes to share/jupyter/kernels in it" };

    private static Option<double?> CellLimit() => new("--timeout-cell") { Description = "seconds that a cell may take" };

    private static int Try(Func<int> action)
    {
        try
        {
            return action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }

    private static PosixSignalRegistration On(PosixSignal signal, Action action) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        action();
    });

    /// <summary>A client that starts kernels says so in JPY_PARENT_PID; when it is killed, nobody else ends what it started.</summary>
    private static Timer? WatchParent(Action gone)
    {
        if (OperatingSystem.IsWindows() || Environment.GetEnvironmentVariable("JPY_PARENT_PID") is null)
            return null;
        int parent = getppid();
        return new Timer(_ =>
        {
            if (getppid() != parent)
                gone();
        }, null, ParentPeriod, ParentPeriod);
    }

    [LibraryImport("libc")]
    private static partial int getppid();
}
