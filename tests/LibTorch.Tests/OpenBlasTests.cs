// OpenBLAS uses kernels that fit the processor, and they multiply right at every odd shape.
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OpenBlasTests
{
    [Fact]
    public void ItsKernelsAreNotOlderThanTheProcessor()
    {
        _ = get_num_threads();                                                  // libtorch is loaded
        if (!Avx2.IsSupported || OpenBlas.Kernels is not { } kernels || Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE") is not null) return;
        Assert.DoesNotContain(kernels, new[] { "Prescott", "Core2", "Nehalem", "Sandybridge" });
        if (OpenBlas.Replaced is { } replaced) Assert.NotEqual(replaced, kernels);
    }

    public static TheoryData<ScalarType> Types => new(ScalarType.Float32, ScalarType.Float64);

    [Theory, MemberData(nameof(Types))]
    public void ProductsOfEveryOddShapeAreThoseOfTheirElements(ScalarType type)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var tolerance = type == ScalarType.Float32 ? 1e-5 : 1e-13;
        foreach (var (m, k, n) in new (long, long, long)[] { (1, 1, 1), (1, 7, 1), (3, 1, 5), (17, 33, 9), (64, 64, 64), (127, 65, 31), (5, 1000, 3), (300, 129, 257), (257, 511, 8) })
            foreach (var (turnedA, turnedB) in new[] { (false, false), (true, false), (false, true), (true, true) })
            {
                var a = turnedA ? randn(k, m, type).t() : randn(m, k, type);
                var b = turnedB ? randn(n, k, type).t() : randn(k, n, type);
                var exact = a.to(ScalarType.Float64).unsqueeze(2).mul(b.to(ScalarType.Float64).unsqueeze(0)).sum(1L);       // [m, k, n] without a product
                var error = (a.mm(b).to(ScalarType.Float64) - exact).abs().max().item<double>();
                Assert.True(error <= tolerance * Math.Sqrt(k) * 10, $"[{m}, {k}] x [{k}, {n}], turned {turnedA} {turnedB}: {error}");
            }
    }
}
