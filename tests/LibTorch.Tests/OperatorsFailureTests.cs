// Wrong shapes, dimensions, types and values: an exception with one line, and the process goes on.
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsFailureTests
{
    static readonly Dictionary<string, (Action Call, string Says)> WrongCalls = new()
    {
        ["matmul"] = (() => zeros(2, 3).matmul(zeros(2, 3)), "cannot be multiplied"),
        ["mm of a batch"] = (() => zeros(2, 3, 4).mm(zeros(4, 2)), "matrix"),
        ["bmm"] = (() => zeros(2, 3, 4).bmm(zeros(3, 4, 2)), "batch"),
        ["add"] = (() => { _ = zeros(2) + zeros(3); }, "must match"),
        ["cummax"] = (() => zeros(2).cummax(5), "Dimension out of range"),
        ["sum"] = (() => zeros(2).sum(3), "Dimension out of range"),
        ["mean of integers"] = (() => zeros([2], int64).mean(), "dtype"), ["max of nothing"] = (() => zeros(0).max(), "numel"),
        ["view"] = (() => zeros(2, 3).view(4), "invalid for input of size"),
        ["view of a transpose"] = (() => zeros(2, 3).t().view(6), "reshape"),
        ["reshape"] = (() => zeros(2, 3).reshape(5, -1), "invalid"), ["permute"] = (() => zeros(2, 3).permute(0, 0), "dims"),
        ["expand"] = (() => zeros(2, 3).expand(3, 3), "must match"),
        ["cat"] = (() => cat([zeros(2, 3), zeros(3, 2)]), "Sizes of tensors must match"),
        ["cat of nothing"] = (() => cat(Array.Empty<Tensor>()), "non-empty"),
        ["stack"] = (() => stack([zeros(2), zeros(3)]), "equal size"),
        ["gather"] = (() => zeros(2, 2).gather(0, tensor(new long[,] { { 5 } })), "out of bounds"),
        ["index_select"] = (() => zeros(2).index_select(0, tensor(new long[] { 9 })), "out of range"),
        ["index type"] = (() => zeros(2).index_select(0, tensor(new[] { 0.5 })), "index"),
        ["index too large"] = (() => { _ = zeros(2, 3)[0, 3]; }, "out of range"),
        ["negative index"] = (() => { _ = zeros(2)[-3]; }, "out of range"),
        ["index tensor"] = (() => { _ = zeros(2)[tensor(new long[] { 2 })]; }, "out of bounds"),
        ["mask shape"] = (() => { _ = zeros(2)[tensor(new[] { true, false, true })]; }, "does not match"),
        ["set"] = (() => { var x = zeros(2, 3); x[0] = zeros(2); }, "match"),
        ["in place on a leaf"] = (() => zeros(2, requires_grad: true).add_(1), "leaf"),
        ["in place type"] = (() => zeros([2], int64).add_(0.5), "result type"),
        ["negative size"] = (() => zeros(-1), "negative"), ["empty arange"] = (() => arange(5, 1, 1), "bound"),
        ["linspace"] = (() => linspace(0, 1, -1), "steps"), ["randint"] = (() => randint(5, 5, [2]), "from"),
        ["multinomial"] = (() => multinomial(tensor(new[] { 1.0, -1 }), 1), "probability"),
        ["bernoulli"] = (() => zeros(2).bernoulli_(1.5), "p"), ["uniform"] = (() => zeros(2).uniform_(1, 0), "uniform_"),
        ["singular"] = (() => linalg.inv(zeros(2, 2)), "singular"),
        ["cholesky"] = (() => linalg.cholesky(-eye(2)), "positive-definite"),
        ["svd of a vector"] = (() => linalg.svd(zeros(2)), "at least 2"),
        ["svd of integers"] = (() => linalg.svd(zeros([2, 2], int64)), "float"),
        ["eigh"] = (() => linalg.eigh(zeros(2, 3)), "square"), ["UPLO"] = (() => linalg.eigh(eye(2), 'X'), "UPLO"),
        ["norm order"] = (() => linalg.norm(eye(2), "max"), "max"),
        ["einsum"] = (() => einsum("ij,jk->ik", zeros(2, 3), zeros(2, 3)), "einsum"),
        ["einsum letters"] = (() => einsum("ij->k", zeros(2, 3)), "output"), ["tril"] = (() => zeros(2).tril(), "dim"),
        ["split"] = (() => zeros(5).split([2, 2]), "split_sizes"), ["chunk"] = (() => zeros(5).chunk(0), "greater than 0"),
        ["topk"] = (() => zeros(3).topk(4), "out of range"), ["roll"] = (() => zeros(3).roll([1, 2], [0]), "shifts"),
        ["dtype out of range"] = (() => zeros([2], (ScalarType)99), "out of range"),
        ["negative dtype"] = (() => zeros(2).to((ScalarType)(-3)), "out of range"),
        ["complex maximum"] = (() => tensor(1f, 2f).maximum(tensor(1f, 2f)), "complex"),
        ["bool minus"] = (() => { _ = tensor(true) - tensor(true); }, "bool"),
        ["clamp without bounds"] = (() => zeros(2).clamp((Scalar?)null), "min"),
        ["diagonal"] = (() => zeros(2, 2).diagonal(0, 1, 1), "identical"),
        ["unflatten"] = (() => zeros(6).unflatten(0, 4, 2), "unflatten"),
        ["scatter"] = (() => zeros(2, 2).scatter(0, zeros([1], int64), zeros(1)), "same number"),
        ["slice step"] = (() => zeros(4).slice(0, 0, 4, 0), "step"),
        ["bincount"] = (() => bincount(tensor(new long[] { -1 })), "non-negative"),
        ["quantile"] = (() => rand(4).quantile(tensor(1.5f)), "range"),
        ["as_strided"] = (() => zeros(4).as_strided([10], [1]), "storage"),
    };

    public static TheoryData<string> Names => new(WrongCalls.Keys);

    [Theory, MemberData(nameof(Names))]
    public void A_wrong_call_says_what_is_wrong_in_one_line(string name)
    {
        var (call, says) = WrongCalls[name];
        var error = Assert.ThrowsAny<ExternalException>(call);
        Assert.Contains(says, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\n', error.Message);
        Assert.DoesNotContain("frame #", error.Message);
    }

    [Fact]
    public void Our_own_checks_name_the_shape_and_the_remedy()
    {
        Assert.Contains("3 indices for a tensor of 2 dimensions, [2, 3]", Assert.Throws<ArgumentException>(() => zeros(2, 3)[0, 0, 0]).Message);
        Assert.Contains("3 indices", Assert.Throws<ArgumentException>(() => zeros(2, 3)[.., .., 0]).Message);
        Assert.Contains("make it a bool tensor", Assert.Throws<ArgumentException>(() => where(zeros(2), zeros(2), zeros(2))).Message);
        Assert.Contains("make it a bool tensor", Assert.Throws<ArgumentException>(() => zeros(2).masked_fill(ones(2), 1)).Message);
        Assert.Contains("write sum(0L)", Assert.Throws<ArgumentException>(() => zeros(2, 3).sum(0)).Message);
        Assert.Contains("cuda:77", Assert.Throws<InvalidOperationException>(() => zeros(2).to(new Device(DeviceType.CUDA, 77))).Message);
        Assert.Contains("cuda:77", Assert.Throws<InvalidOperationException>(() => zeros(2, device: "cuda:77")).Message);
        Assert.Contains("it has to be positive", Assert.Throws<ArgumentException>(() => zeros(4)[TensorIndex.Slice(step: -1)]).Message);
        Assert.Contains("tensordot over 3 dimensions", Assert.Throws<ArgumentException>(() => zeros(2, 3).tensordot(zeros(3, 2), 3)).Message);
        Assert.Contains("rounding mode 9", Assert.Throws<ArgumentException>(() => zeros(2).div(1, (RoundingMode)9)).Message);
    }

    [Fact]
    public void A_disposed_tensor_says_so()
    {
        var x = zeros(2);
        x.Dispose();
        Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(() => x.add(1)).Message);
        Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(() => cat([zeros(2), x])).Message);
        Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(() => x.add_(1)).Message);
    }
}
