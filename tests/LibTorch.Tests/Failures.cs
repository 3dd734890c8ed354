// No wrong call ends the process: each is a .NET exception with libtorch's first line.
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class Failures
{
    static string Message(Action wrong)
    {
        var message = Assert.Throws<ExternalException>(wrong).Message;
        Assert.DoesNotContain("frame #", message);
        Assert.DoesNotContain("Exception raised from", message);
        return message;
    }

    [Fact]
    public void Shapes_and_dimensions_are_named()
    {
        using Tensor a = ones(2, 3), b = ones(4, 5);
        Assert.Contains("2x3 and 4x5", Message(() => a.matmul(b)));
        Assert.Contains("Dimension out of range", Message(() => new Operator("cummax").CallPair(a, 7)));
        Assert.Contains("invalid for input of size 6", Message(() => a.reshape(4, 4)));
        Assert.Contains("must match the size", Message(() => (a + b).Dispose()));
        Assert.Contains("out of range", Message(() => a.select(0, 5).Dispose()));
    }

    [Fact]
    public void Argument_kinds_are_checked_against_the_schema()
    {
        using var x = ones(2);
        var add = new Operator("add", "Tensor");
        Assert.Contains("\"other\" wants Tensor, not a string", Message(() => add.Call(x, "two")));
        Assert.Contains("\"other\" is missing", Message(() => add.Call(x)));
        Assert.Contains("takes at most 3", Message(() => add.Call(x, x, 1, 1)));
        Assert.Contains("\"self\" wants Tensor, not None", Message(() => add.Call(Argument.None, x)));
        Assert.Contains("no operator aten::frobnicate", Message(() => new Operator("frobnicate").Call(x)));
        Assert.Contains("no operator aten::add.Nonsense", Message(() => new Operator("add", "Nonsense").Call(x)));
        Assert.Contains("out of range: -3", Message(() => x.to((ScalarType)(-3)).Dispose()));
        Assert.Contains("out of range: 100", Message(() => x.to((ScalarType)100).Dispose()));
    }

    [Fact]
    public void Devices_that_are_not_there_are_errors()
    {
        using var x = ones(2);
        foreach (var device in new[] { new Device((DeviceType)77), new Device((DeviceType)(-5)), new Device(DeviceType.XLA, 0) })
            Assert.NotEmpty(Message(() => x.to(device).Dispose()));
        foreach (var index in new[] { 300, -7 })
            Assert.NotEmpty(Message(() => new Operator("to", "device").Call(x, new Device(DeviceType.CUDA, index), float32)));
        Assert.Contains("gpu", Assert.Throws<ArgumentException>(() => new Device("gpu")).Message);
    }

    [Fact]
    public void Impossible_sizes_are_errors()
    {
        Assert.NotEmpty(Message(() => ones(-1).Dispose()));
        Assert.NotEmpty(Message(() => empty(long.MaxValue).Dispose()));
        Assert.NotEmpty(Message(() => empty(1L << 31, 1L << 31).Dispose()));
        Assert.Contains("not enough memory", Message(() => empty(1L << 44).Dispose()));
    }

    [Fact]
    public void Backward_from_what_has_no_gradient_is_an_error()
    {
        using var x = ones(2, 2);
        Assert.Contains("does not require grad", Message(() => x.sum().backward()));
        Assert.Contains("scalar outputs", Message(() => ones(2).requires_grad_().mul(2).backward()));
        Assert.Contains("floating point", Message(() => ones(2, int64).requires_grad_()));
    }

    [Fact]
    public void A_disposed_tensor_is_refused_everywhere()
    {
        using var x = ones(2, 2);
        var gone = ones(2, 2);
        gone.Dispose();
        gone.Dispose();
        Action[] uses =
        [
            () => gone.add(x), () => x.add(gone), () => _ = gone.shape, () => _ = gone.dtype, () => _ = gone.device, () => _ = gone.requires_grad,
            () => _ = gone.grad, () => gone.backward(), () => gone.data<float>(), () => gone.item<float>(), () => cat([x, gone]), () => _ = gone.Handle,
            () => stack([x, gone]), () => x.grad = gone, () => _ = gone.NumberOfElements, () => gone.DecoupleFromNativeHandle(),
        ];
        Assert.All(uses, use => Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(use).Message));
        Assert.True(gone.IsInvalid);
        _ = gone.ToString();
        Assert.Equal(4f, x.sum().item<float>());   // and what it was used with was not harmed
    }

    [Fact]
    public void Elements_are_read_in_their_own_type_and_range()
    {
        using var x = arange(6, float32).reshape(2, 3);
        Assert.Contains("Single", Assert.Throws<ArgumentException>(() => x.data<double>()).Message);
        Assert.Contains("6 elements", Assert.Throws<ArgumentException>(() => x.item<float>()).Message);
        var data = x.data<float>();
        Assert.Throws<IndexOutOfRangeException>(() => data[2, 0]);
        Assert.Throws<IndexOutOfRangeException>(() => data[-1]);
        Assert.ThrowsAny<ArgumentException>(() => data[0, 0, 0]);
        Assert.ThrowsAny<ArgumentException>(() => data.CopyTo(new float[2], arrayIndex: 5));
        Assert.ThrowsAny<ArgumentException>(() => data.CopyTo(new float[2], tensorIndex: 7));
        Assert.ThrowsAny<ArgumentException>(() => data.CopyTo(new float[2], tensorIndex: -1));
        Assert.ThrowsAny<ArgumentException>(() => data.CopyFrom(new float[2], tensorIndex: -1));
        Assert.ThrowsAny<ArgumentException>(() => data.CopyFrom(new float[2], arrayIndex: -1));
        Assert.Throws<InvalidOperationException>(() => x.t().bytes.Length);
        data.Dispose();
    }
}
