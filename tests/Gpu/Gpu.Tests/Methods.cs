// Every method of the common list on the GPU, beside the same layer on the CPU; and ten steps of training.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class Methods : IDisposable
{
    private const long In = 24, Out = 40;

    /// <summary>float32 on both sides, summed in another order.</summary>
    private const double Tolerance = 1e-5;

    private readonly DisposeScope scope = NewDisposeScope();

    public Methods() => manual_seed(11);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Names => MethodData.Names;

    /// <summary>A layer on the CPU whose adapter has been moved away from its start.</summary>
    private static AdaptedLinear Trained(string method)
    {
        var layer = new AdaptedLinear(In, Out, hasBias: true);
        layer.Adapt(MethodList.All[method].Config);
        using var guard = no_grad();
        foreach (var (_, tensor) in layer.Adapters[0].Tensors)
            if (tensor.requires_grad) tensor.add_(randn_like(tensor).mul_(0.3));
        return layer;
    }

    /// <summary>Output, and gradients by name, x's among them.</summary>
    private static (Tensor Output, Dictionary<string, Tensor> Gradients) Pass(AdaptedLinear layer, Tensor input)
    {
        foreach (var (_, tensor) in layer.Adapters[0].Tensors) tensor.grad = null;
        var x = input.detach().clone().requires_grad_();
        var y = layer.forward(x);
        (y * y).sum().backward();
        var gradients = layer.Adapters[0].Tensors.Where(t => t.Value.requires_grad).ToDictionary(t => t.Name, t => t.Value.grad!.clone());
        gradients["x"] = x.grad!;
        return (y.detach(), gradients);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_layer_that_moved_computes_what_it_did(string method)
    {
        foreach (var tokens in new[] { 2, 60 })             // few and many: the layer multiplies in another order
        {
            var layer = Trained(method);
            var x = randn(tokens, In);
            var (output, gradients) = Pass(layer, x);
            layer.to(Gpu.Device);
            Assert.All(layer.Adapters[0].Tensors, t => Assert.Equal(Gpu.Device.type, t.Value.device_type));
            var (there, theirs) = Pass(layer, x.to(Gpu.Device));
            Assert.Equal(Gpu.Device.type, there.device_type);
            Golden.Close(output, there, Tolerance, "output");
            Assert.Equal(gradients.Keys, theirs.Keys);
            foreach (var (name, gradient) in gradients) Golden.Close(gradient, theirs[name], 10 * Tolerance, $"gradient of {name}");
            layer.to(CPU);
            Golden.Close(output, layer.forward(x), 1e-6, "output, back on the CPU");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Merged_it_computes_the_same_and_unmerged_it_has_every_bit_again(string method)
    {
        var layer = Trained(method);
        layer.to(Gpu.Device);
        using var guard = no_grad();
        var x = randn(15, In).to(Gpu.Device);
        var (weight, before, adapted) = (layer.get_parameter("weight")!, layer.get_parameter("weight")!.clone(), layer.forward(x));
        layer.Merge();
        Golden.Close(adapted, layer.forward(x), Tolerance, "merged");
        layer.Unmerge();
        Assert.True(weight.eq(before).all().item<bool>());
    }

    [Theory, MemberData(nameof(Names))]
    public void A_layer_made_there_starts_at_its_base_and_trains(string method)
    {
        var layer = new AdaptedLinear(In, Out, hasBias: true, device: Gpu.Device);
        var x = randn(15, In).to(Gpu.Device);
        layer.Adapt(MethodList.All[method].Config);
        var (output, gradients) = Pass(layer, x);
        Assert.All(gradients.Values, gradient => Assert.True(gradient.isfinite().all().item<bool>()));
        Assert.Contains(gradients, g => g.Key != "x" && g.Value.abs().max().item<float>() > 0);
        if (!MethodList.All[method].StartsAtBase) return;
        layer.EnableAdapters(false);
        Golden.Close(layer.forward(x), output, Tolerance, "before training");
    }

    [Theory, MemberData(nameof(Names))]
    public void Ten_steps_on_one_batch_lower_its_loss(string method)
    {
        using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/tiny"), device: Gpu.Device);
        model.Adapt(MethodList.All[method].Config, "all-linear");
        var losses = Training.TenSteps(model);
        Assert.True(losses[^1] < losses[0], string.Join(" ", losses));
    }
}
