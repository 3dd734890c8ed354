// What holds for every method and combination, at every shape: the list is in MethodList.cs.
using LowRank.Tests.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Methods;

public sealed class MethodSuite : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public MethodSuite() => manual_seed(7);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Names => MethodData.Names;

    public static TheoryData<string, long, long> NamesAndShapes => MethodData.NamesAndShapes;

    private static AdapterConfig Config(string method) => MethodList.All[method].Config;

    /// <summary>A layer with the method on it, as it starts.</summary>
    private static AdaptedLinear Fresh(AdapterConfig config, long inFeatures, long outFeatures, ScalarType dtype = ScalarType.Float64)
    {
        var layer = new AdaptedLinear(inFeatures, outFeatures, hasBias: true, dtype);
        layer.Adapt(config);
        return layer;
    }

    /// <summary>A layer whose adapter has been moved away from its start.</summary>
    private static AdaptedLinear Trained(AdapterConfig config, long inFeatures, long outFeatures, ScalarType dtype = ScalarType.Float64)
    {
        var layer = Fresh(config, inFeatures, outFeatures, dtype);
        Move(layer.Adapters[0]);
        return layer;
    }

    private static void Move(LinearAdapter adapter)
    {
        using var grad = no_grad();
        foreach (var (_, tensor) in adapter.Tensors)
            if (tensor.requires_grad) tensor.add_(randn_like(tensor).mul_(0.3));
    }

    private static Tensor Input(params long[] shape) => randn(shape, ScalarType.Float64).requires_grad_();

    private static (string, Tensor)[] Trainable(AdaptedLinear layer, params (string, Tensor)[] more) =>
        [.. more, .. layer.Adapters[0].Tensors.Where(t => t.Value.requires_grad).Select(t => (t.Name, (Tensor)t.Value))];

    private static bool Same(Tensor left, Tensor right) => left.eq(right).all().item<bool>();

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void AnUntrainedAdapterLeavesTheOutputAsItWas(string method, long inFeatures, long outFeatures)
    {
        if (!MethodList.All[method].StartsAtBase) return;
        var layer = Fresh(Config(method), inFeatures, outFeatures);
        var x = Input(4, inFeatures);
        var adapted = layer.forward(x);
        layer.EnableAdapters(false);
        Golden.Close(layer.forward(x), adapted, 1e-12, method);
    }

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void GradientsAreTheDifferences(string method, long inFeatures, long outFeatures)
    {
        foreach (var tokens in new[] { 2, 15 })         // few and many: the layer multiplies in another order
        {
            var layer = Trained(Config(method), inFeatures, outFeatures);
            var x = Input(1, tokens, inFeatures);
            Adapters.Gradients.Check(() => ConstantNorm(layer, x), Trainable(layer, ("x", x)));
        }
    }

    /// <summary>For differences: a decomposed layer with its norm held at what it is now, as backward holds it (DoRA, eq. 11).</summary>
    private static Tensor ConstantNorm(AdaptedLinear layer, Tensor x)
    {
        var adapter = layer.Adapters[0];
        if (is_grad_enabled() || adapter.Magnitude is null) return layer.forward(x);
        var sum = adapter.Update.AddedTo(layer.Weight);
        var norm = Norms.GetValue(layer, _ => linalg.vector_norm(sum, 2, [1]));
        return x.matmul(sum.t()) * (adapter.Magnitude / norm) + layer.Bias!;
    }

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<AdaptedLinear, Tensor> Norms = [];

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void DeltaIsTheMapAppliedToTheIdentity(string method, long inFeatures, long outFeatures)
    {
        var layer = Trained(Config(method) with { Decomposed = false }, inFeatures, outFeatures);
        using var none = no_grad();
        var eye = torch.eye(inFeatures, dtype: ScalarType.Float64);
        var zero = layer.forward(zeros_like(eye).narrow(0, 0, 1));
        var adapted = layer.forward(eye) - zero;
        Golden.Close((layer.Weight.Dequantize() + layer.Delta(Adapter.DefaultName)).t(), adapted, 1e-12, method);
    }

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void MergeEqualsForwardAndUnmergeRestoresEveryBit(string method, long inFeatures, long outFeatures)
    {
        var layer = Trained(Config(method), inFeatures, outFeatures, ScalarType.Float32);
        var (weight, bias) = (layer.get_parameter("weight")!, layer.Bias!);
        var (before, biasBefore) = (weight.detach().clone(), bias.detach().clone());
        foreach (var x in new[] { randn(2, inFeatures), randn(15, inFeatures) })
        {
            var adapted = layer.forward(x).detach();
            layer.Merge();
            Golden.Close(adapted, layer.forward(x), 1e-5, "merged");
            Assert.False(Same(weight, before) && Same(bias, biasBefore));
            layer.Unmerge();
            Assert.True(Same(weight, before) && Same(bias, biasBefore));
            Golden.Close(adapted, layer.forward(x), 1e-6, "unmerged");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void SavedAndLoadedItIsTheSame(string method)
    {
        var model = new Skeleton(1, 12, 6, 20);
        model.Adapt(Config(method), name: "mine");
        foreach (var (_, _, adapter) in model.LayersOf("mine")) Move(adapter);
        model.SaveAdapter(folder.File("saved"), "mine");
        var other = new Skeleton(1, 12, 6, 20);
        other.load_state_dict(model.state_dict(), strict: false);
        other.LoadAdapter(folder.File("saved"), "theirs");

        var (mine, theirs) = (model.LayersOf("mine"), other.LayersOf("theirs"));
        Assert.Equal(mine.Select(l => l.Path), theirs.Select(l => l.Path));
        foreach (var (a, b) in mine.Zip(theirs))
        {
            Assert.True(Same(a.Layer.Weight.Dequantize(), b.Layer.Weight.Dequantize()));
            var x = randn(3, a.Layer.InFeatures);
            a.Layer.eval();
            b.Layer.eval();
            Assert.True(Same(a.Layer.forward(x), b.Layer.forward(x)), a.Path);
            Assert.All(b.Adapter.Tensors, t => Assert.False(t.Value.requires_grad));
        }
        Assert.Equal(Config(method) with { Targets = "x" }, theirs[0].Adapter.Config! with { Targets = "x" }, Equivalent);
    }

    /// <summary>The configuration comes back as it was, tables by content.</summary>
    private static bool Equivalent(AdapterConfig left, AdapterConfig right) =>
        PeftConfig.Write(left with { Targets = "x" }, []) == PeftConfig.Write(right with { Targets = "x" }, []);

    [Theory, MemberData(nameof(Names))]
    public void SwitchedAndDisabled(string method)
    {
        var layer = Trained(Config(method), 7, 5);
        var x = Input(4, 7);
        var first = layer.forward(x);
        layer.Adapt(Adapter.Lora(rank: 2), name: "other");
        Move(layer.Find("other")!);
        var other = layer.forward(x);
        layer.SetActive(Adapter.DefaultName);
        Assert.True(Same(first, layer.forward(x)));
        layer.SetActive("other");
        Assert.True(Same(other, layer.forward(x)));
        layer.EnableAdapters(false);
        var without = layer.forward(x);
        Golden.Close(nn.functional.linear(x, layer.get_parameter("weight")!, layer.Bias!), without, 1e-14, "disabled");
        layer.EnableAdapters();
        Assert.True(Same(other, layer.forward(x)));
        layer.RemoveAdapter("other");
        layer.SetActive(Adapter.DefaultName);
        Assert.True(Same(first, layer.forward(x)));
    }

    [Theory, MemberData(nameof(Names))]
    public void DropoutChangesTrainingAloneAndItsGradientsAreTheDifferences(string method)
    {
        var config = Config(method) with { Dropout = 0.4 };
        if (!MethodList.All[method].HasDropout)
        {
            Assert.Contains("dropout", Assert.Throws<ArgumentException>(() => Fresh(config, 9, 7)).Message);
            return;
        }
        var layer = Trained(config, 9, 7);
        var x = Input(6, 9);
        layer.eval();
        var exact = layer.forward(x);
        layer.Merge();
        Golden.Close(layer.forward(x), exact, 1e-12, "eval");
        layer.Unmerge();
        layer.train();
        Tensor Dropped()
        {
            manual_seed(3);                             // the same elements each time
            return layer.forward(x);
        }
        Assert.False(Same(exact, Dropped()));
        if (config.Decomposed) return;                  // its differences would follow the norm, which backward holds
        Adapters.Gradients.Check(Dropped, Trainable(layer, ("x", x)));
    }

    [Theory, MemberData(nameof(Names))]
    public void HalfPrecisionIsCloseToSingle(string method)
    {
        // Half products don't run on every processor's libtorch: there x is wide, as it is for a 16-bit weight in training.
        foreach (var (dtype, input) in new[] { (ScalarType.BFloat16, ScalarType.BFloat16), (ScalarType.BFloat16, ScalarType.Float32),
            (ScalarType.Float16, ScalarType.Float32) })
        {
            var exact = Trained(Config(method), 24, 40, ScalarType.Float32);
            var narrow = new AdaptedLinear(24, 40, hasBias: true, dtype);
            narrow.load_state_dict(exact.state_dict());
            exact.load_state_dict(narrow.state_dict()); // the same rounded weight under both
            narrow.Adapt(Config(method));
            using (no_grad())
                foreach (var (to, from) in narrow.Adapters[0].Tensors.Zip(exact.Adapters[0].Tensors))
                    to.Value.copy_(from.Value);
            var x = randn(8, 24);
            var expected = exact.forward(x);
            var y = narrow.forward(x.to(input));
            Assert.Equal(input, y.dtype);
            Golden.Close(expected, y, 0.03, $"{method} in {dtype}");
            if (input == dtype) continue;               // what sums of rounded products leave of a gradient is not close
            y.sum().backward();
            expected.sum().backward();
            foreach (var (a, b) in narrow.Adapters[0].Tensors.Zip(exact.Adapters[0].Tensors))
                if (b.Value.requires_grad) Golden.Close(b.Value.grad!, a.Value.grad!, 0.06, $"{method} {a.Name}");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void ALayerUsedTwiceGetsTheSumOfBothGradients(string method)
    {
        var layer = Trained(Config(method), 6, 6);
        var x = Input(5, 6);
        Tensor Twice()
        {
            var adapter = layer.Adapters[0];
            return adapter.Magnitude is null || is_grad_enabled() ? layer.forward(layer.forward(x).tanh())
                : ConstantNorm(layer, ConstantNorm(layer, x).tanh());
        }
        Adapters.Gradients.Check(Twice, Trainable(layer, ("x", x)));
    }

    [Theory, MemberData(nameof(Names))]
    public void ForwardAllIsEachForward(string method)
    {
        var (one, two) = (Trained(Config(method), 6, 8), Trained(Config(method), 6, 5));
        foreach (var tokens in new[] { 2, 15 })
        {
            var x = Input(tokens, 6);
            var together = AdaptedLinear.ForwardAll(x, one, two);
            Golden.Close(one.forward(x), together[0], 1e-13, method);
            Golden.Close(two.forward(x), together[1], 1e-13, method);
            Adapters.Gradients.Check(
                () => is_grad_enabled() ? cat(AdaptedLinear.ForwardAll(x, one, two), 1)
                    : cat([ConstantNorm(one, x), ConstantNorm(two, x)], 1),
                [.. Trainable(one, ("x", x)), .. Trainable(two)]);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void NothingOfTheBaseGetsAGradient(string method)
    {
        var layer = Trained(Config(method), 6, 8);
        var x = Input(5, 6);
        layer.forward(x).sum().backward();
        Assert.Null(layer.get_parameter("weight")!.grad);
        Assert.Null(layer.Bias!.grad);
        Assert.All(Trainable(layer), t => Assert.NotNull(t.Item2.grad));
    }
}
