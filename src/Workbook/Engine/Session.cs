// A notebook session in this process: cells run one after another on one thread of its own, under ControlledExecution, so
// that an interrupt stops tight loops and endless awaits and the state of earlier cells survives. .NET aborts a thread only once:
// after an interrupt the next cells get a new one.

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime;
using Microsoft.CodeAnalysis.Scripting;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>Executes C# cells and keeps their state. One session at a time owns the process's console.</summary>
public sealed class Session : INotebookSession
{
    private const int StackBytes = 64 << 20; // recursion in a lesson should not be what ends it
    private static Session? s_current;

    private readonly BlockingCollection<Action> _work = [];
    private readonly ConsoleCapture _console;
    private readonly HashSet<string> _files = [];
    private readonly Action _flushNative;
    private Thread _thread;
    private bool _threadIsSpent;
    private ScriptChain? _chain;
    private IOutputSink? _output;
    private int _displays;

    /// <summary>Starts a session; <paramref name="flushNative"/> brings out what native code has printed so far.</summary>
    public Session(Action? flushNative = null)
    {
        if (Interlocked.CompareExchange(ref s_current, this, null) is not null)
            throw new InvalidOperationException("this process already runs a notebook session; dispose it first");
        _flushNative = flushNative ?? (() => { });
        _console = new ConsoleCapture((name, text) => _output?.Stream(name, text));
        _thread = StartThread();
    }

    /// <summary>The session that runs in this process.</summary>
    /// <exception cref="InvalidOperationException">There is none: a cell's function was called outside a notebook.</exception>
    internal static Session Current => s_current ?? throw new InvalidOperationException("display needs a notebook session");

    /// <inheritdoc/>
    public Task<CellResult> ExecuteAsync(CellCode cell, IOutputSink output, CancellationToken interrupt = default)
    {
        var done = new TaskCompletionSource<CellResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                _output = output;
                done.SetResult(Execute(cell, interrupt));
            }
            catch (Exception error) // a fault of the engine itself belongs to whoever waits
            {
                done.SetException(error);
            }
        });
        return done.Task;
    }

    /// <summary>Compiles a small cell so that the first real one finds the compiler warm.</summary>
    public void WarmUp(Action ready) => _work.Add(() =>
    {
        (_chain ??= new ScriptChain()).Compile("Console.Out", Path.GetFullPath("warm-up"));
        ready();
    });

    /// <summary>Text that native code of this process printed.</summary>
    public void NativeText(string name, string text) => _output?.Stream(name, text);

    internal DisplayedValue Show(object? value, string[] mimeTypes)
    {
        _flushNative();
        string id = $"display-{Interlocked.Increment(ref _displays)}";
        _output?.Display(Formatter.Format(value, mimeTypes), id);
        return new DisplayedValue(this, id, mimeTypes);
    }

    internal void Replace(string id, object? value, string[] mimeTypes) => _output?.Update(Formatter.Format(value, mimeTypes), id);

    private Thread StartThread()
    {
        var thread = new Thread(Work, StackBytes) { IsBackground = true, Name = "notebook" };
        thread.Start();
        return thread;
    }

    private void Work()
    {
        while (_work.TryTake(out var action, Timeout.Infinite))
        {
            action();
            if (!_threadIsSpent)
                continue;
            _threadIsSpent = false;
            ThreadPool.UnsafeQueueUserWorkItem(_ => _thread = StartThread(), null); // one that an aborted thread starts can't be aborted either
            return;
        }
    }

    private CellResult Execute(CellCode cell, CancellationToken interrupt)
    {
        var clock = Stopwatch.StartNew();
        CellError? error;
        using (var token = CancellationTokenSource.CreateLinkedTokenSource(interrupt)) // ControlledExecution needs one that can be cancelled
            error = Run(cell, token.Token, []);
        _flushNative();
        return new CellResult(error, clock.Elapsed);
    }

    private CellError? Run(CellCode cell, CancellationToken interrupt, IReadOnlyList<string> importing)
    {
        string file = ErrorReport.FileName(Path.GetFullPath(cell.Path), cell.Number);
        var clock = Stopwatch.StartNew();
        try
        {
            var parsed = CellParser.Parse(cell.Source);
            foreach (var segment in parsed.Segments)
            {
                var error = segment switch
                {
                    Segment.Code code => RunCode(code.Text, file, interrupt),
                    Segment.Shown text => ShowText(text),
                    Segment.Import import => RunImport(import, cell, interrupt, importing),
                    _ => throw new UnreachableException(),
                };
                if (error is not null)
                    return error;
            }
            if (parsed.Time)
                Show($"Wall time: {clock.Elapsed.TotalMilliseconds:F4}ms", []);
            return null;
        }
        catch (MagicException error)
        {
            return ErrorReport.At(CellErrorKind.Magic, error.Message, error.Message, file, error.Line, file, cell.Source);
        }
    }

    private CellError? RunImport(Segment.Import import, CellCode from, CancellationToken interrupt, IReadOnlyList<string> importing)
    {
        string path = Path.GetFullPath(import.File, Path.GetDirectoryName(Path.GetFullPath(from.Path))!);
        if (importing.Contains(path))
            throw new MagicException($"#!import: {path} imports itself", import.Line);
        foreach (var cell in FileCells.Read(path, import.Line))
        {
            if (Run(cell, interrupt, [.. importing, path]) is { } error)
                return error;
        }
        return null;
    }

    private CellError? ShowText(Segment.Shown text)
    {
        _output?.Display(MimeBundle.Of(text.MimeType, text.Content), $"display-{Interlocked.Increment(ref _displays)}");
        return null;
    }

    private CellError? RunCode(string code, string file, CancellationToken interrupt)
    {
        _chain ??= new ScriptChain();
        _files.Add(file);
        var compiled = _chain.Compile(code, file);
        if (!compiled.Errors.IsEmpty)
            return ErrorReport.Compilation(compiled.Errors, file, code);
        if (interrupt.IsCancellationRequested)
            return Interrupted();
        ScriptState<object>? state = null;
        MimeBundle? value = null;
        Exception? thrown = null;
        try
        {
            // Obsolete only as "may corrupt the process": the process is the session's own, and an interrupt is asked for by its user.
#pragma warning disable SYSLIB0046
            ControlledExecution.Run(() =>
            {
                try
                {
                    state = PumpingContext.Run(() => _chain.Run(compiled), interrupt).GetAwaiter().GetResult();
                    if (compiled.HasValue && state.Exception is null)
                        value = Formatter.Format(state.ReturnValue);
                }
                catch (Exception error)
                {
                    thrown = error;
                }
            }, interrupt);
#pragma warning restore SYSLIB0046
        }
        catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
        {
            _threadIsSpent = true;
            return Interrupted();
        }
        _threadIsSpent |= interrupt.IsCancellationRequested;
        if (interrupt.IsCancellationRequested && (state is null || state.Exception is OperationCanceledException))
            return Interrupted();
        if (state is not null)
            _chain.Accept(state);
        if ((thrown ?? state?.Exception) is { } exception)
            return ErrorReport.Runtime(exception, file, code, _files.Contains);
        _flushNative();
        if (value is not null)
            _output?.Result(value);
        return null;
    }

    private static CellError Interrupted() => new(CellErrorKind.Interrupted, "interrupted", "interrupted; earlier cells keep their state");

    /// <inheritdoc/>
    public void Dispose()
    {
        _work.CompleteAdding();
        if (Thread.CurrentThread != _thread)
            _thread.Join(TimeSpan.FromSeconds(1)); // a cell that does not end is left to the process's end
        _console.Dispose();
        _chain?.Dispose();
        Interlocked.CompareExchange(ref s_current, null, this);
    }
}
