// The child's side of a session in a process of its own: requests come in on standard input, events go out on the real
// standard output, and native prints are captured. The child ends when its parent does.

using System.Text;
using System.Text.Json;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>Serves one session over standard input and output.</summary>
internal sealed class SessionHost : IOutputSink
{
    private readonly StreamWriter _events;
    private readonly Lock _writing = new();

    private SessionHost(Stream events) => _events = new StreamWriter(events, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };

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
            if (request.Execute is { } cell)
            {
                interrupt = new CancellationTokenSource();
                session.ExecuteAsync(cell, host, interrupt.Token).ContinueWith(done => host.Send(done.IsFaulted
                    ? new SessionEvent(SessionEvent.Done, Result: new CellResult(EngineFault(done.Exception), TimeSpan.Zero))
                    : new SessionEvent(SessionEvent.Done, Result: done.Result)), TaskScheduler.Default);
            }
        }
        Environment.Exit(0); // also when a cell runs on: nobody is left to see it
        return 0;
    }

    public void Stream(string name, string text) => Send(new SessionEvent(name, text));

    public void Display(MimeBundle data, string id) => Send(new SessionEvent(SessionEvent.Display, id, data));

    public void Update(MimeBundle data, string id) => Send(new SessionEvent(SessionEvent.Update, id, data));

    public void Result(MimeBundle data) => Send(new SessionEvent(SessionEvent.Value, Data: data));

    private static CellError EngineFault(AggregateException error) =>
        new(CellErrorKind.Crash, $"the notebook engine failed: {error.InnerException!.Message}", error.InnerException.ToString());

    private void Send(SessionEvent message)
    {
        string line = SessionJson.Line(message);
        lock (_writing)
            _events.WriteLine(line);
    }
}
