// Dispose scopes behave as TorchSharp's do: nesting, moving, detaching, statistics.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class Scopes
{
    [Fact]
    public void The_end_of_a_scope_disposes_what_was_made_in_it()
    {
        Tensor kept, lost;
        using (var outer = NewDisposeScope())
        {
            var early = ones(2);
            using (var inner = NewDisposeScope())
            {
                lost = ones(2);
                kept = (lost + 1).MoveToOuterDisposeScope();
                Assert.True(inner.Contains(lost));
                Assert.False(inner.Contains(kept));
            }
            Assert.True(lost.IsInvalid);
            Assert.False(kept.IsInvalid);
            Assert.Equal(2, outer.DisposablesCount);
            Assert.Contains(early, outer.DisposablesView);
        }
        Assert.True(kept.IsInvalid);
    }

    [Fact]
    public void Outside_all_scopes_is_an_outer_scope_too()
    {
        Tensor detached, moved, attached = ones(1);
        using (var scope = NewDisposeScope())
        {
            (detached, moved) = (ones(1).DetachFromDisposeScope(), ones(1).MoveToOuterDisposeScope());
            scope.Attach(attached);
        }
        Assert.False(detached.IsInvalid);
        Assert.False(moved.IsInvalid);
        Assert.True(attached.IsInvalid);
    }

    [Fact]
    public void What_is_kept_may_be_named()
    {
        using var scope = NewDisposeScope();
        Tensor a = ones(1), b = ones(1), c = ones(1);
        var (first, second) = scope.DisposeEverythingBut(a, b);
        Assert.Same(a, first);
        Assert.Same(b, second);
        Assert.True(c.IsInvalid);
        Assert.Equal(2, scope.DisposablesCount);
        scope.DisposeEverything();
        Assert.True(a.IsInvalid);
    }

    [Fact]
    public void Scopes_closed_out_of_order_or_on_another_thread_leave_no_closed_one_behind()
    {
        var outer = NewDisposeScope();
        var inner = NewDisposeScope();
        outer.Dispose();
        var made = ones(1);
        made.MoveToOuterDisposeScope();   // the next open scope around inner: none
        inner.Dispose();
        Assert.False(made.IsInvalid);
        Assert.Null(CurrentDisposeScope);

        var elsewhere = NewDisposeScope();
        var lost = ones(1);
        var thread = new Thread(elsewhere.Dispose);
        thread.Start();
        thread.Join();
        Assert.True(lost.IsInvalid);
        Assert.Null(CurrentDisposeScope);
        ones(1).Dispose();
    }

    [Fact]
    public void A_closed_scope_takes_nothing_in()
    {
        var scope = NewDisposeScope();
        scope.Dispose();
        scope.Dispose();
        Assert.Throws<ObjectDisposedException>(() => scope.Attach(ones(1)));
        Assert.Throws<ObjectDisposedException>(scope.DisposeEverything);
    }

    [Fact]
    public void Statistics_tell_in_scope_from_outside()
    {
        var statistics = DisposeScopeManager.Statistics;
        statistics.Reset();
        var outside = ones(1);
        using (var scope = NewDisposeScope())
        {
            var inside = ones(1);
            ones(1).Dispose();
            scope.Detach(inside);
            scope.Attach(inside);
            scope.Attach(inside);   // it is there already
        }
        outside.Dispose();
        outside.Dispose();
        Assert.Equal((1, 2), (statistics.CreatedOutsideScopeCount, statistics.CreatedInScopeCount));
        Assert.Equal((1, 2), (statistics.DisposedOutsideScopeCount, statistics.DisposedInScopeCount));
        Assert.Equal((1, 1), (statistics.DetachedFromScopeCount, statistics.AttachedToScopeCount));
        Assert.Equal(0, statistics.ThreadTotalLiveCount);
    }
}
