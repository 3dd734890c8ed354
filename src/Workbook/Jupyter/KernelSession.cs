// The session behind a kernel. It is a child process: what kills it is the error of the cell that ran, and a fresh one takes
// its place, while the kernel that the client talks to stays.

using System.Globalization;
using Workbook.Engine;

namespace Workbook.Jupyter;

/// <summary>A session that is replaced when its process ends. One request runs at a time.</summary>
internal sealed class KernelSession(string folder, TimeSpan? cellLimit) : IDisposable
{
    private const string Fresh = "a fresh session has begun: variables are gone, run the cells that define them again";
    private Task<SessionProcess> _process = SessionProcess.StartAsync(folder);
    private CancellationTokenSource? _interrupt;

    /// <summary>Runs a cell; null when all went well.</summary>
    public async Task<CellError?> RunAsync(CellCode cell, IOutputSink output)
    {
        using var interrupt = new CancellationTokenSource();
        using var limit = new CancellationTokenSource();
        using var linked = limit.Token.Register(interrupt.Cancel);
        Volatile.Write(ref _interrupt, interrupt);
        var process = await _process;
        if (cellLimit is { } time)
            limit.CancelAfter(time);
        var (error, _) = await process.ExecuteAsync(cell, output, interrupt.Token);
        Volatile.Write(ref _interrupt, null);
        if (error?.Kind == CellErrorKind.Interrupted && limit.IsCancellationRequested)
        {
            string reached = string.Create(CultureInfo.InvariantCulture, $"the cell's time limit of {cellLimit!.Value.TotalSeconds:0.###} s was reached");
            error = error with { Message = $"{reached}: {error.Message}", Details = reached };
        }
        if (error?.Kind is not (CellErrorKind.Crash or CellErrorKind.Interrupted) || !process.HasEnded)
            return error;
        process.Dispose();
        _process = SessionProcess.StartAsync(folder);
        string how = error.Message.Replace("; restart to go on", "", StringComparison.Ordinal);
        return error with { Message = $"{how}; {Fresh}" };
    }

    /// <summary>Stops the cell that runs, if one does.</summary>
    public void Interrupt()
    {
        try
        {
            Volatile.Read(ref _interrupt)?.CancelAsync();
        }
        catch (ObjectDisposedException) // it has just ended
        {
        }
    }

    /// <summary>What fits at a place.</summary>
    public async Task<CompletionList> CompleteAsync(CodePosition at) => await (await _process).CompleteAsync(at);

    /// <summary>What stands at a place.</summary>
    public async Task<Formatting.MimeBundle?> InspectAsync(CodePosition at) => await (await _process).InspectAsync(at);

    /// <summary>Whether more lines are expected.</summary>
    public async Task<Completeness> IsCompleteAsync(string source) => await (await _process).IsCompleteAsync(source);

    /// <summary>Ends the session with whatever runs in it.</summary>
    public void Dispose() => _process.GetAwaiter().GetResult().Dispose();
}
