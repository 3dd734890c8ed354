using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Quantizing and dequantizing a weight, as a share of the rate at which libtorch copies it.</summary>
internal static class Quantizing
{
    private static readonly (string Name, StorageFormat Format)[] Formats =
    [
        ("NF4", new Nf4 { DoubleQuantization = false }), ("NF4, double quantization", new Nf4()), ("FP4, double quantization", new Fp4()),
        ("NF3, double quantization", new Nf3()),
        ("int8, dynamic map", new Int8Dynamic()), ("int8, rows", new Int8Rows()), ("int4, groups of 32", new GroupInt4()),
    ];

    public static void Run(Results results, int rounds)
    {
        using var guard = no_grad();
        foreach (var (rows, columns) in new[] { (4096L, 4096L), (4096L, 11008L) })
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            {
                var table = results.Table($"quantize {rows} x {columns} {type}", $"Quantizing a weight, {rows} × {columns}, {type}",
                    "format", "quantize, GB/s of the weight", "of a copy's rate", "dequantize, GB/s", "of a copy's rate", "bytes a parameter");
                manual_seed(1);
                using var dense = randn(rows, columns);
                using var weight = dense.to(type);
                using var target = empty_like(weight);
                foreach (var (name, format) in Formats)
                {
                    // In turns, so that what disturbs one disturbs all. The result of a quantization is new memory each time; a copy and
                    // the rows have theirs.
                    using var stored = format.Encode(weight);
                    var (copy, make, back) = (new List<double>(), new List<double>(), new List<double>());
                    for (var round = 0; round < rounds + 2; round++)
                    {
                        copy.Add(Machine.Once(() => target.copy_(weight)));
                        make.Add(Machine.Once(() => format.Encode(weight).Dispose()));
                        back.Add(Machine.Once(() => stored.DequantizeRows(0, target)));
                    }
                    double Rate(List<double> times) => weight.numel() * weight.ElementSize / Machine.Median(times.Skip(2)) / 1e6;
                    table.Add(name, Rate(make), Rate(make) / Rate(copy), Rate(back), Rate(back) / Rate(copy), stored.Bytes / (double)stored.Elements);
                }
            }
    }
}
