// Lifetime is invisible: nothing leaks, and tensors that nobody disposed do not pile up.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class Lifetime
{
    const long MB = 1 << 20;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_hundred_thousand_operations_keep_memory_flat(bool inScopes)
    {
        using var weight = rand(64, 64).DetachFromDisposeScope();
        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = inScopes ? NewDisposeScope() : null;
                var x = weight.matmul(weight);
                x = (x * 2 + 1).relu_();
                x = x.sum(dim: 0).softmax(0);   // a bare 0 would be taken for a ScalarType
            }
        }
        Steps(2_000);
        var (live, resident) = (ProcessMemory.LiveTensors, ProcessMemory.Resident);
        Steps(100_000 / 6);
        ProcessMemory.AssertBackAt(live);
        Assert.InRange(ProcessMemory.Resident - resident, long.MinValue, 160 * MB);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1024)]
    public void Undisposed_tensors_are_collected_in_time(int managedMegabytes)
    {
        var heap = Enumerable.Range(0, managedMegabytes).Select(_ => { var block = new byte[MB]; Array.Fill(block, (byte)1); return block; }).ToArray();
        ProcessMemory.Collect();
        Memory.Trim();
        long before = ProcessMemory.Resident, most = 0;
        for (var i = 0; i < 1_000; i++)
        {
            ones(MB);   // 4 MB, dropped
            most = Math.Max(most, ProcessMemory.Resident - before);
        }
        GC.KeepAlive(heap);
        Assert.InRange(most, 0, 1024 * MB);
    }

    [Fact]
    public void Implicit_scalars_leak_nothing()
    {
        using var x = ones(4);
        void Add(int count) { for (var i = 0; i < count; i++) x.add_(0.5).mul_(0.999); }
        Add(1_000);
        var (live, resident) = (ProcessMemory.LiveTensors, ProcessMemory.Resident);
        Add(50_000);
        ProcessMemory.AssertBackAt(live);
        Assert.InRange(ProcessMemory.Resident - resident, long.MinValue, 64 * MB);
    }

    [Fact]
    public void A_call_that_fails_keeps_nothing()
    {
        using Tensor a = ones(1000, 3), b = ones(1000, 3);
        void Fail() { try { a.matmul(b); Assert.Fail("shapes that do not fit were multiplied"); } catch (System.Runtime.InteropServices.ExternalException) { } }
        Fail();
        var live = ProcessMemory.LiveTensors;
        for (var i = 0; i < 2_000; i++) Fail();
        ProcessMemory.AssertBackAt(live);
    }

    [Fact]
    public void Views_keep_the_storage_they_look_at()
    {
        Tensor Row() { var whole = arange(12, float32).reshape(3, 4); return whole.select(0, 1); }
        var row = Row();
        ProcessMemory.Collect();
        Assert.Equal([4f, 5, 6, 7], row.data<float>().ToArray());
    }

    [Fact]
    public void The_peak_counts_what_was_alive_at_once()
    {
        var live = ProcessMemory.LiveTensors;
        Memory.ResetPeak();
        ones(MB).Dispose();
        ones(MB).Dispose();
        Assert.InRange(Memory.PeakBytes - live, 4 * MB, 6 * MB);
    }
}
