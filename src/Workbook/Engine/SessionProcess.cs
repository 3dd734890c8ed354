// A session in a child process: a stack overflow, an abort in native code or a full memory ends the child, and this side
// reports it. An interrupted cell that does not stop (a blocking native call) is ended with its process.

using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace Workbook.Engine;

/// <summary>Executes cells in a child process.</summary>
public sealed class SessionProcess : INotebookSession
{
    private const int ErrorLines = 200;
    private static readonly string[] LastWords = ["Stack overflow", "Unhandled exception", "Fatal error", "Process terminated", "Out of memory", "terminate called"];
    private readonly Process _process;
    private readonly Channel<SessionEvent> _events = Channel.CreateUnbounded<SessionEvent>();
    private readonly Queue<string> _errorLines = new();
    private readonly TimeSpan _grace;

    /// <summary>Starts the child in <paramref name="folder"/>, the notebook's, and waits until it can take a cell;
    /// <paramref name="grace"/> is how long an interrupted cell may take to stop.</summary>
    public static async Task<SessionProcess> StartAsync(string folder, TimeSpan? grace = null)
    {
        var session = new SessionProcess(folder, grace);
        await session._events.Reader.WaitToReadAsync(); // ready, or ended: the first cell reports that
        session._events.Reader.TryRead(out _);
        return session;
    }

    private SessionProcess(string folder, TimeSpan? grace)
    {
        _grace = grace ?? TimeSpan.FromSeconds(5);
        var start = new ProcessStartInfo(DotnetHost.Path)
        {
            ArgumentList = { DotnetHost.WorkbookAssembly, "session-host" },
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        _process = Process.Start(start) ?? throw new IOException($"{start.FileName} did not start");
        _process.ErrorDataReceived += (_, line) => KeepError(line.Data);
        _process.BeginErrorReadLine();
        _ = ReadEventsAsync();
    }

    /// <summary>Whether the child has ended: a session that crashed or was ended cannot go on.</summary>
    public bool HasEnded => _process.HasExited;

    /// <inheritdoc/>
    public async Task<CellResult> ExecuteAsync(CellCode cell, IOutputSink output, CancellationToken interrupt = default)
    {
        var clock = Stopwatch.StartNew();
        if (!Send(new SessionRequest(cell)))
            return Crashed(cell, clock.Elapsed);
        using var limit = new CancellationTokenSource(); // cancelled when an interrupted cell has had its time to stop
        using var _ = interrupt.Register(() =>
        {
            Send(new SessionRequest(Interrupt: true));
            limit.CancelAfter(_grace);
        });
        try
        {
            while (true)
            {
                var message = await _events.Reader.ReadAsync(limit.Token);
                if (!message.Replay(output))
                    return message.Result!;
            }
        }
        catch (ChannelClosedException) when (interrupt.IsCancellationRequested) // .NET's abort of a thread can end the process
        {
            const string text = "interrupted, and the cell could be stopped only with its process; restart to go on";
            return new CellResult(new CellError(CellErrorKind.Interrupted, text, text, cell.Path, cell.Number), clock.Elapsed);
        }
        catch (ChannelClosedException)
        {
            return Crashed(cell, clock.Elapsed);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            string text = $"interrupted, but the cell did not stop within {_grace.TotalSeconds:0} s, so its process was ended; restart to go on";
            return new CellResult(new CellError(CellErrorKind.Interrupted, text, text, cell.Path, cell.Number), clock.Elapsed);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(TimeSpan.FromSeconds(2)))
                _process.Kill(entireProcessTree: true);
        }
        _process.WaitForExit();
    }

    private bool Send(SessionRequest request)
    {
        try
        {
            _process.StandardInput.WriteLine(SessionJson.Line(request));
            _process.StandardInput.Flush();
            return true;
        }
        catch (IOException) // the child is gone; the reader says so
        {
            return false;
        }
    }

    private async Task ReadEventsAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _events.Writer.TryWrite(JsonSerializer.Deserialize(line, SessionJson.Default.SessionEvent)!);
        await _process.WaitForExitAsync();
        _events.Writer.TryComplete();
    }

    private CellResult Crashed(CellCode cell, TimeSpan elapsed)
    {
        _process.WaitForExit();
        string[] lines;
        lock (_errorLines)
            lines = [.. _errorLines];
        string how = _process.ExitCode switch
        {
            134 => "the session's process aborted",
            137 => "the session's process was killed (out of memory?)",
            139 => "the session's process crashed with a segmentation fault",
            var code => $"the session's process ended with code {code}",
        };
        string? said = lines.FirstOrDefault(line => LastWords.Any(start => line.StartsWith(start, StringComparison.Ordinal))) ?? lines.LastOrDefault();
        string message = said is null ? how : $"{how}: {said}";
        return new CellResult(new CellError(CellErrorKind.Crash, message, string.Join("\n", lines.Prepend(how)), cell.Path, cell.Number), elapsed);
    }

    private void KeepError(string? line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;
        lock (_errorLines)
        {
            if (_errorLines.Count == ErrorLines)
                _errorLines.Dequeue();
            _errorLines.Enqueue(line);
        }
    }
}
