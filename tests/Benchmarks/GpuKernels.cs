// The kernels of 4-bit storage on a GPU, every rung, as shares of the rate at which the device copies: bytes that must be read and written
// over the time. Calls go round over buffers of more than twice the second-level cache, so that each finds it cold.
using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

internal static class GpuKernels
{
    private const int Calls = 32, Block = 64;

    /// <summary>What could not be measured, with the reason; the rest is.</summary>
    public static List<string> Run(Results results, int rounds)
    {
        using var guard = no_grad();
        var failures = new List<string>();
        foreach (var (rows, columns) in new[] { (4096L, 4096L), (4096L, 11008L), (8192L, 28672L) })
            foreach (var measure in new Action<Results, int, long, long>[] { Storage, Product })
            {
                try { measure(results, rounds, rows, columns); }
                catch (Exception e) { failures.Add($"{measure.Method.Name}, {rows} x {columns}: {e.Message}"); }
            }
        return failures;
    }

    private sealed record Buffers(Tensor Weight, Tensor Target, Tensor Packed, Tensor AbsMax);

    private static (Tensor Values, Tensor Sorted, Tensor Codes) Tables()
    {
        var table = FourBitTable.Nf4;
        return (tensor(table.Values, device: GpuDevice.Device), tensor(table.Order.Select(code => table.Values[code]).ToArray(), device: GpuDevice.Device),
            tensor(table.Order.Select(code => (byte)code).ToArray(), device: GpuDevice.Device));
    }

    private static void Storage(Results results, int rounds, long rows, long columns)
    {
        using var scope = NewDisposeScope();
        var (values, sorted, codes) = Tables();
        var n = rows * columns;
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            using var inner = NewDisposeScope();
            var wide = n * (type == ScalarType.Float32 ? 4 : 2);
            var narrow = n / 2 + n / Block * 4;
            var buffers = Enumerable.Range(0, Count(wide)).Select(_ => new Buffers(randn(n, device: GpuDevice.Device).to(type), empty(n, dtype: type, device: GpuDevice.Device),
                empty(n / 2, dtype: ScalarType.Byte, device: GpuDevice.Device), empty(n / Block, device: GpuDevice.Device))).ToArray();
            var works = new List<(string Name, double Bytes, Action<Buffers> Call)>
            {
                ("copy", 2.0 * wide, b => b.Target.copy_(b.Weight)),
                ("quantize NF4", wide + narrow, b => CudaQuantization.Quantize4(b.Weight, sorted, codes, Block, b.Packed, b.AbsMax)),
            };
            foreach (var rung in Enum.GetValues<CudaRung>())
                works.Add(($"dequantize NF4, {rung}", wide + narrow, b => CudaQuantization.Dequantize4(b.Packed, b.AbsMax, values, Block, b.Target, rung)));
            var (three, bytesOfThree) = (tensor(ThreeBitKernels.Values, device: GpuDevice.Device), wide + ThreeBitKernels.Bytes(n) + n / Block * 4);
            works.Add(("quantize NF3", bytesOfThree, b => CudaQuantization.Quantize3(b.Weight, three, Block, Three(b), b.AbsMax)));
            works.Add(("dequantize NF3", bytesOfThree, b => CudaQuantization.Dequantize3(Three(b), b.AbsMax, three, Block, b.Target)));
            Measure(results.Table($"gpu storage {rows} x {columns} {type}", $"4-bit and 3-bit storage, {rows} × {columns}, {type}, over {buffers.Length} buffers", "kernel", "µs", "GB/s", "of a copy's rate"),
                rounds, buffers, works);
        }

        Tensor Three(Buffers of) => of.Packed.narrow(0, 0, ThreeBitKernels.Bytes(n));           // in the room of the 4-bit codes
    }

    private static void Product(Results results, int rounds, long rows, long columns)
    {
        using var scope = NewDisposeScope();
        var (values, sorted, codes) = Tables();
        var n = rows * columns;
        var narrow = n / 2 + n / Block * 4;
        var weight = randn(n, device: GpuDevice.Device).to(ScalarType.BFloat16);
        var buffers = Enumerable.Range(0, Count(narrow)).Select(_ => new Buffers(weight, weight, empty(n / 2, dtype: ScalarType.Byte, device: GpuDevice.Device), empty(n / Block, device: GpuDevice.Device))).ToArray();
        foreach (var buffer in buffers) CudaQuantization.Quantize4(weight, sorted, codes, Block, buffer.Packed, buffer.AbsMax);
        var (from, to) = (empty(128 << 20, dtype: ScalarType.Byte, device: GpuDevice.Device), empty(128 << 20, dtype: ScalarType.Byte, device: GpuDevice.Device));
        var works = new List<(string Name, double Bytes, Action<Buffers> Call)> { ("copy of 128 MiB", 2.0 * (128 << 20), _ => to.copy_(from)) };
        foreach (var tokens in new[] { 1, 4, 8 })
        {
            var (x, y) = (randn(tokens, columns, device: GpuDevice.Device).to(ScalarType.BFloat16), empty(tokens, rows, dtype: ScalarType.BFloat16, device: GpuDevice.Device));
            foreach (var rung in tokens == 1 ? Enum.GetValues<CudaRung>() : [CudaRung.Final])
                works.Add(($"{tokens} tokens, {rung}", narrow, b => CudaQuantization.Multiply4(x, b.Packed, b.AbsMax, values, Block, y, rung)));
        }
        Measure(results.Table($"gpu product {rows} x {columns}", $"A few tokens times NF4 [{rows}, {columns}], bfloat16, over {buffers.Length} buffers", "kernel", "µs", "GB/s of W", "of a copy's rate"),
            rounds, buffers, works);
    }

    /// <summary>In turns, so that what disturbs one disturbs all; the first work is what the others are compared with.</summary>
    private static void Measure(ResultTable table, int rounds, Buffers[] buffers, List<(string Name, double Bytes, Action<Buffers> Call)> works)
    {
        var times = works.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < rounds + 2; round++)
            foreach (var (time, work) in times.Zip(works)) time.Add(GpuDevice.Queued(Calls, i => work.Call(buffers[i % buffers.Length])));
        double Rate(int i) => works[i].Bytes / Machine.Median(times[i].Skip(2)) / 1e6;
        for (var i = 0; i < works.Count; i++) table.Add(works[i].Name, Machine.Median(times[i].Skip(2)) * 1e3, Rate(i), Rate(i) / Rate(0));
    }

    /// <summary>How many buffers of a size are more than twice the second-level cache.</summary>
    private static int Count(long bytes) => (int)(2 * GpuDevice.CacheBytes / bytes) + 2;
}
