// Rows of a batch with adapters of their own: each row as if it were alone, gradients too, for every method; and refusals.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class MixedBatchTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public MixedBatchTests() => manual_seed(23);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Names => MethodData.Names;

    private static readonly string?[] Rows = ["mine", "dora", null, "mine", "lora", "dora"];

    private static void Move(nn.Module model)
    {
        using var grad = no_grad();
        foreach (var (_, layer) in model.LinearLayers())
            foreach (var adapter in layer.Adapters)
                foreach (var (_, tensor) in adapter.Tensors) tensor.add_(randn_like(tensor).mul_(0.3));
    }

    /// <summary>A layer with three adapters: the method's, a LoRA and a DoRA.</summary>
    private static AdaptedLinear Layer(AdapterConfig method, long inFeatures = 6, long outFeatures = 8, double dropout = 0, ScalarType dtype = ScalarType.Float64)
    {
        var layer = new AdaptedLinear(inFeatures, outFeatures, hasBias: true, dtype);
        layer.Adapt(method, name: "mine");
        layer.Adapt(Adapter.Lora(2, dropout: dropout), name: "lora");
        layer.Adapt(Adapter.Dora(2, dropout: dropout), name: "dora");
        Move(layer);
        return layer;
    }

    /// <summary>The outputs of the layers for each row by itself, joined.</summary>
    private static Tensor[] Alone(Tensor x, string?[] names, params AdaptedLinear[] layers)
    {
        var rows = layers.Select(_ => new List<Tensor>()).ToArray();
        foreach (var (row, name) in names.Index())
        {
            foreach (var layer in layers) layer.SetActive(name is null ? [] : [name]);
            foreach (var (list, y) in rows.Zip(AdaptedLinear.ForwardAll(x.narrow(0, row, 1), layers))) list.Add(y);
        }
        return [.. rows.Select(list => cat(list, 0))];
    }

    private static Dictionary<string, Tensor> GradientsOf(Func<Tensor[]> function, Tensor x, params AdaptedLinear[] layers)
    {
        var tensors = layers.SelectMany((layer, i) => layer.Adapters.SelectMany(a => a.Tensors.Select(t => ($"{i}.{a.AdapterName}.{t.Name}", (Tensor)t.Value))))
            .Append(("x", x)).ToDictionary();
        foreach (var tensor in tensors.Values) tensor.grad = null!;
        var sum = function().Select((y, i) => (y * arange(y.numel(), ScalarType.Float64).add(i).mul(0.7).sin().view(y.shape)).sum()).Aggregate((a, b) => a + b);
        sum.backward();
        return tensors.Where(t => t.Value.grad is not null).ToDictionary(t => t.Key, t => t.Value.grad!.clone());
    }

    [Theory, MemberData(nameof(Names))]
    public void EachRowIsAsIfAlone(string method)
    {
        foreach (long[] shape in new[] { [6, 6], [6, 2, 6], [6, 15, 6], new long[] { 6, 2, 3, 6 } })
        {
            var (one, two) = (Layer(MethodList.All[method].Config), Layer(MethodList.All[method].Config, outFeatures: 5));
            var x = randn(shape, ScalarType.Float64).requires_grad_();
            var expected = Alone(x, Rows, one, two);
            using var mixed = one.UseAdapters(Rows);
            Golden.Close(expected[0], one.forward(x), 1e-12, method);
            using (two.UseAdapters(Rows))
                foreach (var (a, b) in expected.Zip(AdaptedLinear.ForwardAll(x, one, two))) Golden.Close(a, b, 1e-12, method);
            using (no_grad()) Golden.Close(expected[0], one.forward(x), 1e-12, method);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void GradientsAreThoseOfTheRowsAlone(string method)
    {
        var pair = new Pair(Layer(MethodList.All[method].Config), Layer(MethodList.All[method].Config, outFeatures: 5));
        var x = randn(6, 3, 6, ScalarType.Float64).requires_grad_();
        Dictionary<string, Tensor> expected, actual;
        using (pair.UseAdapters(Rows))                  // all of them train
        {
            actual = GradientsOf(() => AdaptedLinear.ForwardAll(x, pair.One, pair.Two), x, pair.One, pair.Two);
            Assert.Null(pair.One.get_parameter("weight")!.grad);
        }
        expected = [];
        foreach (var (row, name) in Rows.Index())
        {
            pair.SetAdapter(name is null ? [] : [name]);
            var probes = AdaptedLinear.ForwardAll(x, pair.One, pair.Two).Select((y, i) => arange(y.numel(), ScalarType.Float64).add(i).mul(0.7).sin().view(y.shape)).ToArray();
            var part = x.detach().narrow(0, row, 1).clone().requires_grad_();
            foreach (var tensor in new[] { pair.One, pair.Two }.SelectMany(l => l.Adapters).SelectMany(a => a.Tensors)) tensor.Value.grad = null!;
            AdaptedLinear.ForwardAll(part, pair.One, pair.Two).Zip(probes, (y, probe) => (y * probe.narrow(0, row, 1)).sum()).Aggregate((a, b) => a + b).backward();
            var places = new[] { pair.One, pair.Two }.SelectMany((layer, i) => layer.Adapters.SelectMany(a => a.Tensors.Select(t => ($"{i}.{a.AdapterName}.{t.Name}", (Tensor)t.Value))));
            foreach (var (key, tensor) in places)
                if (tensor.grad is { } gradient) expected[key] = expected.TryGetValue(key, out var sofar) ? sofar + gradient : gradient.clone();
            Golden.Close(part.grad!, actual["x"].narrow(0, row, 1), 1e-10, $"{method}: x of row {row}");
        }
        Assert.Equal(expected.Keys.Order(), actual.Keys.Where(k => k != "x").Order());
        foreach (var (key, gradient) in expected) Golden.Close(gradient, actual[key], 1e-10, $"{method}: {key}");
    }

    private sealed class Pair : nn.Module
    {
        public readonly AdaptedLinear One, Two;

        public Pair(AdaptedLinear one, AdaptedLinear two) : base(nameof(Pair))
        {
            (One, Two) = (one, two);
            RegisterComponents();
        }
    }

    [Fact]
    public void GradientsAreTheDifferencesWithDropoutToo()
    {
        string?[] rows = ["mine", "lora", null, "mine"];
        foreach (var dropout in new[] { 0, 0.4 })
        {
            var layer = Layer(Adapter.Mora(1, dropout: dropout), dropout: dropout);
            var x = randn(4, 3, 6, ScalarType.Float64).requires_grad_();
            using var mixed = layer.UseAdapters(rows);
            var tensors = layer.Adapters.Where(a => a.Magnitude is null).SelectMany(a => a.Tensors.Select(t => ($"{a.AdapterName} {t.Name}", (Tensor)t.Value)));
            Gradients.Check(() =>
            {
                manual_seed(3);                         // the same elements each time
                return layer.forward(x);
            }, [("x", x), .. tensors]);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void DropoutDropsWhatItDropsInAnOrdinaryCall(string method)
    {
        if (!MethodList.All[method].HasDropout) return;
        var layer = Layer(MethodList.All[method].Config with { Dropout = 0.4 });
        var x = randn(4, 3, 6, ScalarType.Float64).requires_grad_();
        Tensor Seeded()
        {
            manual_seed(3);
            return layer.forward(x);
        }
        layer.SetActive("mine");
        var expected = Seeded();
        var gradients = GradientsOf(() => [Seeded()], x, layer);
        layer.eval();
        Assert.False(layer.forward(x).eq(expected).all().item<bool>());
        layer.train();
        using var mixed = layer.UseAdapters("mine", "mine", "mine", "mine");
        Golden.Close(expected, Seeded(), 1e-12, method);
        foreach (var (name, gradient) in GradientsOf(() => [Seeded()], x, layer)) Golden.Close(gradients[name], gradient, 1e-10, $"{method}: {name}");
    }

    [Theory, MemberData(nameof(Names))]
    public void HalfPrecisionIsClose(string method)
    {
        var layer = Layer(MethodList.All[method].Config, 24, 40, dtype: ScalarType.BFloat16);
        var x = randn(6, 2, 24);
        foreach (var input in new[] { ScalarType.BFloat16, ScalarType.Float32 })
        {
            var expected = Alone(x.to(input), Rows, layer)[0];
            using var mixed = layer.UseAdapters(Rows);
            var y = layer.forward(x.to(input));
            Assert.Equal(input, y.dtype);
            Golden.Close(expected, y, 0.03, method);
        }
    }

    [Theory, InlineData(true), InlineData(false)]
    public void AWholeModelServesAndTrainsThem(bool tied)
    {
        var model = new CausalLm(new LlamaConfig { VocabularySize = 31, HiddenSize = 16, IntermediateSize = 24, Layers = 2, Heads = 4, KeyValueHeads = 2, TiedEmbeddings = tied }, seed: 1);
        var head = tied ? "" : "|lm_head";
        model.Adapt(Adapter.Lora(2), "q_proj|v_proj" + head, "a");
        model.Adapt(Adapter.Dora(3), "q_proj|down_proj" + head, "b");
        Move(model);
        model.SetAdapter("b");
        var ids = randint(0, 31, new long[] { 4, 7 }, ScalarType.Int64);
        string?[] names = ["b", "a", null, "b"];
        var (expected, losses) = (new List<Tensor>(), new List<Tensor>());
        foreach (var (row, name) in names.Index())
        {
            model.SetAdapter(name is null ? [] : [name]);
            expected.Add(model.forward(ids.narrow(0, row, 1)));
            losses.Add(model.Loss(ids.narrow(0, row, 1)));
        }
        model.SetAdapter("b");
        using (model.UseAdapters(names))
        {
            Golden.Close(cat(expected, 0), model.forward(ids), 1e-5, "logits");
            Golden.Close(cat(expected, 0).select(1, 6), model.NextLogits(ids), 1e-5, "next");
            var loss = model.Loss(ids);
            Golden.Close(stack(losses).mean(), loss, 1e-5, "loss");
            loss.backward();
            Assert.All(model.LinearLayers().SelectMany(l => l.Layer.Adapters).SelectMany(a => a.Tensors), t => Assert.NotNull(t.Value.grad));

            var optimizer = optim.AdamW(model.parameters().Where(p => p.requires_grad), 0.05);
            for (var step = 0; step < 30; step++)
            {
                optimizer.zero_grad();
                loss = model.Loss(ids);
                loss.backward();
                optimizer.step();
            }
        }
        foreach (var (name, row) in new[] { ("a", 1), ("b", 0) })
        {
            model.SetAdapter(name);
            var after = model.Loss(ids.narrow(0, row, 1)).item<float>();
            Assert.True(after < losses[row].item<float>() - 0.02, $"{name}: {losses[row].item<float>()} became {after}");
        }
    }

    [Fact]
    public void AfterwardsEverythingIsAsBefore()
    {
        var layer = Layer(Adapter.Mora(1));
        layer.SetActive("mine", "lora");
        var x = randn(2, 6, ScalarType.Float64);
        var before = layer.forward(x);
        var mixed = layer.UseAdapters("dora", null);
        Assert.False(layer.forward(x).eq(before).all().item<bool>());
        Assert.Equal(["dora"], layer.Adapters.Where(a => a.IsActive).Select(a => a.AdapterName));
        mixed.Dispose();
        mixed.Dispose();
        Assert.Equal(["mine", "lora"], layer.Adapters.Where(a => a.IsActive).Select(a => a.AdapterName));
        Assert.True(layer.forward(x).eq(before).all().item<bool>());
    }

    [Fact]
    public void Refusals()
    {
        var model = new Skeleton(1, 6, 4, 8);
        model.Adapt(Adapter.Lora(2), "q_proj", "first");
        model.Adapt(Adapter.Lora(2), "v_proj", "second");
        var layer = model.LayersOf("first")[0].Layer;
        void NoMatter(Action action, string message) => Assert.Contains(message, Assert.ThrowsAny<Exception>(action).Message);

        NoMatter(() => model.UseAdapters(), "name one for each row");
        NoMatter(() => model.UseAdapters("first", "secnod", null), "no adapter \"secnod\"; nearest: second, first");
        Assert.False(layer.Adapters[0].IsActive);
        using (model.DisableAdapters()) NoMatter(() => model.UseAdapters("first"), "switched off");
        model.Merge();
        NoMatter(() => model.UseAdapters("first"), "is merged into the weight");
        model.Unmerge();

        using (model.UseAdapters("first", null, "second"))
        {
            NoMatter(() => layer.forward(randn(2, 5, 6)), "each of 3 rows; the batch is [2, 5, 6]");
            NoMatter(() => layer.forward(randn(6)), "the batch is [6]");
            NoMatter(() => model.UseAdapters("first"), "can't give rows adapters of their own while the rows of a batch");
            NoMatter(() => model.SetAdapter("first"), "can't switch adapters");
            NoMatter(() => model.Merge(), "can't merge");
            NoMatter(() => layer.Merge(), "can't merge");
            NoMatter(() => model.DisableAdapters(), "can't switch the adapters off");
            NoMatter(() => model.RemoveAdapter("first"), "can't remove the adapter");
            NoMatter(() => layer.RemoveAdapter("first"), "can't remove the adapter");
            NoMatter(() => model.Adapt(Adapter.Lora(), "q_proj", "third"), "can't add the adapter");
            Assert.Equal([3, 2, 6], layer.forward(randn(3, 2, 6)).shape);
        }
        model.Merge();
    }
}
