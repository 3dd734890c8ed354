using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Kernels;

public sealed class FewRowsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public FewRowsTests() => manual_seed(1);

    public void Dispose() => scope.Dispose();

    private static double Gap(Tensor a, Tensor b) => a.to(ScalarType.Float64).sub(b.to(ScalarType.Float64)).abs().max().item<double>();

    [Theory]
    [InlineData(1, 1), InlineData(3, 5), InlineData(15, 7), InlineData(16, 33), InlineData(129, 64), InlineData(700, 130)]
    public void They_are_the_products_that_a_matrix_product_gives(long outputs, long inputs)
    {
        using var grad = no_grad();
        for (var rows = 1; rows <= 9; rows++)
            foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
            {
                var (x, w, b) = (randn(rows, inputs, dtype), randn(outputs, inputs, dtype), randn(outputs, dtype));
                Assert.Equal(rows == 1 || rows <= 8 && dtype == ScalarType.Float32, FewRows.Fit(x, w));
                if (!FewRows.Fit(x, w)) continue;
                var product = FewRows.Times(x, w);
                var expected = x.to(ScalarType.Float64).mm(w.to(ScalarType.Float64).t());
                Assert.InRange(Gap(product, expected), 0, (dtype == ScalarType.Float32 ? 1e-5 : 1e-13) * Math.Sqrt(inputs) * 3);
                Assert.True(product.is_contiguous());
                var batched = FewRows.Linear(x.view(1, rows, inputs), w, b);
                Assert.Equal([1, rows, outputs], batched.shape);
                Assert.InRange(Gap(batched[0], product + b), 0, 1e-5);
            }
    }

    /// <summary>Rows of a wider matrix, a turned one, and types that a matrix product has to do.</summary>
    [Fact]
    public void What_does_not_lie_row_by_row_is_right_or_left_alone()
    {
        using var grad = no_grad();
        var (wide, x) = (randn(40, 60), randn(1, 20));
        foreach (var w in new[] { wide.narrow(1, 7, 20), randn(20, 40).t(), zeros(1).expand(40, 20) })
            Assert.InRange(Gap(FewRows.Times(x, w), x.mm(w.t())), 0, 1e-4);
        Assert.False(FewRows.Fit(randn(3, 20), wide.narrow(1, 7, 20)));
        Assert.False(FewRows.Fit(x.to(ScalarType.BFloat16), randn(40, 20).to(ScalarType.BFloat16)));
        Assert.False(FewRows.Fit(x.to(ScalarType.Float64), randn(40, 20)));
        Assert.False(FewRows.Fit(zeros(0, 20), randn(40, 20)));
    }

    [Theory, InlineData(1), InlineData(5), InlineData(8), InlineData(9)]
    public void With_gradients_a_layer_gives_the_same_numbers_and_their_gradients(int rows)
    {
        var layer = new AdaptedLinear(20, 40, hasBias: true);
        var (weight, bias) = (layer.Weight.Parameter!, layer.Bias!);
        var x = randn([1, rows, 20], requires_grad: true);
        var y = layer.forward(x);
        using (no_grad()) Assert.True(y.eq(layer.forward(x)).all().item<bool>());
        y.mul(y).sum().backward();
        var (dx, dw, db) = (x.grad!.clone(), weight.grad!.clone(), bias.grad!.clone());
        foreach (var tensor in new[] { x, weight, bias }) tensor.grad = null!;
        var plain = nn.functional.linear(x, weight, bias);
        plain.mul(plain).sum().backward();
        foreach (var (a, b) in new[] { (dx, x.grad!), (dw, weight.grad!), (db, bias.grad!) }) Assert.InRange(Gap(a, b), 0, 1e-4);
    }

    [Theory, InlineData(1), InlineData(5), InlineData(12)]
    public void A_layer_gives_the_same_with_an_adapter_that_does_nothing(int rows)
    {
        using var grad = no_grad();
        var layer = new AdaptedLinear(24, 40, hasBias: true);
        var x = randn(rows, 24);
        var expected = nn.functional.linear(x, layer.Weight.Parameter!, layer.Bias!);
        Assert.InRange(Gap(layer.forward(x), expected), 0, 1e-5);
        layer.Adapt(Adapter.Lora(2));
        Assert.InRange(Gap(layer.forward(x), expected), 0, 1e-5);
    }
}
