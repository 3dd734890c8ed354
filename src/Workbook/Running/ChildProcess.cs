// A program that is run to its end, with its output kept and its whole tree ended at a limit.

using System.Diagnostics;
using System.Text;

namespace Workbook.Running;

/// <summary>Runs other programs.</summary>
internal static class ChildProcess
{
    /// <summary>The exit code for a program that ran past its limit.</summary>
    public const int TimedOut = 124;

    /// <summary>Runs a program; gives its exit code and what it wrote to both streams.</summary>
    public static async Task<(int Code, string Output)> RunAsync(
        string program, IEnumerable<string> arguments, string folder, TimeSpan limit, CancellationToken cancel = default)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true },
        };
        var output = new StringBuilder();
        DataReceivedEventHandler keep = (_, line) =>
        {
            lock (output)
                output.Append(line.Data).Append('\n');
        };
        process.OutputDataReceived += keep;
        process.ErrorDataReceived += keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        ending.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(ending.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            cancel.ThrowIfCancellationRequested();
            return (TimedOut, $"{output}ended after its limit of {limit.TotalMinutes:0.#} minutes\n");
        }
        lock (output)
            return (process.ExitCode, output.ToString());
    }
}
