// Matrix products against sums written out, and factorizations against what they promise.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsProductTests
{
    static Tensor Random(params long[] shape) => randn(shape, float64, generator: new Generator(1));

    static void Close(Tensor expected, Tensor actual) => Assert.True(expected.allclose(actual, 1e-9, 1e-9), $"expected {expected}\nactual {actual}");

    [Fact]
    public void Products_are_sums_of_products()
    {
        var (a, b) = (Random(3, 4), Random(4, 2));
        var sum = (a.unsqueeze(2) * b.unsqueeze(0)).sum(1);       // [3, 4, 1] * [1, 4, 2] -> [3, 2]
        Close(sum, a.matmul(b));
        Close(sum, a.mm(b));
        Close(sum, mm(a, b));
        Close(sum, einsum("ik,kj->ij", a, b));
        Close(sum, a.tensordot(b, 1));
        Close(sum, tensordot(a, b, [1], [0]));
        Close(sum[.., 0], a.mv(b[.., 0].contiguous()));
        Close(sum[0, 0], a[0].dot(b[.., 0]));
        Close(a[0].unsqueeze(1) * a[1].unsqueeze(0), a[0].outer(a[1]));
        var c = Random(3, 2);
        Close(c * 0.5 + sum * 2, c.addmm(a, b, 0.5f, 2));
        Close(c * 0.5 + sum * 2, addmm(c, a, b, 0.5f, 2));
        Close(c + sum, c.clone().addmm_(a, b));
        var batch = Random(5, 3, 4);
        Close(stack(batch.unbind().Select(m => m.mm(b))), batch.matmul(b));
        Close(batch.matmul(b), batch.bmm(b.expand(5, 4, 2)));
        Close(batch.matmul(b) + c, c.expand(5, 3, 2).baddbmm(batch, b.expand(5, 4, 2)));
        Close(cat([cat([a * 2, a * 3], 1)], 0), tensor(new double[,] { { 2, 3 } }).kron(a));
        Close((a.unsqueeze(1) - Random(6, 4).unsqueeze(0)).norm(2), cdist(a, Random(6, 4)));
    }

    [Fact]
    public void Factorizations_multiply_back()
    {
        var a = Random(5, 3);
        var (u, s, v) = linalg.svd(a, fullMatrices: false);
        Close(a, (u * s).matmul(v));                              // [5, 3] * [3] x [3, 3] -> [5, 3]
        Assert.Equal([5L, 5], linalg.svd(a).U.shape);
        Close(s, linalg.svdvals(a));
        var (q, r) = linalg.qr(a);
        Close(a, q.matmul(r));                                    // [5, 3] x [3, 3] -> [5, 3]
        Close(eye(3, dtype: float64), q.mT.matmul(q));
        Assert.Equal([5L, 5], linalg.qr(a, linalg.QRMode.Complete).Q.shape);
        var g = a.mT.matmul(a);                                   // [3, 5] x [5, 3] -> [3, 3]
        Close(g, linalg.cholesky(g).matmul(linalg.cholesky(g).mT));
        var (w, e) = linalg.eigh(g);
        Close(g, (e * w).matmul(e.mT));
        Close(w.flip(0), s.square());
        Close(eye(3, dtype: float64), g.matmul(linalg.inv(g)));
        Close(eye(3, dtype: float64), linalg.pinv(a).matmul(a));
        Close(w.prod(), linalg.det(g));
        Close(w.log().sum(), g.logdet());
        var x = Random(3, 2);
        Close(x, linalg.solve(g, g.matmul(x)));
        Close(x, linalg.lstsq(a, a.matmul(x)).Solution);
        var (p, l, upper) = linalg.lu(g);
        Close(g, p.matmul(l).matmul(upper));
        Close(x, linalg.solve_triangular(upper, upper.matmul(x), upper: true));
    }

    [Fact]
    public void Rank_and_norms()
    {
        var low = Random(6, 2).matmul(Random(2, 5));              // [6, 2] x [2, 5] -> [6, 5], rank 2
        Assert.Equal(2, (long)linalg.matrix_rank(low));
        Assert.Equal(2, (long)matrix_rank(low));
        Assert.Equal(1, (long)linalg.matrix_rank(tensor(new double[,] { { 5, 0 }, { 0, 1 } }), atol: 2));
        Assert.Equal([2L, 2], linalg.matrix_rank(stack([low, low])).data<long>().ToArray());
        var m = tensor(new double[,] { { 1, -2 }, { 3, 4 } });
        Assert.Equal(Math.Sqrt(30), (double)linalg.norm(m), 1e-12);
        Assert.Equal(Math.Sqrt(30), (double)linalg.matrix_norm(m), 1e-12);
        Assert.Equal(6, (double)linalg.matrix_norm(m, 1.0), 1e-12);
        Assert.Equal(7, (double)linalg.norm(m, double.PositiveInfinity), 1e-12);
        Assert.Equal((double)linalg.svdvals(m).sum(), (double)linalg.norm(m, "nuc"), 1e-12);
        Assert.Equal((double)linalg.svdvals(m).max(), (double)linalg.norm(m, 2), 1e-12);
        Assert.Equal(10, (double)linalg.vector_norm(m, 1), 1e-12);
        Assert.Equal([Math.Sqrt(10), Math.Sqrt(20)], linalg.vector_norm(m, dims: [0]).data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);
    }
}
