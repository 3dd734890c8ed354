// What only a GPU has: work that is queued and not yet done, streams beside each other, and a memory of its own.
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class StreamsAndMemory : IDisposable
{
    private const long Size = 4096;

    private readonly DisposeScope scope = NewDisposeScope();

    public StreamsAndMemory()
    {
        Gpu.Needed();
        manual_seed(17);
    }

    public void Dispose() => scope.Dispose();

    /// <summary>Quantizes what is in <paramref name="x"/> when the kernel's turn comes.</summary>
    private static (Tensor Packed, Tensor AbsMax) Quantize(Tensor x)
    {
        var table = FourBitTable.Nf4;
        var sorted = tensor(table.Order.Select(code => table.Values[code]).ToArray(), device: Gpu.Device);
        var codes = tensor(table.Order.Select(code => (byte)code).ToArray(), device: Gpu.Device);
        var (packed, absmax) = (zeros((x.numel() + 1) / 2, dtype: ScalarType.Byte, device: Gpu.Device), zeros((x.numel() + 63) / 64, device: Gpu.Device));
        CudaQuantization.Quantize4(x, sorted, codes, 64, packed, absmax);
        return (packed, absmax);
    }

    /// <summary>Writes <paramref name="values"/> into <paramref name="x"/> after products that take the GPU some tens of milliseconds.</summary>
    private static void WriteLate(Tensor x, Tensor values)
    {
        using var busy = randn(Size, Size, device: Gpu.Device);
        for (var i = 0; i < 20; i++) busy.mm(busy).Dispose();
        x.copy_(values);
    }

    [Fact]
    public void A_kernel_runs_after_what_was_queued_before_it()
    {
        var (x, values) = (zeros(Size, Size, device: Gpu.Device), randn(Size, Size, device: Gpu.Device));
        var (expected, _) = Quantize(values);
        WriteLate(x, values);
        var (packed, _) = Quantize(x);
        Assert.True(packed.eq(expected).all().item<bool>());
    }

#if LIBTORCH
    [Fact]
    public void A_kernel_goes_to_the_threads_current_stream()
    {
        var (x, values) = (zeros(Size, Size, device: Gpu.Device), randn(Size, Size, device: Gpu.Device));
        var (expected, _) = Quantize(values);
        cuda.synchronize();
        Assert.Equal(0, LibTorch.Runtime.CurrentCudaStream());
        Tensor packed;
        using (LibTorch.Runtime.OnPoolStream())
        {
            Assert.NotEqual(0, LibTorch.Runtime.CurrentCudaStream());
            WriteLate(x, values);                               // on the default stream the kernel would still find zeros
            (packed, _) = Quantize(x);
        }
        Assert.Equal(0, LibTorch.Runtime.CurrentCudaStream());
        cuda.synchronize();
        Assert.True(packed.eq(expected).all().item<bool>());
    }

    [Fact]
    public void A_step_on_another_stream_is_the_step()
    {
        double[] Losses()
        {
            using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/tiny"), device: Gpu.Device);
            manual_seed(19);
            model.Adapt(Adapter.Dora(rank: 4, alpha: 8), "all-linear");
            return [.. Training.TenSteps(model)];
        }
        var expected = Losses();
        cuda.synchronize();
        using var other = LibTorch.Runtime.OnPoolStream();
        Assert.All(expected.Zip(Losses()), pair => Assert.Equal(pair.First, pair.Second, 1e-3 * pair.First));
        cuda.synchronize();
    }
#endif

    [Fact]
    public void What_a_queued_kernel_reads_may_be_disposed_and_its_memory_used_again()
    {
        var values = randn(Size, Size, device: Gpu.Device);
        var (expected, _) = Quantize(values);
        var x = zeros(Size, Size, device: Gpu.Device);
        WriteLate(x, values);
        var (packed, _) = Quantize(x);
        x.Dispose();
        using var next = full([Size, Size], 7f, device: Gpu.Device);    // most likely the same memory
        Assert.True(packed.eq(expected).all().item<bool>());
        Assert.Equal(7f, next.min().item<float>());
    }

    [Fact]
    public void Steps_leave_no_memory_behind()
    {
        using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/base"), device: Gpu.Device);
        model.Adapt(Adapter.Dora(rank: 8, alpha: 16), "all-linear");
        void Steps(int times)
        {
            for (var i = 0; i < times; i++) Training.TenSteps(model);
            GC.Collect();
            GC.WaitForPendingFinalizers();
            cuda.synchronize();
        }
        Steps(2);
        var before = FreeBytes();
        Steps(10);                                              // a step's activations are several MB: 100 of them left behind are seen
        Assert.InRange(before - FreeBytes(), long.MinValue, 64L << 20);
    }

    /// <summary>What the driver has left to give; torch's allocator keeps what it was once given.</summary>
    private static long FreeBytes()
    {
        ones(1, device: Gpu.Device).Dispose();                  // torch has made its context this thread's
        Assert.Equal(0, MemoryInfo(out var free, out _));
        return (long)free;
    }

    [DllImport("libcuda.so.1", EntryPoint = "cuMemGetInfo_v2")]
    private static extern int MemoryInfo(out nuint free, out nuint total);
}
