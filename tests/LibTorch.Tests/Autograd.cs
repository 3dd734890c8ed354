// Functions written in C#: their graphs are freed, long chains do not overflow the stack, exceptions keep type and stack.
using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class Autograd
{
    sealed class Double : autograd.SingleTensorFunction<Double>
    {
        public override string Name => nameof(Double);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var output = (Tensor)vars[0] * 2;
            ctx.save_for_backward([(Tensor)vars[0], output]);
            return output;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            if (ctx.get_saved_variables() is not [{ IsInvalid: false }, { IsInvalid: false }]) throw new InvalidOperationException("saved tensors were lost");
            return [grad_output * 2];
        }
    }

    sealed class Fails : autograd.SingleTensorFunction<Fails>
    {
        public override string Name => nameof(Fails);
        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) =>
            vars[1] is "forward" ? throw new BadImageFormatException("thrown in forward") : ((Tensor)vars[0]).clone();
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => ThrowDeepInside();

        [MethodImpl(MethodImplOptions.NoInlining)]
        static List<Tensor> ThrowDeepInside() => throw new BadImageFormatException("thrown in backward");
    }

    sealed class WrongCount : autograd.SingleTensorFunction<WrongCount>
    {
        public override string Name => nameof(WrongCount);
        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).clone();
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [grad_output, grad_output];
    }

    sealed class Pair : autograd.MultiTensorFunction<Pair>
    {
        public override string Name => nameof(Pair);
        public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars) => [(Tensor)vars[0] + (Tensor)vars[1], (Tensor)vars[0] - (Tensor)vars[1]];
        public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs) => [grad_outputs[0] + grad_outputs[1], grad_outputs[0] - grad_outputs[1]];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Twenty_thousand_passes_free_their_graphs(bool inScopes)
    {
        using var x = ones(100).requires_grad_();
        void Pass()
        {
            using var scope = inScopes ? NewDisposeScope() : null;
            Double.apply(Double.apply(x)).sum().backward();
        }
        Pass();
        var live = ProcessMemory.LiveTensors;
        for (var i = 1; i <= 20_000; i++)
        {
            Pass();
            if (i % 2_000 == 0) GC.Collect();
        }
        ProcessMemory.AssertBackAt(live);
        Assert.Equal(4f * 20_001, x.grad!.data<float>()[0]);
    }

    [Fact]
    public void A_graph_without_backward_is_freed_too()
    {
        using var x = ones(1000).requires_grad_();
        var live = ProcessMemory.LiveTensors;
        void Forget() { for (var i = 0; i < 2_000; i++) Double.apply(Double.apply(x)); }
        Forget();
        ProcessMemory.AssertBackAt(live);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_chain_of_a_hundred_thousand_nodes_runs_and_is_freed(bool written)
    {
        using var x = ones(1).requires_grad_();
        var live = ProcessMemory.LiveTensors;
        void Run()
        {
            using var scope = NewDisposeScope();
            var y = x;
            for (var i = 0; i < 100_000; i++) y = written ? Same.apply(y) : y * 1;
            y.sum().backward();
            Assert.Equal(1f, x.grad!.item<float>());
            x.grad = null;
        }
        Run();
        ProcessMemory.AssertBackAt(live);
    }

    sealed class Same : autograd.SingleTensorFunction<Same>
    {
        public override string Name => nameof(Same);
        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).clone();
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [grad_output.clone()];
    }

    [Fact]
    public void Exceptions_arrive_with_their_type_and_stack()
    {
        using var x = ones(2).requires_grad_();
        var forward = Assert.Throws<BadImageFormatException>(() => Fails.apply(x, "forward"));
        Assert.Contains("Fails.forward", forward.StackTrace);
        var backward = Assert.Throws<BadImageFormatException>(() => Fails.apply(x, "backward").sum().backward());
        Assert.Contains("ThrowDeepInside", backward.StackTrace);
        Assert.Contains(nameof(Exceptions_arrive_with_their_type_and_stack), backward.StackTrace);
        (x * 2).sum().backward();   // the engine works on
        Assert.Equal(2f, x.grad!.data<float>()[0]);
    }

    [Fact]
    public void Exceptions_keep_nothing_alive()
    {
        using var x = ones(1000).requires_grad_();
        void Fail(string where) { try { Fails.apply(x, where).sum().backward(); } catch (BadImageFormatException) { } }
        Fail("forward"); Fail("backward");
        var live = ProcessMemory.LiveTensors;
        for (var i = 0; i < 500; i++) { Fail("forward"); Fail("backward"); }
        ProcessMemory.AssertBackAt(live);
    }

    [Fact]
    public void A_wrong_number_of_gradients_is_named()
    {
        using var x = ones(2).requires_grad_();
        var thrown = Assert.Throws<InvalidOperationException>(() => WrongCount.apply(x).sum().backward());
        Assert.Contains("WrongCount.backward returned 2 gradients", thrown.Message);
    }

    [Fact]
    public void Functions_may_have_several_outputs()
    {
        using Tensor a = ones(3).requires_grad_(), b = ones(3).requires_grad_();
        var outputs = Pair.apply(a, b);
        (outputs[0] * 3 + outputs[1]).sum().backward();
        Assert.Equal((4f, 2f), (a.grad!.data<float>()[0], b.grad!.data<float>()[0]));
    }

    [Fact]
    public void A_graph_used_twice_says_so()
    {
        using var x = ones(2).requires_grad_();
        var y = Double.apply(x).sum();
        y.backward();
        Assert.Contains("second time", Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => y.backward()).Message);
    }
}
