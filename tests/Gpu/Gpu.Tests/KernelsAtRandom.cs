// The kernels of blockwise storage against the library's own CPU code on random numbers, at sizes that no block or vector divides.
using LowRank.Tests.Cuda;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class KernelsAtRandom : IDisposable
{
    private static readonly long[] Sizes = [1, 2, 31, 63, 64, 65, 255, 257, 4095, 70_001];

    private readonly DisposeScope scope = NewDisposeScope();

    public KernelsAtRandom() => manual_seed(13);

    public void Dispose() => scope.Dispose();

    public static TheoryData<ScalarType, int> Cases =>
        [.. from type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16]
            from block in (int[])[32, 64, 128, 4096]
            select new TheoryDataRow<ScalarType, int>(type, block)];

    private static void Same(Tensor expected, Tensor actual, string what)
    {
        var different = expected.flatten().ne(actual.flatten()).sum().item<long>();
        Assert.True(different == 0, $"{what}: {different} of {expected.NumberOfElements} differ");
    }

    [Theory, MemberData(nameof(Cases))]
    public void Four_bits(ScalarType type, int block)
    {
        foreach (var table in new[] { FourBitTable.Nf4, FourBitTable.Fp4 })
            foreach (var n in Sizes)
            {
                var what = $"{table.Name}, {n}";
                var x = randn(n).mul_(0.02).to(type);
                var twin = table == FourBitTable.Nf4 ? Nf4.Quantize(x, block, doubleQuantization: false) : Fp4.Quantize(x, block, doubleQuantization: false);
                var values = tensor(table.Values);
                var (sorted, order) = (tensor(table.Order.Select(code => table.Values[code]).ToArray()), tensor(table.Order.Select(code => (byte)code).ToArray()));
                var (packed, absmax) = (zeros((n + 1) / 2, dtype: ScalarType.Byte), zeros((n + block - 1) / block));
                EmulatedKernels.Run(CudaQuantization.PlanQuantize4(x, sorted, order, block, packed, absmax));
                Same(twin.AbsMax(), absmax, $"{what}: absmax");
                Same(twin.Codes, packed, $"{what}: codes");
                var expected = twin.Dequantize();
                foreach (var rung in Enum.GetValues<CudaRung>())
                {
                    var output = full_like(x, double.NaN);
                    EmulatedKernels.Run(CudaQuantization.PlanDequantize4(packed, absmax, values, block, output, rung));
                    Same(expected, output, $"{what}: values, {rung}");
                }
            }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Three_bits(ScalarType type, int block)
    {
        var table = tensor(ThreeBitKernels.Values);
        foreach (var n in Sizes)
        {
            var x = randn(n).mul_(0.02).to(type);
            var twin = Nf3.Quantize(x, block, doubleQuantization: false);
            var (packed, absmax) = (full(3 * ((n + 7) / 8), 0xee, dtype: ScalarType.Byte), zeros((n + block - 1) / block));
            EmulatedKernels.Run(CudaQuantization.PlanQuantize3(x, table, block, packed, absmax));
            Same(twin.AbsMax(), absmax, $"{n}: absmax");
            Same(twin.Codes, packed, $"{n}: codes");
            foreach (var skipped in new[] { 0, 1 })                  // memory that is aligned to 16 bytes, and that is not
            {
                var output = full(n + skipped, double.NaN, dtype: type).narrow(0, skipped, n);
                EmulatedKernels.Run(CudaQuantization.PlanDequantize3(packed, absmax, table, block, output));
                Same(twin.Dequantize(), output, $"{n}: values from {skipped}");
            }
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Eight_bits(ScalarType type, int block)
    {
        var (map, offset) = (tensor(EightBitTable.Dynamic.Values), zeros(1));
        foreach (var n in Sizes)
        {
            var x = randn(n).to(type);
            var twin = Int8Dynamic.Quantize(x, block);
            var (codes, absmax, output) = (zeros(n, dtype: ScalarType.Byte), zeros((n + block - 1) / block), full_like(x, double.NaN));
            EmulatedKernels.Run(CudaQuantization.PlanQuantize8(x, map, offset, block, codes, absmax));
            Same(twin.AbsMax, absmax, $"{n}: absmax");
            Same(twin.Codes, codes, $"{n}: codes");
            EmulatedKernels.Run(CudaQuantization.PlanDequantize8(codes, absmax, map, offset, block, output));
            Same(twin.Dequantize(), output, $"{n}: values");
        }
    }

    [Theory]
    [InlineData(1, 4096, 300), InlineData(3, 1504, 257), InlineData(8, 352, 129), InlineData(7, 77, 31), InlineData(1, 1, 1)]
    public void A_few_tokens_times_four_bits(int tokens, int inFeatures, int outFeatures)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
        {
            var (x, stored) = (randn(tokens, inFeatures).to(type), Nf4.Quantize(randn(outFeatures, inFeatures), doubleQuantization: false));
            var exact = x.to(ScalarType.Float64).mm(stored.Dequantize(ScalarType.Float64).t());      // [tokens, in] x [in, out]
            foreach (var rung in Enum.GetValues<CudaRung>())
            {
                var y = full([tokens, outFeatures], double.NaN, dtype: type);
                EmulatedKernels.Run(CudaQuantization.PlanMultiply4(x, stored.Codes, stored.AbsMax(), tensor(FourBitTable.Nf4.Values), 64, y, rung));
                Golden.Close(exact, y, type switch { ScalarType.Float32 => 2e-6, ScalarType.Float16 => 6e-4, _ => 5e-3 }, $"{rung} in {type}");
            }
        }
    }

    [Theory, InlineData(1, 1), InlineData(4099, 8), InlineData(129, 65)]
    public void Doras_row_norm(int outFeatures, int rank)
    {
        var (w, a, b) = (randn(outFeatures, 200), randn(rank, 200), randn(outFeatures, rank));
        var norm = full(outFeatures, double.NaN);
        EmulatedKernels.Run(CudaSteps.PlanDoraRowNorm(w, a, w.square().sum(1), w.mm(a.t()), b, a.mm(a.t()), 2, norm));
        var sum = w.to(ScalarType.Float64).add(b.to(ScalarType.Float64).mm(a.to(ScalarType.Float64)).mul(2));      // [out, r] x [r, in]
        Golden.Close(linalg.vector_norm(sum, 2, [1]), norm, 5e-6, "norm");
    }
}
