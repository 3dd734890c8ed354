// Gradients against central differences, in float64.
using static TorchSharp.torch;

namespace LibTorch.Tests;

/// <summary>
/// d/dx Σ w ⊙ f(x), w random, once from backward() and once from (f(x + h) − f(x − h)) / 2h for every element of every input.
/// With h = 1e-6 the difference is good to about 1e-9 for functions of moderate size; the tolerance leaves room for curvature.
/// </summary>
static class Gradcheck
{
    const double Step = 1e-6, Tolerance = 1e-6;

    public static void Check(Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        using var scope = NewDisposeScope();
        var leaves = Array.ConvertAll(inputs, x => x.detach().to(ScalarType.Float64, copy: true).contiguous().requires_grad_());
        var output = function(leaves);
        Assert.Equal(ScalarType.Float64, output.dtype);
        var weight = randn(output.shape, ScalarType.Float64, generator: new Generator(7));
        output.mul(weight).sum().backward();

        double Value() { using var off = no_grad(); using var inner = NewDisposeScope(); return (double)function(leaves).mul(weight).sum(); }

        for (var i = 0; i < leaves.Length; i++)
        {
            var gradient = leaves[i].grad;
            Assert.True(gradient is not null, $"input {i} got no gradient");
            var analytic = gradient!.contiguous().data<double>().ToArray();
            var elements = leaves[i].data<double>();
            for (var k = 0; k < analytic.Length; k++)
            {
                var index = Unravel(k, leaves[i].shape);
                var at = elements[index];
                elements[index] = at + Step;
                var above = Value();
                elements[index] = at - Step;
                var below = Value();
                elements[index] = at;
                var numeric = (above - below) / (2 * Step);
                Assert.True(Math.Abs(numeric - analytic[k]) <= Tolerance * Math.Max(1, Math.Abs(numeric)),
                    $"input {i}, element {k}: backward gives {analytic[k]}, differences give {numeric}");
            }
        }
    }

    static long[] Unravel(long flat, long[] shape)
    {
        var index = new long[shape.Length];
        for (var d = shape.Length - 1; d >= 0; d--)
        {
            index[d] = flat % shape[d];
            flat /= shape[d];
        }
        return index;
    }
}
