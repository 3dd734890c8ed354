// The gradients of a scalar function against central differences in float64.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

internal static class Gradients
{
    /// <summary>Compares autograd's gradient of Σ f ⊙ probe with (f(t + h) − f(t − h)) / 2h for every element of every
    /// tensor.</summary>
    /// <param name="function">Calls the layer anew.</param>
    /// <param name="frozen">In differences only: what to call before each evaluation, and its values must not follow the
    /// tensors.</param>
    public static void Check(Func<Tensor> function, params (string Name, Tensor Tensor)[] tensors)
    {
        Tensor probe;
        using (no_grad()) probe = Probe(function());
        foreach (var (_, tensor) in tensors) tensor.grad = null!;
        (function() * probe).sum().backward();
        foreach (var (name, tensor) in tensors)
        {
            Assert.True(tensor.grad is not null, $"{name} has no gradient");
            Golden.Close(Differences(() => (function() * probe).sum().item<double>(), tensor), tensor.grad!, 1e-7,
                $"gradient of {name}");
        }
    }

    public static Tensor Differences(Func<double> function, Tensor tensor)
    {
        const double Step = 1e-5;
        using var grad = no_grad();
        var flat = tensor.detach().view(-1);
        var result = zeros_like(flat);
        for (long i = 0; i < flat.shape[0]; i++)
        {
            var element = flat.narrow(0, i, 1);
            element.add_(Step);
            var up = function();
            element.sub_(2 * Step);
            var down = function();
            element.add_(Step);
            result.narrow(0, i, 1).fill_((up - down) / (2 * Step));
        }
        return result.view(tensor.shape);
    }

    /// <summary>Fixed weights without pattern, as the output's shape.</summary>
    private static Tensor Probe(Tensor output) => arange(output.numel(), ScalarType.Float64).mul(0.7).sin().view(output.shape);
}
