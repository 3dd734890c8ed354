// Every differentiable family, its gradient held against differences.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsGradientTests
{
    static Tensor Normal(params long[] shape) => randn(shape, ScalarType.Float64, generator: new Generator(3));

    // Away from 0 and positive: for logarithms, roots and functions with a kink at 0.
    static Tensor Positive(params long[] shape) => Normal(shape).abs().add(0.3);

    // Inside (-0.9, 0.9).
    static Tensor Small(params long[] shape) => Normal(shape).tanh().mul(0.9);

    static readonly Dictionary<string, Func<Tensor, Tensor>> OfPositive = new()
    {
        ["abs"] = x => x.abs(), ["neg"] = x => -x, ["exp"] = x => x.exp(), ["exp2"] = x => x.exp2(), ["expm1"] = x => x.expm1(),
        ["log"] = x => x.log(), ["log2"] = x => x.log2(), ["log10"] = x => x.log10(), ["log1p"] = x => x.log1p(),
        ["sqrt"] = x => x.sqrt(),
        ["rsqrt"] = x => x.rsqrt(), ["square"] = x => x.square(), ["reciprocal"] = x => x.reciprocal(),
        ["lgamma"] = x => x.lgamma(),
        ["pow"] = x => x.pow(1.7), ["div"] = x => 2 / x, ["rsub"] = x => 3 - x, ["acosh"] = x => (x + 1).acosh(),
        ["softplus"] = x => x.softplus(),
        ["log_softmax"] = x => x.log_softmax(-1), ["softmax"] = x => x.softmax(0), ["logsumexp"] = x => x.logsumexp(1),
        ["norm"] = x => x.norm(),
        ["norm dim"] = x => x.norm(1, true, 3), ["prod"] = x => x.prod(), ["prod dim"] = x => x.prod(1),
        ["cumsum"] = x => x.cumsum(0),
        ["cumprod"] = x => x.cumprod(1), ["logcumsumexp"] = x => x.logcumsumexp(0), ["std"] = x => x.std(),
        ["std dim"] = x => x.std(1, unbiased: false),
        ["var"] = x => x.var(new long[] { 0 }, keepdim: true), ["max"] = x => x.max(1).values, ["amax"] = x => x.amax(0),
        ["min"] = x => x.min(),
        ["median"] = x => x.median(), ["sort"] = x => x.sort(1, descending: true).Values, ["topk"] = x => x.topk(2).values,
        ["kthvalue"] = x => x.kthvalue(2, 1).values, ["quantile"] = x => x.quantile(tensor(0.3), 1),
        ["relu"] = x => (x - 0.25).relu(),
        ["clamp"] = x => x.clamp(0.4, 1.2), ["cummax"] = x => x.cummax(1).values, ["mean"] = x => x.mean(),
        ["mean dim"] = x => x.mean([1], true),
        ["nansum"] = x => x.nansum(), ["dist"] = x => x.dist(zeros_like(x), 3),
        ["var_mean"] = x => x.var_mean(1).mean * x.var_mean(1).var,
    };

    static readonly Dictionary<string, Func<Tensor, Tensor>> OfSmall = new()
    {
        ["sin"] = x => x.sin(), ["cos"] = x => x.cos(), ["tan"] = x => x.tan(), ["asin"] = x => x.asin(),
        ["acos"] = x => x.acos(), ["atan"] = x => x.atan(),
        ["sinh"] = x => x.sinh(), ["cosh"] = x => x.cosh(), ["tanh"] = x => x.tanh(), ["asinh"] = x => x.asinh(),
        ["atanh"] = x => x.atanh(),
        ["erf"] = x => x.erf(), ["erfc"] = x => x.erfc(), ["erfinv"] = x => x.erfinv(), ["sigmoid"] = x => x.sigmoid(),
        ["silu"] = x => x.silu(),
        ["gelu"] = x => x.gelu(), ["elu"] = x => x.elu(1.3), ["selu"] = x => x.selu(), ["log_sigmoid"] = x => x.log_sigmoid(),
        ["leaky"] = x => x.leaky_relu(0.1),
        ["sinc"] = x => x.sinc(), ["logit"] = x => (x * 0.4 + 0.5).logit(), ["glu"] = x => x.glu(0),
        ["trapezoid"] = x => x.trapezoid(0.5), ["diff"] = x => x.diff(),
        ["matrix_exp"] = x => x[.., ..4].matrix_exp(), ["renorm"] = x => x.renorm(2, 0, 0.7f), ["cov"] = x => x.cov(),
    };

    static readonly Dictionary<string, Func<Tensor, Tensor>> Rearranged = new()
    {
        ["view"] = x => x.view(2, 10), ["reshape"] = x => x.t().reshape(4, 5), ["permute"] = x => x.permute(1, 0),
        ["T"] = x => x.T, ["unsqueeze"] = x => x.unsqueeze(1),
        ["squeeze"] = x => x.unsqueeze(0).squeeze(0), ["expand"] = x => x.unsqueeze(0).expand(3, 4, 5),
        ["repeat"] = x => x.repeat(2, 3), ["tile"] = x => x.tile([2]),
        ["repeat_interleave"] = x => x.repeat_interleave(2, 1), ["flatten"] = x => x.flatten(),
        ["unflatten"] = x => x.unflatten(0, 2, 2), ["narrow"] = x => x.narrow(1, 1, 3),
        ["slice"] = x => x.slice(1, 0, 5, 2), ["select"] = x => x.select(0, 2), ["roll"] = x => x.roll(1, 0),
        ["flip"] = x => x.flip(0, 1), ["rot90"] = x => x.rot90(),
        ["tril"] = x => x.tril(-1), ["triu"] = x => x.triu(1), ["diag"] = x => x.diag(), ["diagonal"] = x => x.diagonal(1),
        ["diag_embed"] = x => x.diag_embed(),
        ["trace"] = x => x[.., ..4].trace(), ["unfold"] = x => x.unfold(1, 3, 1), ["movedim"] = x => x.movedim([0], [1]),
        ["contiguous"] = x => x.t().contiguous(),
        ["cat"] = x => cat([x, x * 2], 1), ["stack"] = x => stack([x, x * x], 2), ["split"] = x => x.split(2, 1)[1],
        ["chunk"] = x => x.chunk(2)[1],
        ["unbind"] = x => x.unbind(1)[3] * x.unbind(1)[0], ["meshgrid"] = x => meshgrid([x[0], x[1]])[1],
        ["hstack"] = x => hstack(x, x), ["vstack"] = x => vstack([x, x]),
        ["gather"] = x => x.gather(1, tensor(new long[,] { { 4, 0 }, { 1, 1 }, { 2, 3 }, { 0, 0 } })),
        ["index_select"] = x => x.index_select(0, tensor(new long[] { 3, 3, 0 })),
        ["take"] = x => x.take(tensor(new long[] { 19, 0, 7 })), ["take_along_dim"] = x => x.take_along_dim(x.argsort(1), 1),
        ["masked_select"] = x => x.masked_select(x.detach() > 0),
        ["masked_fill"] = x => x.masked_fill(x.detach() > 0, -1), ["indexer"] = x => x[1, 2] * x[^1, ..] + x[.., 0].sum(),
        ["rows"] = x => x[tensor(new long[] { 2, 2, 1 })],
        ["mask"] = x => x[x.detach() > 0],
        ["ellipsis"] = x => x[TensorIndex.Ellipsis, TensorIndex.None, TensorIndex.Slice(step: 2)],
        ["clone"] = x => x.clone(), ["view_as_real"] = x => complex(x, x * 2).view_as_real(),
        ["combinations"] = x => combinations(x[0]), ["cdist"] = x => cdist(x, x + 1),
    };

    [Fact]
    public void The_check_notices_a_wrong_gradient() =>
        Assert.Contains("input 0, element 0", Assert.ThrowsAny<Exception>(() => Gradcheck.Check(x => x[0] * x[0].detach(), Positive(2))).Message);

    public static TheoryData<string> Positives => new(OfPositive.Keys);
    public static TheoryData<string> Smalls => new(OfSmall.Keys);
    public static TheoryData<string> Rearrangements => new(Rearranged.Keys);

    [Theory, MemberData(nameof(Positives))]
    public void Of_positive_numbers(string name) => Gradcheck.Check(x => OfPositive[name](x[0]), Positive(3, 4));

    [Theory, MemberData(nameof(Smalls))]
    public void Of_numbers_around_zero(string name) => Gradcheck.Check(x => OfSmall[name](x[0]), Small(4, 6));

    [Theory, MemberData(nameof(Rearrangements))]
    public void Of_rearrangements(string name) => Gradcheck.Check(x => Rearranged[name](x[0]), Normal(4, 5));

    static readonly Dictionary<string, (Func<Tensor[], Tensor> Function, long[][] Shapes)> OfSeveral = new()
    {
        ["add alpha"] = (x => x[0].add(x[1], 0.5), [[3, 4], [4]]), ["sub"] = (x => x[0] - x[1], [[3, 1], [4]]),
        ["mul"] = (x => x[0] * x[1], [[2, 3], [3]]),
        ["div"] = (x => x[0] / x[1], [[2, 3], [2, 1]]), ["pow"] = (x => x[0].pow(x[1]), [[3], [3]]),
        ["remainder"] = (x => x[0] % x[1], [[5], [5]]),
        ["atan2"] = (x => x[0].atan2(x[1]), [[4], [4]]), ["hypot"] = (x => x[0].hypot(x[1]), [[4], [4]]),
        ["logaddexp"] = (x => x[0].logaddexp(x[1]), [[4], [4]]),
        ["xlogy"] = (x => x[0].xlogy(x[1]), [[4], [4]]), ["addcmul"] = (x => x[0].addcmul(x[1], x[2], 0.3), [[3], [3], [3]]),
        ["addcdiv"] = (x => x[0].addcdiv(x[1], x[2], 0.3), [[3], [3], [3]]),
        ["lerp"] = (x => x[0].lerp(x[1], x[2]), [[3], [3], [3]]),
        ["maximum"] = (x => x[0].maximum(x[1] * 1.1), [[5], [5]]),
        ["where"] = (x => where(x[0].detach() > 1, x[0], x[1]), [[6], [6]]),
        ["matmul"] = (x => x[0].matmul(x[1]), [[2, 3, 4], [4, 2]]), ["mm"] = (x => x[0].mm(x[1]), [[3, 4], [4, 2]]),
        ["bmm"] = (x => x[0].bmm(x[1]), [[2, 3, 4], [2, 4, 2]]),
        ["mv"] = (x => x[0].mv(x[1]), [[3, 4], [4]]), ["dot"] = (x => x[0].dot(x[1]), [[4], [4]]),
        ["outer"] = (x => x[0].outer(x[1]), [[3], [4]]),
        ["inner"] = (x => x[0].inner(x[1]), [[2, 4], [3, 4]]), ["kron"] = (x => x[0].kron(x[1]), [[2, 2], [2, 3]]),
        ["addmm"] = (x => x[0].addmm(x[1], x[2], 0.5f, 2), [[2, 3], [2, 4], [4, 3]]),
        ["addmv"] = (x => x[0].addmv(x[1], x[2]), [[2], [2, 4], [4]]),
        ["addr"] = (x => x[0].addr(x[1], x[2]), [[2, 3], [2], [3]]),
        ["baddbmm"] = (x => x[0].baddbmm(x[1], x[2], 2, 0.5f), [[2, 2, 3], [2, 2, 4], [2, 4, 3]]),
        ["addbmm"] = (x => x[0].addbmm(x[1], x[2]), [[2, 3], [2, 2, 4], [2, 4, 3]]),
        ["einsum"] = (x => einsum("bik,bkj->ij", x[0], x[1]), [[2, 3, 4], [2, 4, 2]]),
        ["tensordot"] = (x => x[0].tensordot(x[1], 1), [[2, 3], [3, 4]]),
        ["scatter"] = (x => x[0].scatter(0, tensor(new long[,] { { 2, 0 } }), x[1]), [[3, 2], [1, 2]]),
        ["scatter_add"] = (x => x[0].scatter_add(0, tensor(new long[,] { { 2, 0 }, { 2, 1 } }), x[1]), [[3, 2], [2, 2]]),
        ["index_add"] = (x => x[0].index_add(0, tensor(new long[] { 1, 1 }), x[1], 0.5), [[3, 2], [2, 2]]),
        ["index_copy"] = (x => x[0].index_copy(0, tensor(new long[] { 2, 0 }), x[1]), [[3, 2], [2, 2]]),
        ["index_put"] = (x => x[0].clone().index_put_(x[1], TensorIndex.Slice(1), 0L), [[3, 2], [2]]),
        ["setter"] = (x => { var y = x[0].clone(); y[1] = x[1]; return y * y; }, [[3, 2], [2]]),
        ["masked_scatter"] = (x => x[0].masked_scatter(tensor(new[] { true, false, true }), x[1]), [[3], [2]]),
        ["select_scatter"] = (x => x[0].select_scatter(x[1], 1, 0), [[3, 2], [3]]),
        ["solve"] = (x => linalg.solve(x[0] + eye(3, dtype: float64) * 4, x[1]), [[3, 3], [3, 2]]),
        ["complex"] = (x => complex(x[0], x[1]).abs(), [[3], [3]]),
        ["in place"] = (x => { var y = x[0] * 1; y.add_(x[1]).mul_(x[1]).sub_(1).div_(2).tanh_(); return y; }, [[2, 3], [3]]),
    };

    public static TheoryData<string> Several => new(OfSeveral.Keys);

    [Theory, MemberData(nameof(Several))]
    public void Of_several_tensors(string name)
    {
        var (function, shapes) = OfSeveral[name];
        Gradcheck.Check(function, [.. shapes.Select((shape, i) => randn(shape, ScalarType.Float64, generator: new Generator((ulong)i + 11)).abs().add(0.3))]);
    }

    static readonly Dictionary<string, Func<Tensor, Tensor>> OfMatrix = new()
    {
        ["svdvals"] = linalg.svdvals,
        ["svd"] = x => { var (u, s, v) = linalg.svd(x, fullMatrices: false); return u.mul(s).matmul(v); }, ["inv"] = linalg.inv,
        ["det"] = linalg.det,
        ["logdet"] = x => x.matmul(x.mT).logdet(), ["slogdet"] = x => linalg.slogdet(x).Item2,
        ["pinv"] = x => linalg.pinv(x[..2]), ["nuclear"] = x => linalg.matrix_norm(x, "nuc"),
        ["spectral"] = x => linalg.matrix_norm(x, 2.0), ["frobenius"] = x => linalg.matrix_norm(x),
        ["vector norm"] = x => linalg.vector_norm(x, 3, [1]),
        ["qr"] = x => linalg.qr(x).R.abs(), ["cholesky"] = x => linalg.cholesky(x.matmul(x.mT)),
        ["eigvalsh"] = x => linalg.eigvalsh(x + x.mT), ["eigh"] = x => linalg.eigh(x + x.mT).Item2.square(),
        ["multi_dot"] = x => linalg.multi_dot([x, x.mT, x]), ["power"] = x => x.matrix_power(3),
        ["lstsq"] = x => linalg.lstsq(x, eye(3, dtype: float64)).Solution,
        ["triangular"] =
            x => linalg.solve_triangular(x.tril() + eye(3, dtype: float64) * 3, eye(3, dtype: float64), upper: false),
        ["cross"] = x => linalg.cross(x, x.mT.square()),
        ["lu"] = x => linalg.lu(x).U, ["cond"] = x => linalg.cond(x),
    };

    public static TheoryData<string> Matrices => new(OfMatrix.Keys);

    [Theory, MemberData(nameof(Matrices))]
    public void Of_a_matrix(string name)
    {
        var matrix = tensor(new double[,] { { 2.1, -0.3, 0.7 }, { 0.4, 1.2, -0.6 }, { -0.8, 0.5, 3.3 } });
        Gradcheck.Check(x => OfMatrix[name](x[0]), matrix);
    }
}
