// QA-LoRA's update over the int4 weight of the reference: outputs, gradients, and the merge into the zero points.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class QaLoraTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Fixtures => Golden.Where(f => f.Method == "qa-lora");

    private static (AdaptedLinear Layer, PooledUpdate Update, Dictionary<string, Tensor> Tensors) Build(string id)
    {
        var fixture = Golden.Fixture(id);
        var tensors = fixture.Load();
        var weight = tensors["base.dequantized"];
        var layer = new AdaptedLinear(weight.shape[1], weight.shape[0], hasBias: true);
        layer.load_state_dict(new() { ["weight"] = weight, ["bias"] = tensors["base.bias"] });
        layer.Adapt(Adapter.QaLora(fixture.Hyper("r", 0L), fixture.Hyper("lora_alpha", 0.0), fixture.Hyper("group_size", 0L)));
        var update = (PooledUpdate)layer.Find("default")!.Update;
        Assert.Equal(fixture.Hyper("scaling", 0.0), update.Scale);
        using var grad = no_grad();
        update.A.copy_(tensors["adapter.lora_A"]);
        update.B.copy_(tensors["adapter.lora_B"]);
        return (layer, update, tensors);
    }

    [Theory, MemberData(nameof(Fixtures))]
    public void EqualsTheReference(string id)
    {
        var (layer, update, tensors) = Build(id);
        var x = tensors["x"].clone().requires_grad_();
        var y = layer.forward(x);
        (y * tensors["probe"]).sum().backward();
        Golden.Close(tensors["pooled"], update.Pool(x.detach().flatten(0, 1)).view(tensors["pooled"].shape), Golden.LayerTolerance, "pooled");
        Golden.Close(tensors["out"], y, Golden.LayerTolerance, "out");
        Golden.Close(tensors["grad.x"], x.grad!, Golden.LayerTolerance, "grad.x");
        Golden.Close(tensors["grad.lora_A"], update.A.grad!, Golden.LayerTolerance, "grad.lora_A");
        Golden.Close(tensors["grad.lora_B"], update.B.grad!, Golden.LayerTolerance, "grad.lora_B");
        layer.Merge();
        Golden.Close(tensors["merged.weight"], layer.get_parameter("weight")!, Golden.LayerTolerance, "merged.weight");
    }

    /// <summary>The reference averages: s·BA divided by the group's size and the scale moves the zero points, and nothing else.</summary>
    [Theory, MemberData(nameof(Fixtures))]
    public void QaLorasPoolingFactorMergesIntoTheZeroPointsWithTheCodesUntouched(string id)
    {
        var (layer, update, t) = Build(id);
        using var grad = no_grad();
        var moved = update.B.mm(update.A) * update.Scale / update.GroupSize;    // [out, groups]
        Golden.Close(t["merged.zeros"], t["base.zeros"] - moved / t["base.scales"], Golden.LayerTolerance, "merged.zeros");
        var zeros = (t["base.zeros"] - moved / t["base.scales"]).repeat_interleave(update.GroupSize, 1);
        var merged = (t["base.codes"].to(ScalarType.Float32) - zeros) * t["base.scales"].repeat_interleave(update.GroupSize, 1);
        Golden.Close(layer.forward(t["x"]), nn.functional.linear(t["x"], merged, layer.Bias!), 1e-5, "the int4 layer with moved zeros");
    }
}
