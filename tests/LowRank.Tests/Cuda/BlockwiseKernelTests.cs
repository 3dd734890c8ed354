// What the kernels of blockwise storage compute, run on the CPU from their own text, against the fixtures: codes, absmax and values exactly.
using static TorchSharp.torch;

namespace LowRank.Tests.Cuda;

public sealed class BlockwiseKernelTests : IDisposable
{
    private static readonly string[] Sets = ["normal", "zero_blocks", "outlier", "not_multiple", "odd_count", "short_zero_tail", "heavy_tail", "tiny_values", "ties"];

    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static Dictionary<string, Tensor> Load(string name) => SafeTensors.Load(Golden.PathOf($"quant/{name}.safetensors"));

    /// <summary>A set, the prefix of its input ("" for float32), a table and a block size, wherever the fixtures have them.</summary>
    public static TheoryData<string, string, string, int> Cases4 =>
        [.. from set in Sets
            let tensors = Load(set)
            from storage in ((string, string, string, int)[])[("", "nf4.b64.", "nf4", 64), ("", "nf4.b128.", "nf4", 128), ("", "fp4.b64.", "fp4", 64), ("bf16.", "bf16.nf4.", "nf4", 64), ("fp16.", "fp16.nf4.", "nf4", 64)]
            where tensors.ContainsKey(storage.Item2 + "packed")
            select new TheoryDataRow<string, string, string, int>(set, storage.Item1, storage.Item2, storage.Item4)];

    public static TheoryData<string, string, string, int> Cases8 =>
        [.. from set in Sets
            let tensors = Load(set)
            from storage in ((string, string, int)[])[("", "int8dyn.b64.", 64), ("", "int8dyn.b256.", 256), ("bf16.", "bf16.int8dyn.", 256), ("fp16.", "fp16.int8dyn.", 256)]
            where tensors.ContainsKey(storage.Item2 + "codes")
            select new TheoryDataRow<string, string, string, int>(set, storage.Item1, storage.Item2, storage.Item3)];

    /// <summary>A table by code, and in ascending order with the code of each value.</summary>
    private static (Tensor Table, Tensor Sorted, Tensor Codes) Table(string name)
    {
        var table = Load("code_tables")[name];
        var values = table.data<float>().ToArray();
        var order = Enumerable.Range(0, 16).OrderBy(code => values[code]).ToArray();       // stable: FP4's 0 comes before its 8
        return (table, tensor(order.Select(code => values[code]).ToArray()), tensor(order.Select(code => (byte)code).ToArray()));
    }

    private static void Same(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        var different = expected.flatten().ne(actual.flatten()).sum().item<long>();
        Assert.True(different == 0, $"{what}: {different} of {expected.NumberOfElements} differ");
    }

    private static Tensor Codes(Tensor packed) => stack([packed.div(16, RoundingMode.floor), packed.remainder(16)], 1).flatten();

    [Theory, MemberData(nameof(Cases4))]
    public void FourBits(string set, string type, string storage, int block)
    {
        var golden = Load(set);
        var isFp4 = storage.StartsWith("fp4", StringComparison.Ordinal);
        var (table, sorted, codes) = Table(isFp4 ? "fp4" : "nf4");
        var input = golden[type + "input"];
        var (packed, absmax) = (full_like(golden[storage + "packed"], 0xee), full_like(golden[storage + "absmax"], -1));
        EmulatedKernels.Run(CudaQuantization.PlanQuantize4(input, sorted, codes, block, packed, absmax));
        Same(golden[storage + "absmax"], absmax, "absmax");
        Same(golden[storage + "packed"], packed, "packed");

        foreach (var rung in Enum.GetValues<CudaRung>())
        {
            var output = full_like(input, double.NaN);
            EmulatedKernels.Run(CudaQuantization.PlanDequantize4(packed, absmax, table, block, output, rung));
            Same(golden[storage + "dequant"], output, $"{rung}");
        }
    }

    [Theory, MemberData(nameof(Cases8))]
    public void EightBits(string set, string type, string storage, int block)
    {
        var golden = Load(set);
        var (map, offset) = (Load("code_tables")["dynamic_signed"], zeros(1));
        var input = golden[type + "input"];
        var (codes, absmax) = (full_like(golden[storage + "codes"], 0xee), full_like(golden[storage + "absmax"], -1));
        EmulatedKernels.Run(CudaQuantization.PlanQuantize8(input, map, offset, block, codes, absmax));
        Same(golden[storage + "absmax"], absmax, "absmax");
        Same(golden[storage + "codes"], codes, "codes");
        var output = full_like(input, double.NaN);
        EmulatedKernels.Run(CudaQuantization.PlanDequantize8(codes, absmax, map, offset, block, output));
        Same(golden[storage + "dequant"], output, "dequantized");
    }

    [Theory, InlineData("normal"), InlineData("not_multiple"), InlineData("zero_blocks"), InlineData("tiny_values")]
    public void DoubleQuantization(string set)
    {
        var golden = Load(set);
        var (map, offset, absmax) = (Load("code_tables")["dynamic_signed"], golden["nf4.b64.nested.offset"], golden["nf4.b64.absmax"]);
        var (codes, second, once) = (zeros_like(golden["nf4.b64.nested.absmax8"]), zeros_like(golden["nf4.b64.nested.absmax2"]), empty_like(absmax));
        EmulatedKernels.Run(CudaQuantization.PlanQuantize8(absmax, map, offset, 256, codes, second));
        Same(golden["nf4.b64.nested.absmax2"], second, "absmax of absmax");
        Same(golden["nf4.b64.nested.absmax8"], codes, "codes of absmax");
        EmulatedKernels.Run(CudaQuantization.PlanDequantize8(codes, second, map, offset, 256, once));
        var output = empty_like(golden["input"]);
        EmulatedKernels.Run(CudaQuantization.PlanDequantize4(golden["nf4.b64.packed"], once, Table("nf4").Table, 64, output, CudaRung.Final));
        Same(golden["nf4.b64.nested.dequant"], output, "dequantized");

        // The same in one kernel, which decodes the scales where it reads them.
        var scales = BlockScales.Double(codes, second, offset.item<float>());
        foreach (var rung in Enum.GetValues<CudaRung>())
        {
            EmulatedKernels.Run(CudaQuantization.PlanDequantize4(golden["nf4.b64.packed"], scales, Table("nf4").Table, 64, output.fill_(double.NaN), rung));
            Same(golden["nf4.b64.nested.dequant"], output, $"{rung}, at once");
        }
    }

    public static TheoryData<ScalarType, int, int, int> Products =>
        [.. from type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16]
            from shape in ((int, int, int)[])[(1, 64, 17), (2, 1056, 5), (3, 96, 16), (5, 2048, 3), (8, 160, 33), (4, 37, 9)]
            select new TheoryDataRow<ScalarType, int, int, int>(type, shape.Item1, shape.Item2, shape.Item3)];

    [Theory, MemberData(nameof(Products))]
    public void AFewTokensTimesFourBits(ScalarType type, int tokens, int inFeatures, int outFeatures)
    {
        manual_seed(5);
        var (table, sorted, codes) = Table("nf4");
        var (x, weight) = (randn(tokens, inFeatures).to(type), randn(outFeatures, inFeatures));
        foreach (var block in new[] { 32, 64, 128 })
        {
            var n = weight.NumberOfElements;
            var (packed, absmax, dense) = (zeros((n + 1) / 2, dtype: ScalarType.Byte), zeros((n + block - 1) / block), empty_like(weight));
            EmulatedKernels.Run(CudaQuantization.PlanQuantize4(weight, sorted, codes, block, packed, absmax));
            EmulatedKernels.Run(CudaQuantization.PlanDequantize4(packed, absmax, table, block, dense, CudaRung.Final));
            var exact = x.to(ScalarType.Float64).mm(dense.t().to(ScalarType.Float64));       // [tokens, in] x [in, out] -> [tokens, out]
            foreach (var rung in Enum.GetValues<CudaRung>())
            {
                var y = full([tokens, outFeatures], double.NaN, dtype: type);
                EmulatedKernels.Run(CudaQuantization.PlanMultiply4(x, packed, absmax, table, block, y, rung));
                var tolerance = type switch { ScalarType.Float32 => 2e-6, ScalarType.Float16 => 6e-4, _ => 5e-3 };
                Golden.Close(exact, y, tolerance, $"{rung}, blocks of {block}");
                y.fill_(3);
                EmulatedKernels.Run(CudaQuantization.PlanMultiply4(x, packed, absmax, table, block, y, rung, accumulate: true));
                Golden.Close(exact.add(3), y, tolerance, $"{rung}, added");
            }
        }
    }

    [Fact]
    public void MemoryThatIsNotAlignedTakesTheFirstRung()
    {
        var (table, n) = (Table("nf4").Table, 200L);
        var packed = randint(0, 256, [101], dtype: ScalarType.Byte).narrow(0, 1, 100);
        var (absmax, output) = (rand(4), zeros(n));
        var call = CudaQuantization.PlanDequantize4(packed, absmax, table, 64, output, CudaRung.Final);
        Assert.Equal("dequantize4_naive_f32", call.Kernel);
        EmulatedKernels.Run(call);
        var expected = table.index_select(0, Codes(packed).to(ScalarType.Int64)).mul(absmax.repeat_interleave(64).narrow(0, 0, n));
        Same(expected, output, "values");
    }
}
