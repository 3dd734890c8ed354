// A session in a child process: a stack overflow, an abort in native code or a full memory ends the child, and this side
// reports it. An interrupted cell that does not stop (a blocking native call) is ended with its process.

using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>Executes cells in a child process.</summary>
public sealed class SessionProcess : INotebookSession
{
    private const int ErrorLines = 200;
    private static readonly string[] LastWords = ["Stack overflow", "Unhandled exception", "Fatal error", "Process terminated", "Out of memory", "terminate called"];
    private static readonly string[] OwnFrames = // below the cell's, of no use to its author
    [
        "at Microsoft.CodeAnalysis.Scripting.", "at Workbook.Engine.", "at System.Runtime.CompilerServices.Async",
        "at System.Runtime.ControlledExecution.", "at System.Threading.Thread.StartCallback",
    ];

    private readonly Process _process;
    private readonly Lock _asking = new();
    private readonly Queue<string> _errorLines = new();
    private readonly TimeSpan _grace;
    private readonly Lock _sending = new();
    private IOutputSink? _output; // of the last cell: what it left running goes on writing there
    private TaskCompletionSource<SessionEvent?> _answer = NewAnswer(); // null: the child ended
    private bool _ended;

    /// <summary>Starts the child in <paramref name="folder"/>, the notebook's, and waits until it can take a cell;
    /// <paramref name="grace"/> is how long an interrupted cell may take to stop.</summary>
    public static async Task<SessionProcess> StartAsync(string folder, TimeSpan? grace = null)
    {
        var session = new SessionProcess(folder, grace);
        await session._answer.Task; // ready, or ended: the first cell reports that
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
        _output = output;
        using var limit = new CancellationTokenSource(); // cancelled when an interrupted cell has had its time to stop
        var asked = AskAsync(new SessionRequest(cell));
        using var _ = interrupt.Register(() =>
        {
            Send(new SessionRequest(Interrupt: true));
            limit.CancelAfter(_grace);
        });
        try
        {
            if (await asked.WaitAsync(limit.Token) is { } answer)
                return answer.Result!;
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
            string text = $"interrupted, but the cell did not stop within {_grace.TotalSeconds:0} s, so its process was ended; restart to go on";
            return new CellResult(new CellError(CellErrorKind.Interrupted, text, text, cell.Path, cell.Number), clock.Elapsed);
        }
        if (!interrupt.IsCancellationRequested)
            return Crashed(cell, clock.Elapsed);
        const string aborted = "interrupted, and the cell could be stopped only with its process; restart to go on"; // .NET's abort of a thread can end it
        return new CellResult(new CellError(CellErrorKind.Interrupted, aborted, aborted, cell.Path, cell.Number), clock.Elapsed);
    }

    /// <inheritdoc/>
    public async Task<CompletionList> CompleteAsync(CodePosition at) =>
        (await AskAsync(new SessionRequest(Complete: at)))?.Completions ?? new CompletionList(at.Position, at.Position, []);

    /// <inheritdoc/>
    public async Task<MimeBundle?> InspectAsync(CodePosition at) => (await AskAsync(new SessionRequest(Inspect: at)))?.Data;

    /// <inheritdoc/>
    public async Task<Completeness> IsCompleteAsync(string source) =>
        (await AskAsync(new SessionRequest(IsComplete: source)))?.Completeness ?? new Completeness("unknown");

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

    private static TaskCompletionSource<SessionEvent?> NewAnswer() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task<SessionEvent?> AskAsync(SessionRequest request)
    {
        var answer = NewAnswer();
        lock (_asking)
        {
            if (_ended)
                return Task.FromResult<SessionEvent?>(null);
            _answer = answer;
        }
        Send(request);
        return answer.Task;
    }

    private void Send(SessionRequest request)
    {
        try
        {
            lock (_sending)
            {
                _process.StandardInput.WriteLine(SessionJson.Line(request));
                _process.StandardInput.Flush();
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The child is gone; the reader of its events says so.
        }
    }

    private async Task ReadEventsAsync()
    {
        Exception? fault = null; // of the sink: it belongs to whoever waits for the cell
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            var message = JsonSerializer.Deserialize(line, SessionJson.Default.SessionEvent)!;
            switch (message.Kind)
            {
                case SessionEvent.Done when fault is not null:
                    _answer.TrySetException(fault);
                    fault = null;
                    break;
                case SessionEvent.Done or SessionEvent.Ready:
                    _answer.TrySetResult(message);
                    break;
                case SessionEvent.Input:
                    _ = AnswerInputAsync(message);
                    break;
                default:
                    try
                    {
                        message.Replay(_output);
                    }
                    catch (Exception error)
                    {
                        fault ??= error;
                    }
                    break;
            }
        }
        await _process.WaitForExitAsync();
        lock (_asking)
            _ended = true;
        _answer.TrySetResult(null);
    }

    private async Task AnswerInputAsync(SessionEvent question) =>
        Send(new SessionRequest(Typed: new TypedLine(await _output!.ReadLineAsync(question.Text!, question.Hidden))));

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
        string message = said is null ? how : $"{how}: {said.TrimEnd('.')}";
        var details = lines.Where(line => !OwnFrames.Any(own => line.Contains(own, StringComparison.Ordinal))).Prepend(how);
        return new CellResult(new CellError(CellErrorKind.Crash, message, string.Join("\n", details), cell.Path, cell.Number), elapsed);
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
