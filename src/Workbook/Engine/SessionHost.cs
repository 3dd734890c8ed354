// The child's side of a session in a process of its own: requests come in on standard input, events go out on the real
// standard output, and native prints are captured. Text is sent in pieces of a few hundredths of a second: a cell that writes a
// million lines would else be a million messages. The child ends when its parent does.

using System.Text;
using System.Text.Json;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>Serves one session over standard input and output.</summary>
internal sealed class SessionHost : IOutputSink
{
    private const int PieceLength = 1 << 15;
    private static readonly TimeSpan PieceTime = TimeSpan.FromMilliseconds(25);

    private readonly StreamWriter _events;
    private readonly Lock _writing = new();
    private readonly StringBuilder _text = new();
    private readonly Timer _timer;
    private string _stream = "";
    private TaskCompletionSource<string?>? _typed;

    private SessionHost(Stream events)
    {
        _events = new StreamWriter(events, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
        _timer = new Timer(_ =>
        {
            lock (_writing)
                SendText();
        });
    }

    /// <summary>Runs until the input ends. Returns only then; a cell that is still running is left behind.</summary>
    public static int Run()
    {
        // Whoever shows a cell's text reads a carriage return as a terminal does: progress may renew its line.
        Environment.SetEnvironmentVariable("CONSOLE_RENEWS_LINES", "1");
        using var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        Session? session = null;
        // A file descriptor can be captured only where there are file descriptors; elsewhere native text goes to the parent's log.
        var native = OperatingSystem.IsWindows() ? null : NativeOutput.Capture(text => session?.NativeText("stdout", text));
        var host = new SessionHost(native?.Real ?? Console.OpenStandardOutput());
        session = new Session(native is null ? null : native.Flush);
        session.WarmUp(() => host.Send(new SessionEvent(SessionEvent.Ready)));
        var interrupt = new CancellationTokenSource();
        while (input.ReadLine() is { } line)
        {
            var request = JsonSerializer.Deserialize(line, SessionJson.Default.SessionRequest)!;
            if (request.Interrupt)
                interrupt.Cancel();
            if (request.Typed is { } typed)
                host._typed?.TrySetResult(typed.Text);
            if (request.Execute is { } cell)
            {
                interrupt = new CancellationTokenSource();
                host.Answer(session.ExecuteAsync(cell, host, interrupt.Token), result => new(SessionEvent.Done, Result: result));
            }
            if (request.Complete is { } place)
                host.Answer(session.CompleteAsync(place), found => new(SessionEvent.Done, Completions: found));
            if (request.Inspect is { } thing)
                host.Answer(session.InspectAsync(thing), found => new(SessionEvent.Done, Data: found));
            if (request.IsComplete is { } source)
                host.Answer(session.IsCompleteAsync(source), found => new(SessionEvent.Done, Completeness: found));
        }
        Environment.Exit(0); // also when a cell runs on: nobody is left to see it
        return 0;
    }

    public void Stream(string name, string text)
    {
        lock (_writing)
        {
            if (_stream != name)
                SendText();
            if (_text.Length == 0)
                _timer.Change(PieceTime, Timeout.InfiniteTimeSpan);
            _stream = name;
            _text.Append(text);
            if (_text.Length >= PieceLength && !char.IsHighSurrogate(_text[^1]))
                SendText();
        }
    }

    public Task<string?> ReadLineAsync(string prompt, bool hidden)
    {
        _typed = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        Send(new SessionEvent(SessionEvent.Input, prompt, Hidden: hidden));
        return _typed.Task;
    }

    public void Display(MimeBundle data, string id) => Send(new SessionEvent(SessionEvent.Display, id, data));

    public void Update(MimeBundle data, string id) => Send(new SessionEvent(SessionEvent.Update, id, data));

    public void Result(MimeBundle data) => Send(new SessionEvent(SessionEvent.Value, Data: data));

    /// <summary>Sends the answer when it is there. A fault of the engine is a crashed cell, or no answer to a question.</summary>
    private void Answer<T>(Task<T> task, Func<T, SessionEvent> done) => task.ContinueWith(task => Send(task.IsFaulted
        ? new SessionEvent(SessionEvent.Done, Result: new CellResult(EngineFault(task.Exception), TimeSpan.Zero))
        : done(task.Result)), TaskScheduler.Default);

    private static CellError EngineFault(AggregateException error) =>
        new(CellErrorKind.Crash, $"the notebook engine failed: {error.InnerException!.Message}", error.InnerException.ToString());

    private void Send(SessionEvent message)
    {
        lock (_writing)
        {
            SendText();
            _events.WriteLine(SessionJson.Line(message));
        }
    }

    private void SendText()
    {
        if (_text.Length == 0)
            return;
        _events.WriteLine(SessionJson.Line(new SessionEvent(_stream, _text.ToString())));
        _text.Clear();
    }
}
