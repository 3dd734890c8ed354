// The fixtures of single layers with a bfloat16 weight and input: bf16 keeps 8 bits, so outputs agree to about a hundredth of the largest.
using LowRank.Tests.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class NarrowFixtures : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> All => LayerFixtures.All;

    [Theory, MemberData(nameof(All))]
    public void Equals_in_bfloat16(string id)
    {
        var fixture = Golden.Fixture(id);
        var tensors = fixture.Load();
        var (layer, adapter) = LayerFixtures.Build(fixture, tensors, ScalarType.BFloat16);
        var x = tensors["x"].to(ScalarType.BFloat16).requires_grad_();
        var y = layer.forward(x);
        Assert.Equal(ScalarType.BFloat16, y.dtype);
        (y.to(ScalarType.Float32) * tensors["probe"]).sum().backward();
        Golden.Close(tensors["out"], y, 0.03, "out");
        Golden.Close(tensors["grad.x"], x.grad!, 0.06, "grad.x");
        foreach (var (name, parameter) in adapter.Tensors)
        {
            var key = "grad." + LayerFixtures.NameIn(tensors, name);
            Golden.Close(tensors[key], parameter.grad!, 0.06, key);
        }
    }
}
