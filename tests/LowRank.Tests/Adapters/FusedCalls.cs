// Layers that read the same x in one call give what they give apart, and so do their gradients.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class FusedCalls
{
    private static AdaptedLinear[] Layers()
    {
        manual_seed(11);
        var layers = new[] { 6L, 4, 9, 3 }.Select((size, i) => new AdaptedLinear(8, size, i % 2 == 0, ScalarType.Float64))
            .ToArray();
        layers[0].Adapt(Adapter.Lora(rank: 2, alpha: 3));
        layers[1].Adapt(Adapter.Dora(rank: 5, alpha: 3));
        layers[3].Adapt(Adapter.Lora(rank: 4, alpha: 3, bias: true));
        foreach (var parameter in layers[2].parameters()) parameter.requires_grad = false;
        using var grad = no_grad();
        foreach (var adapter in layers.SelectMany(l => l.Adapters))
            foreach (var (_, tensor) in adapter.Tensors) tensor.copy_(randn_like(tensor));
        return layers;
    }

    [Theory, InlineData(true, 3), InlineData(false, 3), InlineData(true, 5), InlineData(true, 20)]
    public void EqualsSeparateCalls(bool inputTrains, int tokens)
    {
        using var scope = NewDisposeScope();
        var layers = Layers();
        var parameters = layers.SelectMany(l => l.parameters()).Where(p => p.requires_grad).ToList();
        var x = randn(1, tokens, 8, dtype: ScalarType.Float64).requires_grad_(inputTrains);

        (Tensor[] Outputs, Tensor[] Gradients) Run(Func<Tensor[]> forward)
        {
            foreach (var parameter in parameters) parameter.grad = null!;
            x.grad = null!;
            var outputs = forward();
            outputs.Select((y, i) => (y * (i + 1)).square().sum()).Aggregate((a, b) => a + b).backward();
            return (outputs, [.. parameters.Select(p => p.grad!.clone()), .. inputTrains ? new[] { x.grad!.clone() } : []]);
        }

        var together = Run(() => AdaptedLinear.ForwardAll(x, layers));
        var apart = Run(() => layers.Select(l => l.forward(x)).ToArray());
        foreach (var (a, b) in apart.Outputs.Zip(together.Outputs)) Golden.Close(a, b, 1e-13, "output");
        foreach (var (a, b) in apart.Gradients.Zip(together.Gradients)) Golden.Close(a, b, 1e-13, "gradient");
    }

    [Fact]
    public void AnOutputThatNobodyUsesHasZeroGradients()
    {
        using var scope = NewDisposeScope();
        var layers = Layers();
        var x = randn(3, 8, ScalarType.Float64).requires_grad_();
        AdaptedLinear.ForwardAll(x, layers)[0].sum().backward();
        var alone = x.grad!.clone();
        x.grad = null!;
        layers[0].forward(x).sum().backward();
        Golden.Close(x.grad!, alone, 1e-13, "grad.x");
    }

    [Fact]
    public void BackwardTwiceGivesTheSameTwice()
    {
        using var scope = NewDisposeScope();
        var layers = Layers();
        var x = randn(3, 8, ScalarType.Float64).requires_grad_();
        var sum = AdaptedLinear.ForwardAll(x, layers).Select(y => y.square().sum()).Aggregate((a, b) => a + b);
        sum.backward(retain_graph: true);
        var once = x.grad!.clone();
        sum.backward();
        Golden.Close(once * 2, x.grad!, 1e-13, "grad.x");
    }
}
