// Reductions, statistics and order.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsReductionTests
{
    static double[] Values(Tensor t) => t.to(float64).contiguous().data<double>().ToArray();

    static Tensor X => tensor(new double[,] { { 3, 1, 2 }, { 6, 5, 4 } });

    [Fact]
    public void Sums_and_means()
    {
        Assert.Equal([21], Values(X.sum()));
        Assert.Equal([9, 6, 6], Values(X.sum(0L)));
        Assert.Equal([1, 3], X.sum(0, keepdim: true).shape);
        Assert.Equal([6, 15], Values(X.sum([-1], false, float32)));
        Assert.Equal(21, (double)X.sum(0, 1));
        Assert.Equal(float32, X.sum(float32).dtype);
        Assert.Equal(int64, tensor(new[] { true, true }).sum().dtype);
        Assert.Equal([2, 5], Values(X.mean([1])));
        Assert.Equal([3.5], Values(X.mean()));
        Assert.Equal(float64, X.@int().mean([0, 1], type: float64).dtype);
        Assert.Equal([720], Values(X.prod()));
        Assert.Equal([6, 120], Values(X.prod(1)));
        Assert.Equal([3, 4, 6], Values(X.cumsum(1)[0]));
        Assert.Equal([3, 3, 6], Values(X.cumprod(1)[0]));
        Assert.Equal([Math.Log(Math.Exp(3) + Math.Exp(1) + Math.Exp(2))], Values(X.logsumexp(1)[..1]), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([5], Values(tensor(new[] { 3.0, double.NaN, 2 }).nansum()));
        Assert.Equal([2.5], Values(tensor(new[] { 3.0, double.NaN, 2 }).nanmean()));
    }

    [Fact]
    public void Extremes()
    {
        Assert.Equal(6, (double)X.max());
        var (values, indexes) = X.max(1, keepdim: true);
        Assert.Equal([3, 6], Values(values));
        Assert.Equal([0, 0], Values(indexes));
        Assert.Equal(int64, indexes.dtype);
        Assert.Equal([1, 4], Values(X.min(1).values));
        Assert.Equal(3, (long)X.argmax());
        Assert.Equal([1, 1, 1], Values(X.argmax(0)));
        Assert.Equal([1, 2], Values(X.argmin(1)));
        Assert.Equal([3, 1, 2], Values(X.amin(0)));
        Assert.Equal([6], Values(X.amax(0, 1)));
        var into = empty(3, dtype: float64);
        Assert.Same(into, X.amax([0], keepdim: false, @out: into));
        Assert.Equal([6, 5, 4], Values(into));
        var (low, high) = X.aminmax();
        Assert.Equal((1, 6), ((double)low, (double)high));
        Assert.Equal([3, 3, 3], Values(X.cummax(1).values[0]));
        Assert.True((bool)(X > 0).all());
        Assert.Equal([0, 1], Values((X > 3).any(1)));
        Assert.Equal(6, (long)X.count_nonzero());
        Assert.Equal([2, 2, 2], Values(X.count_nonzero([0])));
    }

    [Fact]
    public void Spread()
    {
        var row = tensor(new[] { 1.0, 2, 4, 9 });
        Assert.Equal(38.0 / 3, (double)row.var(), 1e-12);
        Assert.Equal(9.5, (double)row.var(unbiased: false), 1e-12);
        Assert.Equal(Math.Sqrt(38.0 / 3), (double)row.std(), 1e-12);
        Assert.Equal([2.25, 4, 1], Values(X.var(0, unbiased: false)), (a, b) => Math.Abs(a - b) < 1e-12);
        var (std, mean) = row.std_mean();
        Assert.Equal((Math.Sqrt(38.0 / 3), 4.0), ((double)std, (double)mean));
        Assert.Equal(float32, X.@int().std(1, type: float32).dtype);
        Assert.Equal(X.std(1).shape, X.std((0, 1)).unsqueeze(0).expand(2).shape);
        Assert.Equal(3, (double)row.quantile(tensor(0.5, dtype: float64)), 1e-12);
        Assert.Equal(2, (double)row.median());
        Assert.Equal([1, 1, 1, 1], Values(stack([row, row]).corrcoef()), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Norms()
    {
        var v = tensor(new[] { 3.0, -4 });
        Assert.Equal(5, (double)v.norm(), 1e-12);
        Assert.Equal(7, (double)v.norm(1f), 1e-12);
        Assert.Equal(4, (double)v.norm(float.PositiveInfinity), 1e-12);
        Assert.Equal([Math.Sqrt(14), Math.Sqrt(77)], Values(X.norm(1, keepdim: false, p: 2)), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal(5, (double)v.dist(zeros(2, dtype: float64)), 1e-12);
    }

    [Fact]
    public void Order()
    {
        var (sorted, places) = X.sort(1);
        Assert.Equal([1, 2, 3, 4, 5, 6], Values(sorted));
        Assert.Equal([1, 2, 0, 2, 1, 0], Values(places));
        Assert.Equal([3, 2, 1], Values(X.sort(1, descending: true).Values[0]));
        Assert.Equal([1, 2, 0], Values(X.argsort()[0]));
        Assert.Equal([3, 2], Values(X.topk(2).values[0]));
        Assert.Equal([1, 2], Values(X.topk(2, largest: false).values[0]));
        Assert.Equal([2, 5], Values(X.kthvalue(2, 1).values));
        Assert.Equal([0, 2, 3], Values(torch.searchsorted(tensor(new[] { 1.0, 3, 5 }), tensor(new[] { 0.0, 4, 9 }))));
        Assert.Equal([0, 2, 3], Values(tensor(new[] { 0.0, 4, 9 }).bucketize(tensor(new[] { 1.0, 3, 5 }))));
    }

    [Fact]
    public void Counts()
    {
        var x = tensor(new long[] { 3, 1, 3, 0 });
        var (output, inverse, counts) = x.unique(return_inverse: true, return_counts: true);
        Assert.Equal([0, 1, 3], Values(output));
        Assert.Equal([2, 1, 2, 0], Values(inverse!));
        Assert.Equal([1, 1, 2], Values(counts!));
        Assert.Null(x.unique().counts);
        Assert.Equal([2, 2], tensor(new long[,] { { 1, 2 }, { 1, 2 }, { 3, 4 } }).unique(dim: 0).output.shape);
        Assert.Equal([3, 1, 3, 0], Values(x.unique_consecutive().output));
        Assert.Equal([1, 1, 0, 2], Values(bincount(x)));
        Assert.Equal([0.5, 2, 0, 4], Values(bincount(x, tensor(new[] { 1.0, 2, 3, 0.5 }))));
        Assert.Equal([1, 1, 2], Values(x.@double().histc(3, 0, 3)));
    }
}
