using System.Runtime.Intrinsics;
using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>
/// x Wᵀ for a few rows of x, straight from the codes, beside dequantizing and multiplying, and the share of the rate at which the same threads
/// read the codes' bytes and do nothing with them. Weights go round in more memory than the last cache holds, so all of it comes from memory.
/// </summary>
internal static class Multiplying
{
    private static readonly (string Name, StorageFormat Format)[] Formats =
    [
        ("NF4", new Nf4 { DoubleQuantization = false }), ("NF4, double quantization", new Nf4()), ("int4, groups of 32", new GroupInt4()), ("int8, rows", new Int8Rows()),
    ];

    public static void Run(Results results, int rounds)
    {
        using var guard = no_grad();
        var cache = Cache();
        foreach (var (rows, columns) in new[] { (4096L, 4096L), (4096L, 11008L) })
        {
            var title = $"Multiplying with a weight, {rows} × {columns}; weights of {2 * cache >> 20} MiB in turn, last cache {cache >> 20} MiB";
            var table = results.Table($"matvec {rows} x {columns}", title,
                "format, rows of x", "µs", "GB/s of the codes", "of reading", "× faster than dequantize and multiply", "dense product, µs");
            manual_seed(1);
            using var dense = randn(rows, columns);
            foreach (var (name, format) in Formats)
            {
                var stored = format.Encode(dense);
                var weights = new List<QuantizedWeight> { new(stored) };
                while (weights.Count * stored.Bytes < 2 * cache) weights.Add(new(Copy(stored, $"{name} {weights.Count}")));
                foreach (var tokens in name == "NF4, double quantization" ? new[] { 1, 2, 4, 8, 16, 32 } : [1, 8])
                {
                    using var x = randn(tokens, columns);
                    using var y = empty(tokens, rows);
                    using var transposed = dense.t();
                    var (read, direct, twoSteps, product) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
                    for (var round = 0; round < rounds + 2; round++)
                    {
                        QuantizedWeight Next(int step) => weights[(3 * round + step) % weights.Count];
                        read.Add(Machine.Once(() => Read(Next(0).Stored.Codes)));
                        direct.Add(Machine.Once(() => FromCodes(Next(1), x, y)));
                        twoSteps.Add(Machine.Once(() =>
                        {
                            using var again = Next(2).Dequantize();
                            using var turned = again.t();
                            y.addmm_(x, turned, 0);                             // [tokens, in] x [in, out] -> [tokens, out]
                        }));
                        product.Add(Machine.Once(() => y.addmm_(x, transposed, 0)));
                    }
                    double Time(List<double> times) => Machine.Median(times.Skip(2));
                    table.Add($"{name}, {tokens}", Time(direct) * 1000, stored.Codes.numel() / Time(direct) / 1e6, Time(read) / Time(direct),
                        Time(twoSteps) / Time(direct), Time(product) * 1000);
                }
                foreach (var weight in weights) weight.Stored.Dispose();
            }
        }
    }

    /// <summary>A weight itself does so up to 8 rows of x or 16; the ladder for any number.</summary>
    private static void FromCodes(QuantizedWeight weight, Tensor x, Tensor y)
    {
        if (weight.Stored is FourBitTensor stored) CpuLadder.Multiply(x, stored, y, CpuRung.AllCores);
        else weight.Multiply(x, y);
    }

    private static QuantizedTensor Copy(QuantizedTensor stored, string name)
    {
        var tensors = stored.ToTensors(name);
        var copies = tensors.ToDictionary(t => t.Key, t => t.Value.clone());
        foreach (var tensor in tensors.Values) tensor.Dispose();
        return QuantizedTensor.FromTensors(name, copies);
    }

    /// <summary>Loads every byte, on all of libtorch's threads.</summary>
    private static unsafe void Read(Tensor codes)
    {
        var start = LibTorch.Runtime.DataPointer(codes);
        const long Piece = 1 << 14;
        long seen = 0;
        LibTorch.Runtime.ParallelFor(codes.numel() * codes.ElementSize / Piece, 16, (begin, end) =>
        {
            Vector256<long> a = default, b = default, c = default, d = default;
            for (byte* at = (byte*)start + begin * Piece, stop = (byte*)start + end * Piece; at < stop; at += 128)
            {
                a ^= Vector256.Load((long*)at);
                b ^= Vector256.Load((long*)at + 4);
                c ^= Vector256.Load((long*)at + 8);
                d ^= Vector256.Load((long*)at + 12);
            }
            Interlocked.Add(ref seen, Vector256.Sum(a ^ b ^ c ^ d));
        });
        GC.KeepAlive(codes);
    }

    /// <summary>Bytes of the last cache, as the kernel lists it; 32 MiB where it does not.</summary>
    private static long Cache()
    {
        const string Folder = "/sys/devices/system/cpu/cpu0/cache";
        if (!Directory.Exists(Folder)) return 32 << 20;
        return Directory.GetDirectories(Folder, "index*").Select(index => File.ReadAllText(Path.Combine(index, "size")).Trim())
            .Where(size => size.EndsWith('K')).Select(size => long.Parse(size[..^1]) << 10).DefaultIfEmpty(32 << 20).Max();
    }
}
