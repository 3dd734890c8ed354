// The products with a rank of a few against float64, at every odd shape, whatever the threads.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Kernels;

public sealed class SkinnyProductsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public SkinnyProductsTests() => manual_seed(17);

    public void Dispose() => scope.Dispose();

    /// <summary>Tokens, width, rank: multiples of the vectors and of the chunks, one off them, one, and what goes to the BLAS.</summary>
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 128, 64, 8 }, { 130, 67, 7 }, { 257, 33, 1 }, { 16, 1, 3 }, { 19, 15, 24 }, { 1024, 256, 8 }, { 300, 100, 5 }, { 15, 64, 8 }, { 64, 64, 40 }, { 1, 5, 2 },
    };

    private static Tensor Exact(Tensor a, Tensor b) => a.to(ScalarType.Float64).mm(b.to(ScalarType.Float64));

    [Theory, MemberData(nameof(Shapes))]
    public void EachProductAndBothInOnePass(int n, int k, int r)
    {
        var (x, s, c) = (randn(n, k), randn(r, k), randn(n, r));
        Golden.Close(Exact(x, s.t()), SkinnyProducts.Times(x, s), 2e-6, "x sᵀ");
        Golden.Close(Exact(c.t(), x), SkinnyProducts.TransposedTimes(c, x), 2e-6, "cᵀ x");

        // Columns of wider matrices, as the layers' shared reads are, and a transposed s.
        var (wide, columns, turned) = (zeros(n, r + 3), randn(n, r + 5).narrow(1, 2, r), randn(k, r).t());
        var product = SkinnyProducts.Both(x, turned, wide.narrow(1, 1, r), columns);
        Golden.Close(Exact(x, turned.t()), wide.narrow(1, 1, r), 2e-6, "x sᵀ into columns");
        Golden.Close(Exact(columns.t(), x), product, 2e-6, "cᵀ x beside it");
        Assert.Equal(0, wide.narrow(1, 0, 1).abs().sum().item<float>() + wide.narrow(1, r + 1, 2).abs().sum().item<float>());
    }

    [Theory, MemberData(nameof(Shapes))]
    public void ASumWithALowRankProduct(int rows, int k, int r)
    {
        var (w, b, a, f) = (randn(rows, k), randn(rows, r), randn(r, k), randn(rows));
        var delta = Exact(b, a);
        Golden.Close(w.to(ScalarType.Float64) + delta, RankSum.Of(w, b, a), 2e-6, "W + BA");
        Golden.Close(w.to(ScalarType.Float64) * f.unsqueeze(1) + delta, RankSum.Of(w, b, a, f), 2e-6, "f ⊙ W + BA");
        Golden.Close(w.t().to(ScalarType.Float64) + Exact(a.t(), b.t()), RankSum.Of(w.t(), a.t(), b.t()), 2e-6, "of views");
    }

    [Fact]
    public void OtherTypesAreTheOperators()
    {
        foreach (var type in new[] { ScalarType.Float64, ScalarType.BFloat16 })
        {
            var (x, s) = (randn(40, 24).to(type), randn(3, 24).to(type));
            Assert.True(x.mm(s.t()).eq(SkinnyProducts.Times(x, s)).all().item<bool>());
        }
    }

    [Fact]
    public void TheSameBitsOnOneThreadAndOnSeveral()
    {
        var threads = get_num_threads();
        var (x, s, c) = (randn(1000, 96), randn(8, 96), randn(1000, 8));
        (Tensor, Tensor) Made()
        {
            var result = empty(1000, 8);
            return (SkinnyProducts.Both(x, s, result, c), result);
        }
        try
        {
            set_num_threads(1);
            var (one, reads) = Made();
            set_num_threads(Math.Max(2, threads));
            var (several, again) = Made();
            Assert.True(one.eq(several).all().item<bool>() && reads.eq(again).all().item<bool>());
        }
        finally { set_num_threads(threads); }
    }
}
