// The border itself: boxed calls, metadata, errors, custom autograd functions.
using System.Runtime.InteropServices;
using LibTorch;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class CoreTests
{
    static readonly Operator Full = new("full"), Add = new("add", "Tensor"), Sum = new("sum"), MatMul = new("matmul"), Mul = new("mul", "Tensor"), Cummax = new("cummax");

    static Tensor Filled(double value, params long[] shape) => Full.Call(shape, value, ScalarType.Float64);

    [Fact]
    public void A_boxed_call_takes_defaults_and_returns_a_tensor()
    {
        using var sum = Add.Call(Filled(2, 3, 4), Filled(0.5, 3, 4));
        Assert.Equal([3L, 4], sum.shape);
        Assert.Equal([4L, 1], sum.stride());
        Assert.Equal(ScalarType.Float64, sum.dtype);
        Assert.Equal(DeviceType.CPU, sum.device_type);
        Assert.All(sum.data<double>().ToArray(), v => Assert.Equal(2.5, v));
        using var scaled = Add.Call(Filled(2, 3), Filled(1, 3), 10);
        Assert.Equal(12, scaled.data<double>()[1]);
    }

    [Fact]
    public void Wrong_calls_throw_one_line_and_leave_the_process_alone()
    {
        var shapes = Assert.Throws<ExternalException>(() => MatMul.Call(Filled(1, 2, 3), Filled(1, 2, 3)));
        Assert.Contains("2x3", shapes.Message);
        Assert.DoesNotContain("frame #", shapes.Message);
        Assert.Throws<ExternalException>(() => Cummax.CallPair(Filled(1, 2, 3), 7));
        Assert.Contains("wants", Assert.Throws<ExternalException>(() => Add.Call(Filled(1, 2), "two")).Message);
        Assert.Contains("missing", Assert.Throws<ExternalException>(() => Add.Call(Filled(1, 2))).Message);
        Assert.Contains("no operator", Assert.Throws<ExternalException>(() => new Operator("nonsense").Call()).Message);
        Assert.Throws<ExternalException>(() => Full.Call(new long[] { 2 }, 1.0, (ScalarType)(-3)));
        Assert.False(new Operator("nonsense").Exists);
        Assert.True(Add.Exists);
    }

    [Fact]
    public void A_disposed_tensor_says_so()
    {
        var tensor = Filled(1, 2);
        tensor.Dispose();
        tensor.Dispose();
        Assert.True(tensor.IsInvalid);
        Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(() => Add.Call(tensor, tensor)).Message);
        Assert.Throws<ObjectDisposedException>(() => tensor.shape);
    }

    [Fact]
    public void Gradients_reach_leaves()
    {
        var x = Filled(3, 2).requires_grad_();
        Sum.Call(Mul.Call(x, x)).backward();
        Assert.All(x.grad!.data<double>().ToArray(), g => Assert.Equal(6, g));
        using (no_grad()) Assert.False(Mul.Call(x, x).requires_grad);
    }

    sealed class Cube : autograd.SingleTensorFunction<Cube>
    {
        public override string Name => nameof(Cube);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var x = (Tensor)vars[0];
            if ((double)vars[1] < 0) throw new ArgumentException("a negative scale in forward");
            ctx.save_for_backward([x]);
            ctx.save_data("scale", vars[1]);
            return Mul.Call(Mul.Call(x, x), x);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var scale = (double)ctx.get_data("scale");
            if (scale == 0) throw new InvalidTimeZoneException("zero scale in backward");
            var x = ctx.get_saved_variables()[0];
            return [Mul.Call(Mul.Call(x, x), Mul.Call(grad_output, Filled(3 * scale, 1))), null!];
        }
    }

    [Fact]
    public void A_function_written_here_takes_part_in_backward()
    {
        var x = Filled(2, 4).requires_grad_();
        Sum.Call(Cube.apply(x, 1.0)).backward();
        Assert.All(x.grad!.data<double>().ToArray(), g => Assert.Equal(12, g));
    }

    [Fact]
    public void Exceptions_inside_a_function_arrive_as_they_were_thrown()
    {
        var x = Filled(2, 4).requires_grad_();
        Assert.Contains("negative", Assert.Throws<ArgumentException>(() => Cube.apply(x, -1.0)).Message);
        var thrown = Assert.Throws<InvalidTimeZoneException>(() => Sum.Call(Cube.apply(x, 0.0)).backward());
        Assert.Contains(nameof(Cube), thrown.StackTrace);
    }

    [Fact]
    public void A_graph_of_functions_is_freed()
    {
        void Pass()
        {
            using var scope = NewDisposeScope();
            var x = Filled(2, 1000).requires_grad_();
            var y = Cube.apply(Cube.apply(x, 1.0), 1.0);
            Sum.Call(y).backward();
        }
        Pass();
        GC.Collect(); GC.WaitForPendingFinalizers();
        var before = Memory.LiveBytes;
        for (var i = 0; i < 200; i++) Pass();
        GC.Collect(); GC.WaitForPendingFinalizers();
        Assert.InRange(Memory.LiveBytes - before, -100_000, 100_000);
    }
}
