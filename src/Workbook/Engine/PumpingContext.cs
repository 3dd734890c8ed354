// Runs a cell and its continuations on the one thread that an interrupt can stop: what follows an `await` comes back here.
// A cell that blocks on its own continuation (`task.Result`) would wait for itself forever; a watchdog hands the
// continuation to the thread pool when this thread sleeps while work is queued. After an interrupt, what the cell was still
// waiting for does not go on: it would change the state under the cells that follow.

using System.Collections.Concurrent;

namespace Workbook.Engine;

/// <summary>A synchronization context that one thread pumps until a task is done.</summary>
internal sealed class PumpingContext : SynchronizationContext
{
    private static readonly TimeSpan WatchPeriod = TimeSpan.FromMilliseconds(50);
    private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _queue = [];
    private readonly Thread _thread = Thread.CurrentThread;
    private volatile bool _taking;
    private volatile bool _closed;
    private volatile bool _interrupted;

    /// <summary>Runs the task that <paramref name="start"/> makes on this thread to its end.</summary>
    /// <exception cref="OperationCanceledException">The interrupt came while the task waited; the task is left where it is.</exception>
    public static Task<T> Run<T>(Func<Task<T>> start, CancellationToken interrupt)
    {
        var before = Current;
        var context = new PumpingContext();
        using var watchdog = new Timer(_ => context.RescueBlocked(), null, WatchPeriod, WatchPeriod);
        SetSynchronizationContext(context);
        try
        {
            var task = start();
            task.ContinueWith(_ => context.Post(static _ => { }, null), TaskScheduler.Default); // wakes the loop below
            while (!task.IsCompleted)
            {
                context._taking = true;
                var (callback, state) = context._queue.Take(interrupt);
                context._taking = false;
                callback(state);
            }
            return task;
        }
        finally
        {
            context._interrupted = interrupt.IsCancellationRequested;
            SetSynchronizationContext(before);
            context.Close();
        }
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (_closed && _interrupted)
            return;
        if (_closed)
            ThreadPool.QueueUserWorkItem(_ => d(state));
        else
            _queue.Add((d, state));
    }

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (Thread.CurrentThread == _thread)
        {
            d(state);
            return;
        }
        if (_closed && _interrupted)
            throw new OperationCanceledException("the cell was interrupted");
        using var done = new ManualResetEventSlim();
        Post(_ => { d(state); done.Set(); }, null);
        done.Wait();
    }

    public override SynchronizationContext CreateCopy() => this;

    private void RescueBlocked()
    {
        bool blocked = !_taking && (_thread.ThreadState & ThreadState.WaitSleepJoin) != 0;
        if (blocked && _queue.TryTake(out var work))
            ThreadPool.QueueUserWorkItem(_ => work.Callback(work.State));
    }

    /// <summary>What the cell left running without awaiting it goes on in the thread pool, unless the cell was interrupted.</summary>
    private void Close()
    {
        _closed = true;
        while (!_interrupted && _queue.TryTake(out var work))
            ThreadPool.QueueUserWorkItem(_ => work.Callback(work.State));
    }
}
