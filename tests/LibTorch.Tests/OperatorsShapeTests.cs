// Views, joins, indexing and scattered reads and writes.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsShapeTests
{
    static long[] Values(Tensor t) => t.to(int64).contiguous().data<long>().ToArray();

    static Tensor Count(params long[] shape) => arange(shape.Aggregate(1L, (a, b) => a * b)).view(shape);

    [Fact]
    public void Views_share_memory()
    {
        var x = Count(2, 3);
        x.view(-1)[5] = 50;
        x.t()[0, 1] = 30;
        x.unsqueeze(0).squeeze(0).select(1, 1).fill_(7);
        Assert.Equal([0, 7, 2, 30, 7, 50], Values(x));
        Assert.Equal([3, 2], x.T.shape);
        Assert.Equal([4, 3, 2], Count(2, 3, 4).T.shape);
        Assert.Equal([1, 3], x.stride().Reverse().ToArray());
        Assert.False(x.t().is_contiguous());
        Assert.True(x.t().contiguous().is_contiguous());
        Assert.Equal([6], x.flatten().shape);
        Assert.Equal([1, 2, 3], x.unflatten(0, 1, 2).shape);
        Assert.Equal([3, 2, 4], Count(2, 3, 4).transpose(0, 1).shape);
        Assert.Equal([4, 2, 3], Count(2, 3, 4).permute(2, 0, 1).shape);
        Assert.Equal([4, 2, 3], Count(2, 3, 4).movedim([2], [0]).shape);
        Assert.Equal([2, 3], Count(1, 2, 1, 3).squeeze().shape);
        Assert.Equal([5, 2, 3], x.expand(5, -1, -1).shape);
        Assert.Equal([0, 2, 4, 1, 3, 5], Values(Count(6).as_strided([2, 3], [1, 2])));
    }

    [Fact]
    public void Repetition_and_order()
    {
        var x = Count(2, 2);
        Assert.Equal([0, 1, 0, 1, 2, 3, 2, 3], Values(x.repeat(1, 2)));
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 3], Values(x.repeat_interleave(2)));
        Assert.Equal([0, 1, 2, 3, 2, 3], Values(x.repeat_interleave(tensor(new long[] { 1, 2 }), 0)));
        Assert.Equal([2, 3, 0, 1], Values(x.roll(1, 0)));
        Assert.Equal([3, 2, 1, 0], Values(x.flip(0, 1)));
        Assert.Equal([1, 3, 0, 2], Values(x.rot90()));
        Assert.Equal([0, 0, 2, 3], Values(x.tril()));
        Assert.Equal([0, 1, 0, 0], Values(x.triu(1)));
        Assert.Equal([0, 3], Values(x.diag()));
        Assert.Equal([5, 0, 0, 6], Values(tensor(new long[] { 5, 6 }).diag()));
        Assert.Equal(3, (long)x.trace());
    }

    [Fact]
    public void Joining_and_splitting()
    {
        var x = Count(2, 2);
        Assert.Equal([4, 2], cat([x, x]).shape);
        Assert.Equal([0, 1, 0, 1, 2, 3, 2, 3], Values(cat(new List<Tensor> { x, x }, 1)));
        Assert.Equal([2, 2, 2], stack([x, x], -1).shape);
        Assert.Equal([2, 4], hstack(x, x).shape);
        Assert.Equal([4, 4], block_diag(x, x).shape);
        var row = Count(7);
        Assert.Equal([3L, 3, 1], row.split(3).Select(p => p.numel()));
        Assert.Equal([2L, 5], row.split([2, 5]).Select(p => p.numel()));
        Assert.Equal([4L, 3], row.chunk(2).Select(p => p.numel()));
        Assert.Equal([3L, 2, 2], row.tensor_split(3).Select(p => p.numel()));
        Assert.Equal([0, 2], Values(x.unbind(1)[0]));
        Assert.Equal([0, 0, 1, 1], Values(meshgrid([Count(2), Count(2)])[0]));
        Assert.Equal([0, 1, 0, 1], Values(meshgrid([Count(2), Count(2)], "xy")[0]));
    }

    [Fact]
    public void Indexers_read()
    {
        var x = Count(3, 4);
        Assert.Equal([4, 5, 6, 7], Values(x[1]));
        Assert.Equal([8, 9, 10, 11], Values(x[-1]));
        Assert.Equal(6, (long)x[1, 2]);
        Assert.Equal(7, (long)x[1, ^1]);
        Assert.Equal([1, 5, 9], Values(x[.., 1]));
        Assert.Equal([5, 6], Values(x[1, 1..3]));
        Assert.Equal([9, 10], Values(x[^1, 1..^1]));
        Assert.Equal([2, 3], Values(x[0, ^2..]));
        Assert.Empty(Values(x[0, ^0..]));
        Assert.Equal([0, 2, 8, 10], Values(x[TensorIndex.Slice(step: 2), TensorIndex.Slice(0, null, 2)]));
        Assert.Equal([3, 1, 4], x[TensorIndex.Colon, TensorIndex.None].shape);
        Assert.Equal([3, 4, 1], x[TensorIndex.Ellipsis, TensorIndex.Null].shape);
        Assert.Equal([3, 7, 11], Values(x[TensorIndex.Ellipsis, 3]));
        Assert.Equal([8, 0], Values(x[tensor(new long[] { 2, 0 }), tensor(new long[] { 0, 0 })]));
        Assert.Equal([9, 10, 1, 2], Values(x[TensorIndex.Tensor(tensor(new long[] { 2, 0 })), 1..3]));
        Assert.Equal([6, 4], Values(x[1, TensorIndex.Tensor(tensor(new long[] { 2, 0 }))]));
        Assert.Equal([10, 11], Values(x[x > 9]));
        Assert.Equal([1, 3, 4], x[TensorIndex.Bool(true)].shape);
        Assert.Equal([0, 3, 4], x[TensorIndex.Bool(false)].shape);
        Assert.Equal([4, 2, 5], Count(4, 3, 2, 5)[.., 1].shape);
        Assert.Equal([2, 4, 5], Count(4, 3, 2, 5)[.., TensorIndex.Tensor(tensor(new long[] { 0, 2 })), 1].transpose(0, 1).shape);
        Assert.Equal(23, (long)Count(1, 2, 3, 4)[0, 1, 2, 3]);
    }

    [Fact]
    public void Indexers_write()
    {
        var x = Count(2, 3);
        x[0] = 9;
        x[1, 2] = 7L;
        x[.., 0] = tensor(new long[] { -1, -2 });
        Assert.Equal([-1, 9, 9, -2, 4, 7], Values(x));
        x[x > 8] = 0;
        x[tensor(new long[] { 1, 1 }), tensor(new long[] { 0, 1 })] = tensor(new long[] { 5, 6 });
        Assert.Equal([-1, 0, 0, 5, 6, 7], Values(x));
        x.index_put_(tensor(1L), [TensorIndex.Tensor(tensor(new long[] { 0, 0 }))], accumulate: true);
        Assert.Equal([1, 2, 2, 5, 6, 7], Values(x));
        x[1, 1..] = x[1, ..2].clone();
        Assert.Equal([1, 2, 2, 5, 5, 6], Values(x));
        var scalar = tensor(1L);
        scalar[Array.Empty<long>()] = 4;
        Assert.Equal(4, (long)scalar[Array.Empty<long>()]);
        x.index_put_(3, 0L, TensorIndex.Ellipsis);
        Assert.Equal([3, 3, 3, 5, 5, 6], Values(x));
        var reals = zeros(2, 2);
        reals[tensor(new[] { true, false })] = tensor(new[] { 1.5, 2.5 });
        Assert.Equal([1.5f, 2.5f, 0, 0], reals.data<float>().ToArray());
    }

    [Fact]
    public void Gathered_and_scattered()
    {
        var x = Count(2, 3);
        var index = tensor(new long[,] { { 2, 0 }, { 1, 1 } });
        Assert.Equal([2, 0, 4, 4], Values(x.gather(1, index)));
        Assert.Equal([2, 0, 4, 4], Values(x.take_along_dim(index, 1)));
        Assert.Equal([20, 1, 10, 3, 40, 5], Values(x.scatter(1, index, tensor(new long[,] { { 10, 20 }, { 40, 40 } }))));
        Assert.Equal([20, 1, 12, 3, 74, 5], Values(x.scatter_add(1, index, tensor(new long[,] { { 10, 20 }, { 40, 30 } }))));
        Assert.Equal([3, 4, 5, 3, 4, 5], Values(x.index_select(0, tensor(new long[] { 1, 1 }))));
        Assert.Equal([2, 3, 4, 3, 4, 5], Values(x.index_add(0, tensor(new long[] { 0, 0 }), ones_like(x), 1)));
        Assert.Equal([0, 1, 2, 8, 8, 8], Values(x.index_fill(0, tensor(new long[] { 1 }), 8)));
        Assert.Equal([0, 1, 2, 9, 9, 9], Values(x.masked_fill(x > 2, 9)));
        Assert.Equal([3, 4, 5], Values(x.masked_select(x > 2)));
        Assert.Equal([5, 0], Values(x.take(tensor(new long[] { 5, 0 }))));
        Assert.Equal([1, 0, 1, 1, 1, 2], Values((x > 2).nonzero()));
        Assert.Equal([1, 1, 1], Values(where(x > 2)[0]));
        Assert.Equal([0, 9, 9, 3, 9, 9], Values(x.slice_scatter(full([2, 2], 9, int64), 1, 1)));
    }
}
