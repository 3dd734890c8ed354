// What holds for every kind of adapter and every shape: gradients by finite differences, merging, switching, invalidation, fused
// calls.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class AdaptedLinearProperties : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public AdaptedLinearProperties() => manual_seed(7);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Kinds => new("lora", "rslora", "bias", "dora", "wide", "rank above in and out");

    private static LoraConfig Config(string kind) => kind switch
    {
        "lora" => Adapter.Lora(rank: 3, alpha: 5),
        "rslora" => Adapter.Lora(rank: 3, alpha: 5, rsLora: true),
        "bias" => Adapter.Lora(rank: 3, alpha: 5, bias: true),
        "dora" => Adapter.Dora(rank: 3, alpha: 5),
        "wide" => Adapter.Dora(rank: 1, alpha: 40),
        _ => Adapter.Dora(rank: 11, alpha: 5),
    };

    /// <summary>A layer [6, 5] (or another size) whose adapter's tensors are all random.</summary>
    private static AdaptedLinear Layer(
        string kind, ScalarType dtype = ScalarType.Float64, long inFeatures = 5, long outFeatures = 6)
    {
        var layer = new AdaptedLinear(inFeatures, outFeatures, hasBias: true, dtype);
        layer.Adapt(Config(kind));
        Randomize(layer.Find("default")!);
        return layer;
    }

    private static void Randomize(LinearAdapter adapter)
    {
        using var grad = no_grad();
        foreach (var (name, tensor) in adapter.Tensors)
            if (name == LinearAdapter.MagnitudeName) tensor.mul_(randn_like(tensor).mul_(0.2).add_(1));
            else tensor.copy_(randn_like(tensor).mul_(0.4));
    }

    private static Tensor Input(params long[] shape) => randn(shape, ScalarType.Float64).requires_grad_();

    private static (string, Tensor)[] Trained(AdaptedLinear layer, Tensor x) =>
        [("x", x), .. layer.Adapters.SelectMany(a => a.Tensors).Select(t => (t.Name, (Tensor)t.Value))];

    /// <summary>Few tokens are multiplied with W and the update one after the other, many with their sum: both orders.</summary>
    public static TheoryData<string, int> KindsAndTokens =>
        [.. from kind in Kinds from tokens in new[] { 2, 9 } select new TheoryDataRow<string, int>(kind.Data, tokens)];

    /// <summary>
    /// DoRA's layer as a chain of plain operations in which the norm is a constant of autograd. For differences (gradients off)
    /// the constant is computed once per layer, so that both see the same function.
    /// </summary>
    private static Tensor DetachedNorm(AdaptedLinear layer, Tensor x)
    {
        if (is_grad_enabled()) return layer.forward(x);
        var adapter = layer.Adapters[0];
        var update = (LowRankUpdate)adapter.Update;
        var norm = Frozen.GetValue(layer, l => linalg.vector_norm(update.AddedTo(l.Weight), 2, [1]));
        var product = x.matmul(layer.Weight.Dequantize().t()) + x.matmul(update.A.t()).matmul(update.B.t()) * update.Scale;
        return adapter.Magnitude! / norm * product + layer.Bias!;
    }

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<AdaptedLinear, Tensor> Frozen = [];

    [Theory, MemberData(nameof(KindsAndTokens))]
    public void WeightAndBiasTrainBesideAnAdapter(string kind, int tokens)
    {
        var layer = Layer(kind);
        foreach (var parameter in layer.parameters()) parameter.requires_grad = true;
        var x = Input(tokens, 5);
        Func<Tensor> function = Config(kind).Decomposed ? () => DetachedNorm(layer, x) : () => layer.forward(x);
        Gradients.Check(function, [.. Trained(layer, x), ("weight", layer.get_parameter("weight")!), ("bias", layer.Bias!)]);
    }

    [Theory, MemberData(nameof(KindsAndTokens))]
    public void BothOrdersGiveTheSame(string kind, int tokens)
    {
        var layer = Layer(kind);
        var x = Input(tokens, 5);
        var each = cat(Enumerable.Range(0, tokens).Select(i => layer.forward(x.narrow(0, i, 1))).ToArray(), 0);
        Golden.Close(each, layer.forward(x), 1e-13, "token by token");
    }

    [Fact]
    public void AMagnitudeOfZeroSilencesItsRowAndStillLearns()
    {
        foreach (var tokens in new[] { 2, 9 })
        {
            var layer = Layer("dora");
            using (no_grad()) layer.Find("default")!.Magnitude!.narrow(0, 1, 1).zero_();
            var x = Input(tokens, 5);
            Gradients.Check(() => DetachedNorm(layer, x), Trained(layer, x));
        }
    }

    [Fact]
    public void PlainLayerTrains()
    {
        var layer = new AdaptedLinear(5, 6, hasBias: true, ScalarType.Float64);
        var x = Input(4, 5);
        Gradients.Check(() => layer.forward(x), ("x", x), ("weight", layer.get_parameter("weight")!), ("bias", layer.Bias!));
        Gradients.Check(() => AdaptedLinear.ForwardAll(x, layer, layer)[1],
            ("x", x), ("weight", layer.get_parameter("weight")!), ("bias", layer.Bias!));
    }

    [Fact]
    public void SeveralAdaptersAddUpAndOneMayBeDecomposed()
    {
        var layer = new AdaptedLinear(5, 6, hasBias: true, ScalarType.Float64);
        foreach (var (name, kind) in new[] { ("a", "lora"), ("b", "bias"), ("c", "dora") })
        {
            layer.Adapt(Config(kind), name: name);
            Randomize(layer.Find(name)!);
        }
        var x = Input(4, 5);
        Tensor Alone(params string[] names)
        {
            layer.SetActive(names);
            return layer.forward(x);
        }
        var nothing = Alone();
        var expected = Alone("c") + (Alone("a") - nothing) + (Alone("b") - nothing);
        var together = Alone("a", "b", "c");
        Golden.Close(expected, together, 1e-12, "a + b + c");
        var all = layer.Adapters.SelectMany(a => a.Tensors).ToList();
        (together * 2).sum().backward();
        Assert.All(all, t => Assert.NotNull(t.Value.grad));
        layer.Merge();
        Golden.Close(expected, layer.forward(x), 1e-12, "a + b + c, merged");
    }

    [Fact]
    public void MergeForGoodLeavesAPlainLayer()
    {
        var layer = Layer("dora");
        var x = Input(4, 5);
        var adapted = layer.forward(x);
        layer.Merge(keepOriginal: false);
        Assert.Empty(layer.Adapters);
        Golden.Close(adapted, layer.forward(x), 1e-12, "merged");
        layer.Unmerge();
        Golden.Close(adapted, layer.forward(x), 1e-12, "still merged");
    }

    [Fact]
    public void TrainAndEvalDoNotMerge()
    {
        var layer = Layer("lora");
        var before = layer.get_parameter("weight")!.detach().clone();
        layer.eval();
        layer.train();
        Assert.True(Same(layer.get_parameter("weight")!, before));
    }

    private static bool Same(Tensor left, Tensor right) => left.eq(right).all().item<bool>();

    public static TheoryData<long[]> Shapes => new([5], [3, 5], [2, 3, 5], [2, 2, 3, 5], [0, 5], [1, 1, 5]);

    [Theory, MemberData(nameof(Shapes))]
    public void AnyShapeOfX(long[] shape)
    {
        foreach (var kind in new[] { "lora", "dora" })
        {
            var layer = Layer(kind);
            var x = Input(shape);
            var y = layer.forward(x);
            Assert.Equal([.. shape[..^1], 6], y.shape);
            y.sum().backward();
            Assert.Equal(shape, x.grad!.shape);
            var flat = layer.forward(x.detach().reshape(-1, 5)).view(y.shape);
            if (x.numel() > 0) Golden.Close(flat, y, 1e-12, kind);
        }
    }

    [Fact]
    public void XThatIsNotContiguous()
    {
        var layer = Layer("dora");
        var x = Input(5, 2, 3);
        var turned = x.permute(2, 1, 0);
        Golden.Close(layer.forward(turned.contiguous()), layer.forward(turned), 1e-14, "permuted");
        layer.forward(turned).sum().backward();
        Assert.Equal(x.shape, x.grad!.shape);
    }

    [Theory]
    [InlineData(ScalarType.BFloat16, ScalarType.BFloat16)]
    [InlineData(ScalarType.BFloat16, ScalarType.Float32)]
    [InlineData(ScalarType.Float16, ScalarType.Float32)]
    public void NarrowWeightsAreComputedInTheTypeOfX(ScalarType dtype, ScalarType input)
    {
        foreach (var kind in new[] { "lora", "bias", "dora" })
        {
            var exact = Layer(kind, ScalarType.Float32, 40, 24);
            var narrow = new AdaptedLinear(40, 24, hasBias: true, dtype);
            narrow.load_state_dict(exact.state_dict());
            narrow.Adapt(Config(kind));
            using (no_grad())
                foreach (var (to, from) in narrow.Find("default")!.Tensors.Zip(exact.Find("default")!.Tensors))
                    to.Value.copy_(from.Value);
            var x = randn(8, 40).to(input);
            var y = narrow.forward(x);
            Assert.Equal(input, y.dtype);
            var expected = exact.forward(x.to(ScalarType.Float32));
            Golden.Close(expected, y, 0.02, kind);
            y.sum().backward();
            expected.sum().backward();
            foreach (var (a, b) in narrow.Find("default")!.Tensors.Zip(exact.Find("default")!.Tensors))
            {
                Assert.Equal(ScalarType.Float32, a.Value.grad!.dtype);
                Golden.Close(b.Value.grad!, a.Value.grad!, 0.05, $"{kind} {a.Name}");
            }
        }
    }

    [Fact]
    public void DorasMagnitudeIsOnePerOutputRowNotPerColumnAsItsPaperSays()
    {
        var layer = new AdaptedLinear(3, 2, dtype: ScalarType.Float64);
        using (no_grad()) layer.get_parameter("weight")!.copy_(tensor(new double[,] { { 3, 0, 4 }, { 0, 12, 5 } }));
        layer.Adapt(Adapter.Dora(rank: 1));
        Golden.Close(tensor(new double[] { 5, 13 }), layer.Adapters[0].Magnitude!, 1e-14, "‖W‖ over the inputs");
        using (no_grad()) layer.Adapters[0].Magnitude!.copy_(tensor(new double[] { 10, 13 }));
        layer.Merge();
        Golden.Close(tensor(new double[,] { { 6, 0, 8 }, { 0, 12, 5 } }), layer.get_parameter("weight")!, 1e-14, "the first row alone is longer");
    }

    [Fact]
    public void AZeroRowHasTheFactorOneAndLearns()
    {
        var layer = new AdaptedLinear(5, 6, hasBias: false, ScalarType.Float64);
        using (no_grad()) layer.get_parameter("weight")!.narrow(0, 2, 1).zero_();
        layer.Adapt(Adapter.Dora(rank: 2, alpha: 2));
        var x = Input(4, 5);
        var y = layer.forward(x);
        y.sum().backward();
        Assert.Equal(0.0, y.select(1, 2).abs().max().item<double>());
        var update = (LowRankUpdate)layer.Find("default")!.Update;
        Assert.True(update.B.grad!.select(0, 2).abs().max().item<double>() > 0);
        Assert.True(layer.Find("default")!.Magnitude!.grad!.isfinite().all().item<bool>());
    }

    [Theory, InlineData(ScalarType.Float32, 1e-4), InlineData(ScalarType.Float64, 1e-12)]
    public void RowsThatNearlyCancelHaveAnExactNorm(ScalarType dtype, double tolerance)
    {
        // Row 0 of W is −sBA but for a thousandth: the norm's terms cancel, the row itself does not.
        var layer = new AdaptedLinear(16, 4, false, dtype);
        layer.Adapt(Adapter.Dora(rank: 2, alpha: 2));
        var adapter = layer.Find("default")!;
        Randomize(adapter);
        using (no_grad())
        {
            var row = adapter.Update.Delta(ScalarType.Float64).narrow(0, 0, 1);
            layer.get_parameter("weight")!.narrow(0, 0, 1).copy_(-row + randn(1, 16, ScalarType.Float64) * 1e-3);
        }
        using var grad = no_grad();
        var sum = layer.get_parameter("weight")!.to(ScalarType.Float64) + adapter.Update.Delta(ScalarType.Float64);
        var norm = adapter.Norm.Of(layer.Weight, adapter.Update).to(ScalarType.Float64);
        Golden.Close(ones(4, ScalarType.Float64), norm / linalg.vector_norm(sum, 2, [1]), tolerance, "‖W + sBA‖");
    }

    [Fact]
    public void TheNormIsComputedOnlyWhenSomethingChanged()
    {
        var layer = Layer("dora");
        var adapter = layer.Find("default")!;
        var x = Input(4, 5);
        layer.forward(x);
        var computed = adapter.Norm.Computed;
        layer.forward(x);
#if LIBTORCH
        Assert.Equal(computed, adapter.Norm.Computed);
#endif
        var update = (LowRankUpdate)adapter.Update;
        foreach (var tensor in new Tensor[] { layer.get_parameter("weight")!, update.A, update.B })
        {
            using (no_grad()) tensor.mul_(1.5);
            var y = layer.forward(x);
            Assert.True(adapter.Norm.Computed > computed);
            computed = adapter.Norm.Computed;
            var exact = linalg.vector_norm(layer.Weight.Dequantize() + adapter.Update.Delta(ScalarType.Float64), 2, [1]);
            Golden.Close(exact, adapter.Norm.Of(layer.Weight, adapter.Update), 1e-12, "the norm after a change");
        }
    }

    [Theory, InlineData("lora"), InlineData("dora")]
    public void DropoutIsItsOwnExpectationAndHasGradients(string kind)
    {
        var layer = new AdaptedLinear(5, 6, hasBias: true, ScalarType.Float64);
        layer.Adapt(Config(kind) with { Dropout = 0.4 });
        Randomize(layer.Find("default")!);
        var x = Input(3, 5);
        layer.eval();
        var expected = layer.forward(x).detach();
        layer.train();
        var many = layer.forward(x.detach().expand(40_000, 3, 5));
        Golden.Close(expected, many.mean([0]), 0.03, "mean over dropout");

        // With the generator set back, the same elements drop each time: the function is differentiable. DoRA's norm changes
        // with A and B.
        Tensor Again()
        {
            manual_seed(3);
            return layer.forward(x);
        }
        (string, Tensor)[] tensors = kind == "dora"
            ? [("x", x), ("magnitude", layer.Find("default")!.Magnitude!)]
            : Trained(layer, x);
        Gradients.Check(Again, tensors);
    }

    [Fact]
    public void DroppedDoraHasTheGradientsOfItsFormula()
    {
        var layer = new AdaptedLinear(5, 6, hasBias: true, ScalarType.Float64);
        layer.Adapt(Config("dora") with { Dropout = 0.4 });
        Randomize(layer.Find("default")!);
        foreach (var parameter in layer.parameters()) parameter.requires_grad = true;
        var (adapter, x) = (layer.Find("default")!, Input(3, 5));
        var update = (LowRankUpdate)adapter.Update;
        manual_seed(3);
        layer.forward(x).square().sum().backward();
        var tensors = Trained(layer, x).Append(("weight", layer.get_parameter("weight")!)).ToArray();
        var hand = tensors.Select(t => t.Item2.grad!.clone()).ToArray();
        foreach (var (_, tensor) in tensors) tensor.grad = null!;

        manual_seed(3);
        var mask = empty(3, 5, ScalarType.Bool).bernoulli_(0.6);
        var dropped = x * mask / 0.6;
        var (w, norm) = (layer.get_parameter("weight")!, adapter.Norm.Of(layer.Weight, update));
        var u = dropped.mm(w.t()) + dropped.mm(update.A.t()).mm(update.B.t()) * update.Scale;
        var y = x.mm(w.t()) + layer.Bias! + adapter.Magnitude! / norm * u - dropped.mm(w.t());
        y.square().sum().backward();
        foreach (var ((name, tensor), gradient) in tensors.Zip(hand)) Golden.Close(tensor.grad!, gradient, 1e-12, name);
    }
}
