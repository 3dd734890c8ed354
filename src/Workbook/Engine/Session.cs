// A notebook session in this process: cells run one after another on one thread of its own. An interrupt stops a cell as
// Interruption says, and the state survives; a thread that had to be aborted is replaced, for .NET aborts it only once.

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
        _console = new ConsoleCapture((name, text) => _output?.Stream(name, text), () => ReadLineAsync("", hidden: false).GetAwaiter().GetResult());
        _thread = StartThread();
    }

    /// <summary>The session that runs in this process.</summary>
    /// <exception cref="InvalidOperationException">There is none: a cell's function was called outside a notebook.</exception>
    internal static Session Current => s_current ?? throw new InvalidOperationException("display needs a notebook session");

    /// <inheritdoc/>
    public Task<CellResult> ExecuteAsync(CellCode cell, IOutputSink output, CancellationToken interrupt = default) => Enqueue(() =>
    {
        _output = output;
        return Execute(cell, interrupt);
    });

    /// <inheritdoc/>
    public Task<CompletionList> CompleteAsync(CodePosition at) => Enqueue(() => Completions.At(Chain, at));

    /// <inheritdoc/>
    public Task<MimeBundle?> InspectAsync(CodePosition at) => Enqueue(() => Inspection.At(Chain, at));

    /// <inheritdoc/>
    public Task<Completeness> IsCompleteAsync(string source) => Enqueue(() => CellCompleteness.Of(source));

    private ScriptChain Chain => _chain ??= new ScriptChain();

    /// <summary>Runs the work on the session's thread, after what was asked for before.</summary>
    private Task<T> Enqueue<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                done.SetResult(work());
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
        Chain.Compile("Console.Out", Path.GetFullPath("warm-up"));
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

    /// <summary>A line that whoever watches the cell types; null when no one does.</summary>
    internal Task<string?> ReadLineAsync(string prompt, bool hidden) => _output?.ReadLineAsync(prompt, hidden) ?? Task.FromResult<string?>(null);

    internal void Replace(string id, object? value, string[] mimeTypes) => _output?.Update(Formatter.Format(value, mimeTypes), id);

    private Thread StartThread()
    {
        var thread = new Thread(Work, StackBytes) { IsBackground = true, Name = "notebook" };
        thread.Start();
        return thread;
    }

    private void Work()
    {
        foreach (var action in _work.GetConsumingEnumerable())
        {
            action();
            if (!_threadIsSpent)
                continue;
            _threadIsSpent = false;
            ThreadPool.UnsafeQueueUserWorkItem(_ => _thread = StartThread(), null); // one that an aborted thread starts is never aborted either
            return;
        }
    }

    private CellResult Execute(CellCode cell, CancellationToken interrupt)
    {
        _console.ForgetInput();
        var clock = Stopwatch.StartNew();
        CellError? error;
        using (var run = new CellRun(interrupt))
        {
            error = Run(cell, run, []);
            _threadIsSpent = run.Abort.IsCancellationRequested;
        }
        _flushNative();
        return new CellResult(error, clock.Elapsed);
    }

    private CellError? Run(CellCode cell, CellRun run, IReadOnlyList<string> importing)
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
                    Segment.Code code => RunCode(code.Text, file, run),
                    Segment.Shown text => ShowText(text),
                    Segment.Import import => RunImport(import, cell, run, importing),
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

    private CellError? RunImport(Segment.Import import, CellCode from, CellRun run, IReadOnlyList<string> importing)
    {
        string path = Path.GetFullPath(import.File, Path.GetDirectoryName(Path.GetFullPath(from.Path))!);
        if (importing.Contains(path))
            throw new MagicException($"#!import: {path} imports itself", import.Line);
        foreach (var cell in FileCells.Read(path, import.Line))
        {
            if (Run(cell, run, [.. importing, path]) is { } error)
                return error;
        }
        return null;
    }

    private CellError? ShowText(Segment.Shown text)
    {
        _output?.Display(MimeBundle.Of(text.MimeType, text.Content), $"display-{Interlocked.Increment(ref _displays)}");
        return null;
    }

    private CellError? RunCode(string code, string file, CellRun run)
    {
        var chain = Chain;
        _files.Add(file);
        var compiled = chain.Compile(code, file);
        if (!compiled.Errors.IsEmpty)
            return ErrorReport.Compilation(compiled.Errors, file, code);
        _files.UnionWith(compiled.Script.GetCompilation().SyntaxTrees.Select(tree => tree.FilePath)); // what it loaded
        if (run.Interrupt.IsCancellationRequested)
            return Interrupted();
        ScriptState<object>? state = null;
        MimeBundle? value = null;
        Exception? thrown = null;
        try
        {
            // Obsolete only as "may corrupt the process": the process is the session's own, and an abort is the step before ending it.
#pragma warning disable SYSLIB0046
            ControlledExecution.Run(() =>
            {
                try
                {
                    state = PumpingContext.Run(() => chain.Run(compiled), run.Interrupt).GetAwaiter().GetResult();
                    if (compiled.HasValue && state.Exception is null)
                        value = Formatter.Format(state.ReturnValue);
                }
                catch (Exception error)
                {
                    thrown = error;
                }
            }, run.Abort);
#pragma warning restore SYSLIB0046
        }
        catch (OperationCanceledException error)
        {
            thrown = error;
        }
        if (state is not null)
            chain.Accept(state); // also of a cell that was interrupted: what it had assigned stays
        if ((thrown ?? state?.Exception) is { } exception)
            return run.Interrupt.IsCancellationRequested ? Interrupted() : ErrorReport.Runtime(exception, file, code, _files.Contains);
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
