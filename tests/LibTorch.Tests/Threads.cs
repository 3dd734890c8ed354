// Tensors on several threads, whatever the garbage collector does meanwhile: a tensor can't be freed while a call uses it.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class Threads
{
    /// <summary>Runs the bodies at once, each with its number; the first exception comes out.</summary>
    static void AtOnce(params Action[] bodies)
    {
        Exception? failure = null;
        using var start = new Barrier(bodies.Length);
        var threads = bodies.Select(body => new Thread(() =>
        {
            try { start.SignalAndWait(); body(); }
            catch (Exception e) { Interlocked.CompareExchange(ref failure, e, null); }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    static Action Repeatedly(int times, Action body) => () => { for (var i = 0; i < times; i++) body(); };

    [Fact]
    public void Libtorch_starts_with_a_thread_a_core_unless_told_otherwise()
    {
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is not null) return;
        var cores = Math.Min(Cores.Physical("/sys/devices/system/cpu"), Environment.ProcessorCount);
        Assert.True(get_num_threads() >= cores, $"{get_num_threads()} threads for {cores} cores");
    }

    [Fact]
    public void Processors_that_share_a_core_count_once()
    {
        var folder = Directory.CreateTempSubdirectory("cores-");
        foreach (var (cpu, siblings) in new[] { ("cpu0", "0-1"), ("cpu1", "0-1"), ("cpu2", "2-3"), ("cpu3", "2-3"), ("cpufreq", "") })
        {
            var topology = folder.CreateSubdirectory($"{cpu}/topology").FullName;
            if (siblings.Length > 0) File.WriteAllText(Path.Combine(topology, "thread_siblings_list"), siblings + "\n");
        }
        Assert.Equal(2, Cores.Physical(folder.FullName));
        Assert.Equal(1, Cores.Physical(Path.Combine(folder.FullName, "none")));
        folder.Delete(recursive: true);
    }

    [Fact]
    public void Results_stay_right_under_forced_collections()
    {
        var live = ProcessMemory.LiveTensors;
        using (var shared = ones(100))
        {
            void Work()
            {
                var x = shared + 1;                                    // left to the collector
                using var y = x.reshape(10, 10).matmul(x.reshape(10, 10));
                Assert.Equal(4000f, y.sum().item<float>());
            }
            AtOnce(Repeatedly(2_000, Work), Repeatedly(2_000, Work), Repeatedly(2_000, Work), Repeatedly(150, () => GC.Collect()));
        }
        ProcessMemory.AssertBackAt(live);
    }

    [Fact]
    public void A_tensor_disposed_during_a_call_is_freed_after_it()
    {
        int worked = 0, refused = 0;
        var live = ProcessMemory.LiveTensors;
        for (var round = 0; round < 300; round++)
        {
            var x = ones(50_000);
            var before = worked;
            AtOnce(
                () =>
                {
                    while (true)
                        try
                        {
                            using var sum = x.sum();
                            Assert.Equal(50_000f, sum.item<float>());
                            Interlocked.Increment(ref worked);
                        }
                        catch (ObjectDisposedException) { refused++; return; }
                },
                () =>
                {
                    // Every other round at a moment that chance chooses, else among calls for sure, however busy the machine is.
                    while (round % 2 == 1 && Volatile.Read(ref worked) == before) Thread.Yield();
                    Thread.SpinWait(round * 100);
                    x.Dispose();
                });
        }
        Assert.Equal(300, refused);
        Assert.True(worked >= 150, "a tensor was disposed before the call that it waited for");
        ProcessMemory.AssertBackAt(live);
    }

    [Fact]
    public void Two_threads_may_dispose_the_same_tensors()
    {
        var live = ProcessMemory.LiveTensors;
        var tensors = Enumerable.Range(0, 5_000).Select(_ => ones(10)).ToArray();
        void DisposeAll() { foreach (var tensor in tensors) tensor.Dispose(); }
        AtOnce(DisposeAll, DisposeAll, DisposeAll);
        Assert.All(tensors, tensor => Assert.True(tensor.IsInvalid));
        ProcessMemory.AssertBackAt(live);
    }

    [Fact]
    public void Scopes_and_grad_modes_belong_to_their_thread()
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        Tensor elsewhere = null!;
        AtOnce(() =>
        {
            Assert.Null(CurrentDisposeScope);
            Assert.True(is_grad_enabled());
            elsewhere = ones(1);
        });
        scope.DisposeEverything();
        Assert.False(elsewhere.IsInvalid);
        Assert.False(is_grad_enabled());
    }

    [Fact]
    public void Backward_runs_on_several_threads_at_once()
    {
        void Train()
        {
            using var scope = NewDisposeScope();
            var w = ones(20, 20).requires_grad_();
            w.matmul(w).sum().backward();
            Assert.Equal(40f, w.grad!.data<float>()[3, 5]);
        }
        AtOnce(Repeatedly(500, Train), Repeatedly(500, Train), Repeatedly(50, () => GC.Collect()));
    }
}
