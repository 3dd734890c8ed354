// The kernels that the library launches, source by source.
namespace LowRank.Tests.Cuda;

internal static class KernelNames
{
    private static readonly string[] Types = ["_f32", "_bf16", "_fp16"];

    public static IEnumerable<string> In(string source) => source switch
    {
        "dequantize4.cu" => Each(["dequantize4_naive", "dequantize4_vector", "dequantize4_shared", "dequantize4"]),
        "quantize4.cu" => Each(["quantize4"]),
        "blockwise3.cu" => Each(["quantize3", "dequantize3_naive", "dequantize3"]),
        "blockwise8.cu" => Each(["quantize8", "dequantize8"]),
        "matvec4.cu" => Each(["matvec4_naive", "matvec4_vector", "matvec4_shared"])
            .Concat(from name in Each(["matvec4"]) from tokens in (int[])[1, 2, 4, 8] select $"{name}_t{tokens}"),
        "rows8.cu" => Each(["quantize_rows8", "dequantize_rows8"]),
        "group4.cu" => Each(["quantize_group4", "dequantize_group4"]),
        "adamw8.cu" => Each(["adamw8"]),
        "rownorm.cu" => ["dora_row_norm"],
        _ => throw new ArgumentException($"{source}: say here which kernels it has"),
    };

    private static IEnumerable<string> Each(string[] names) => from name in names from type in Types select name + type;
}
