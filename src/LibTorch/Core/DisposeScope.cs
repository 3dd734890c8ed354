// Dispose scopes: what is made inside one is disposed at its end unless it is moved out. Scopes nest, one stack a thread.
namespace TorchSharp
{
    public class DisposeScopeManager
    {
        [ThreadStatic] static ThreadDisposeScopeStatistics? statistics;
        [ThreadStatic] static DisposeScope? innermost;

        /// <summary>This thread's innermost open scope. Scopes may be closed out of order, or (after an await) on another thread.</summary>
        internal static DisposeScope? Current
        {
            get => innermost is { IsClosed: true } ? innermost = innermost.Outer : innermost;
            set => innermost = value;
        }

        public static ThreadDisposeScopeStatistics Statistics => statistics ??= new();

        internal static void Register(torch.Tensor tensor)
        {
            if (Current is { } scope)
            {
                Statistics.CreatedInScopeCount++;
                scope.Add(tensor);
            }
            else Statistics.CreatedOutsideScopeCount++;
        }

        internal static void CountDisposed(bool inScope)
        {
            if (inScope) Statistics.DisposedInScopeCount++;
            else Statistics.DisposedOutsideScopeCount++;
        }
    }

    /// <summary>What this thread's tensors did with regard to scopes.</summary>
    public class ThreadDisposeScopeStatistics
    {
        public long CreatedInScopeCount { get; internal set; }
        public long CreatedOutsideScopeCount { get; internal set; }
        public long AttachedToScopeCount { get; internal set; }
        public long DetachedFromScopeCount { get; internal set; }
        public long DisposedInScopeCount { get; internal set; }
        public long DisposedOutsideScopeCount { get; internal set; }

        /// <summary>Made and not yet disposed on this thread (collected ones still count).</summary>
        public long ThreadTotalLiveCount => CreatedInScopeCount + CreatedOutsideScopeCount - DisposedInScopeCount - DisposedOutsideScopeCount;

        public void Reset()
        {
            CreatedInScopeCount = CreatedOutsideScopeCount = AttachedToScopeCount = 0;
            DetachedFromScopeCount = DisposedInScopeCount = DisposedOutsideScopeCount = 0;
        }

        public override string ToString() =>
            $"created in scope {CreatedInScopeCount}, outside {CreatedOutsideScopeCount}; attached {AttachedToScopeCount}; detached {DetachedFromScopeCount}; " +
            $"disposed in scope {DisposedInScopeCount}, outside {DisposedOutsideScopeCount}; live {ThreadTotalLiveCount}";
    }

    public sealed class DisposeScope : IDisposable
    {
        readonly HashSet<IDisposable> disposables = new(ReferenceEqualityComparer.Instance);
        DisposeScope? outer;
        volatile bool closed;

        internal DisposeScope()
        {
            outer = DisposeScopeManager.Current;
            DisposeScopeManager.Current = this;
        }

        public int DisposablesCount { get { lock (disposables) return disposables.Count; } }

        public IReadOnlyList<IDisposable> DisposablesView { get { lock (disposables) return [.. disposables]; } }

        public bool Contains(IDisposable disposable) { lock (disposables) return disposables.Contains(disposable); }

        internal bool IsClosed => closed;

        /// <summary>The nearest scope around this one that is still open.</summary>
        internal DisposeScope? Outer
        {
            get
            {
                while (outer is { closed: true }) outer = outer.outer;
                return outer;
            }
        }

        void RequireOpen() => ObjectDisposedException.ThrowIf(closed, this);

        internal void Add(IDisposable disposable)
        {
            RequireOpen();
            lock (disposables) disposables.Add(disposable);
            if (disposable is torch.Tensor tensor) tensor.scope = this;
        }

        internal bool Forget(IDisposable disposable)
        {
            lock (disposables) if (!disposables.Remove(disposable)) return false;
            if (disposable is torch.Tensor tensor) tensor.scope = null;
            return true;
        }

        /// <summary>Takes it in, from whatever scope it was in; this one disposes it from here on.</summary>
        public void Attach(IDisposable disposable)
        {
            RequireOpen();
            if (disposable is torch.Tensor { scope: { } old })
            {
                if (old == this) return;
                old.Forget(disposable);
            }
            Add(disposable);
            DisposeScopeManager.Statistics.AttachedToScopeCount++;
        }

        public void Attach(params IDisposable[] disposables) => Attach((IEnumerable<IDisposable>)disposables);

        public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
        {
            IDisposable[] list = [.. disposables];
            foreach (var disposable in list) Attach(disposable);
            return list;
        }

        public T Detach<T>(T disposable) where T : IDisposable
        {
            RequireOpen();
            if (Forget(disposable)) DisposeScopeManager.Statistics.DetachedFromScopeCount++;
            return disposable;
        }

        public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable => (Detach(first), Detach(second));

        public (T1 first, T2 second, T3 third) Detach<T1, T2, T3>(T1 first, T2 second, T3 third)
            where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable => (Detach(first), Detach(second), Detach(third));

        public void Detach(params IDisposable[] disposables) => Detach((IEnumerable<IDisposable>)disposables);

        public void Detach(IEnumerable<IDisposable> disposables)
        {
            foreach (var disposable in disposables) Detach(disposable);
        }

        /// <summary>To the scope around this one; out of all scopes when there is none.</summary>
        public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(Outer, disposable);

        public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
            (MoveToOuter(first), MoveToOuter(second));

        public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
            where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable => (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

        public void MoveToOuter(params IDisposable[] disposables) => MoveToOuter((IEnumerable<IDisposable>)disposables);

        public void MoveToOuter(IEnumerable<IDisposable> disposables)
        {
            foreach (var disposable in disposables) MoveToOuter(disposable);
        }

        public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
        {
            if (scope is null) return Detach(disposable);
            RequireOpen();
            scope.RequireOpen();
            if (Forget(disposable)) scope.Add(disposable);
            return disposable;
        }

        public void MoveToOther(DisposeScope? scope, params IDisposable[] disposables) => MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

        public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
        {
            foreach (var disposable in disposables) MoveToOther(scope, disposable);
        }

        public void DisposeEverything() => DisposeEverythingBut(Array.Empty<IDisposable>());

        public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

        public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
        {
            RequireOpen();
            var keep = inKeep.ToHashSet(ReferenceEqualityComparer.Instance);
            IDisposable[] doomed;
            lock (disposables) doomed = [.. disposables.Where(d => !keep.Contains(d))];
            foreach (var disposable in doomed)
            {
                disposable.Dispose();
                Forget(disposable);
            }
        }

        public T DisposeEverythingBut<T>(T keep) where T : IDisposable
        {
            DisposeEverythingBut((IEnumerable<IDisposable>)[keep]);
            return keep;
        }

        public (T1 first, T2 second) DisposeEverythingBut<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable
        {
            DisposeEverythingBut((IEnumerable<IDisposable>)[first, second]);
            return (first, second);
        }

        public (T1 first, T2 second, T3 third) DisposeEverythingBut<T1, T2, T3>(T1 first, T2 second, T3 third)
            where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable
        {
            DisposeEverythingBut((IEnumerable<IDisposable>)[first, second, third]);
            return (first, second, third);
        }

        /// <summary>Somebody else disposed it: it leaves the scope.</summary>
        public void MarkAsDisposed(IDisposable disposable) => Forget(disposable);

        public void Dispose()
        {
            if (closed) return;
            DisposeEverything();
            closed = true;   // the thread that opened it sees that when it next asks for its innermost scope
        }
    }

    public static partial class torch
    {
        /// <summary>Opens a scope on this thread: tensors made until its Dispose are disposed with it.</summary>
        public static DisposeScope NewDisposeScope() => new();

        public static DisposeScope? CurrentDisposeScope => DisposeScopeManager.Current;
    }
}
