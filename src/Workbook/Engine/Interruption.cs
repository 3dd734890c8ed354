// How a running cell is stopped so that the state of its session survives. .NET can abort a thread (ControlledExecution), but
// only once a thread, never out of a wait, and on .NET 10 an abort that meets a loop of calls ends the process in up to every
// second case. So a cell stops by itself: LoopChecks puts a check into its loops and functions. What does not come by a check
// is helped on in steps.
//   at once       the loops and functions of the cell throw; an `await` of the cell is left
//   after 0.5 s   a wait of the cell's thread (Thread.Sleep, Task.Wait, a lock) is interrupted, whenever it is found in one
//   after 2 s     the thread is aborted: a loop inside a library
//   after 5 s     the parent ends the process (SessionProcess): native code that does not return

using System.ComponentModel;
using System.Runtime.CompilerServices;

namespace Workbook.Engine;

/// <summary>What the checks in cells call. Public only because they do.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class Interruption
{
    /// <summary>How many cells were interrupted lately; here because a class without initializers is read without a call.</summary>
    internal static volatile int Pending;

    /// <summary>Throws when the cell that this code runs for was interrupted.</summary>
    /// <exception cref="OperationCanceledException">It was.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check()
    {
        if (Pending != 0)
            CellRun.ThrowIfInterrupted();
    }
}

/// <summary>One execution of a cell on the thread that makes this object, and what its interrupt does.</summary>
internal sealed class CellRun : IDisposable
{
    /// <summary>After its first exception an interrupted cell has this long for what it cleans up, whose checks pass.</summary>
    internal static readonly TimeSpan CleanUp = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan UntilWaitsEnd = TimeSpan.FromSeconds(0.5), UntilAbort = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(10); // what an interrupted cell left in other threads is stopped this long
    private static readonly AsyncLocal<CellRun?> s_current = new(); // flows into the tasks and threads that a cell starts

    private readonly Lock _gate = new();
    private readonly Thread _thread = Thread.CurrentThread;
    private readonly CancellationTokenSource _abort = new();
    private readonly CancellationTokenRegistration _registration;
    private Timer? _timer;
    private long _interruptedAt, _thrownAt; // milliseconds of the system's clock; 0: not yet
    private bool _ended;

    public CellRun(CancellationToken interrupt)
    {
        Interrupt = interrupt;
        s_current.Value = this;
        _registration = interrupt.UnsafeRegister(static run => ((CellRun)run!).Begin(), this);
    }

    /// <summary>Cancelled when the cell is to stop.</summary>
    public CancellationToken Interrupt { get; }

    /// <summary>Cancelled when the cell's thread is to be aborted; after that the thread can't be aborted again.</summary>
    public CancellationToken Abort => _abort.Token;

    /// <summary>The slow part of a check.</summary>
    public static void ThrowIfInterrupted()
    {
        if (s_current.Value is not { } run || Volatile.Read(ref run._interruptedAt) == 0)
            return;
        long now = Environment.TickCount64, first = Interlocked.CompareExchange(ref run._thrownAt, now, 0);
        if (first == 0 || now - first > CleanUp.TotalMilliseconds)
            throw new OperationCanceledException("the cell was interrupted", run.Interrupt);
    }

    /// <summary>The cell has ended: nothing reaches its thread any more.</summary>
    public void Dispose()
    {
        _registration.Unregister(); // does not wait for a callback that runs
        Calmly(() =>
        {
            lock (_gate)
                _ended = true;
        });
        _timer?.Dispose();
        Calmly(static () => Thread.Sleep(0)); // takes an interrupt that found no wait
        s_current.Value = null;
    }

    /// <summary>Runs a short wait of the engine's own again if it was interrupted in the cell's stead.</summary>
    private static void Calmly(Action wait)
    {
        while (true)
        {
            try
            {
                wait();
                return;
            }
            catch (ThreadInterruptedException)
            {
                // once an interrupt
            }
        }
    }

    private void Begin()
    {
        Volatile.Write(ref _interruptedAt, Environment.TickCount64);
        Interlocked.Increment(ref Interruption.Pending);
        Task.Delay(Watched).ContinueWith(static _ => Interlocked.Decrement(ref Interruption.Pending), TaskScheduler.Default);
        lock (_gate)
        {
            if (!_ended)
                _timer = new Timer(static run => ((CellRun)run!).Press(), this, Step, Step);
        }
    }

    private void Press()
    {
        var since = TimeSpan.FromMilliseconds(Environment.TickCount64 - _interruptedAt);
        lock (_gate)
        {
            if (_ended)
                return;
            if (since >= UntilWaitsEnd && (_thread.ThreadState & ThreadState.WaitSleepJoin) != 0)
                _thread.Interrupt();
        }
        if (since >= UntilAbort)
            _abort.Cancel(); // returns when the thread has seen it; too late for a cell that has ended, it does nothing
    }
}
