// The one-pass kernels against the same formulas written with tensor operators, in shapes that fill blocks and that don't.
using LowRank;
using static TorchSharp.torch;

namespace LowRank.Tests.Kernels;

public class KernelTests
{
    static void Close(Tensor expected, Tensor actual, double tolerance = 2e-6)
    {
        var worst = (double)expected.sub(actual).abs().max();
        Assert.True(worst <= tolerance * Math.Max(1, (double)expected.abs().max()), $"off by {worst:g3}");
    }

    public static TheoryData<long, long> Shapes => new() { { 1, 1 }, { 3, 5 }, { 7, 1024 }, { 129, 688 }, { 1024, 256 } };

    [Theory, MemberData(nameof(Shapes))]
    public void SwiGlu(long rows, long size)
    {
        manual_seed(1);
        var (gate, up, gradient) = (randn(rows, size).mul_(4), randn(rows, size), randn(rows, size));
        var (y, dgate, dup) = (empty_like(gate), empty_like(gate), empty_like(gate));
        SwiGluKernel.Forward(gate, up, y);
        var (g, u) = (gate.clone().requires_grad_(), up.clone().requires_grad_());
        var expected = g.silu().mul(u);
        Close(expected.detach(), y);
        expected.backward([gradient]);
        SwiGluKernel.Backward(gate, up, gradient, dgate, dup);
        Close(g.grad!, dgate);
        Close(u.grad!, dup);
    }

    [Theory, MemberData(nameof(Shapes))]
    public void RmsNorm(long rows, long size)
    {
        manual_seed(2);
        var (x, weight, gradient) = (randn(rows, size).add_(0.5), randn(size), randn(rows, size));
        var (y, inverse, dx) = (empty_like(x), empty(rows), empty_like(x));
        RmsNormKernel.Forward(x, weight, 1e-5, y, inverse);
        var leaf = x.clone().requires_grad_();
        var expected = leaf.mul(leaf.square().mean([-1], keepdim: true).add(1e-5).rsqrt()).mul(weight);
        Close(expected.detach(), y);
        expected.backward([gradient]);
        RmsNormKernel.Backward(x, weight, inverse, gradient, dx);
        Close(leaf.grad!, dx, 1e-5);
    }

    [Theory, InlineData(1, 1), InlineData(4, 7), InlineData(12, 128)]
    public void Causal_softmax(long heads, long tokens)
    {
        manual_seed(3);
        var (scores, gradient) = (randn(heads, tokens, tokens).mul_(5), randn(heads, tokens, tokens));
        var leaf = scores.clone().requires_grad_();
        var mask = full(tokens, tokens, double.NegativeInfinity).triu_(1);
        var expected = leaf.add(mask).softmax(-1);
        expected.backward([gradient]);
        SoftmaxKernel.CausalForward(scores);
        Close(expected.detach(), scores);
        SoftmaxKernel.CausalBackward(scores, gradient);
        Close(leaf.grad!, gradient);
    }

    [Fact]
    public void Cross_entropy_gives_the_loss_and_turns_logits_into_its_gradient()
    {
        manual_seed(4);
        var logits = randn(33, 301).mul_(3);
        var targets = randint(301, [33L]);
        var share = rand(33);
        share.narrow(0, 5, 2).zero_();
        var leaf = logits.clone().requires_grad_();
        var expected = leaf.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1).mul(share).sum().neg();
        expected.backward();
        Assert.Equal((double)expected, SoftmaxKernel.CrossEntropy(logits, share, targets), 1e-4);
        Close(leaf.grad!, logits);
    }
}
