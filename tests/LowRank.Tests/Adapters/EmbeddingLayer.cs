// An embedding as a layer that is read by rows and, as a tied head, multiplied with: the fixture, and what holds for every method on
// both uses.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class EmbeddingLayer : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public EmbeddingLayer() => manual_seed(11);

    public void Dispose() => scope.Dispose();

    /// <summary>A method with a bias of its own has no place on an embedding; that is a test below.</summary>
    private static bool Fits(AdapterConfig config) => config is not LoraConfig { Bias: true };

    public static TheoryData<string> Names => [.. MethodList.All.Where(m => Fits(m.Value.Config)).Select(m => new TheoryDataRow<string>(m.Key))];

    public static TheoryData<string, long, long> NamesAndShapes =>
        [.. from name in Names from shape in new[] { (In: 5L, Out: 8L), (1, 7), (7, 1), (11, 13) } select new TheoryDataRow<string, long, long>(name.Data, shape.In, shape.Out)];

    private static AdapterConfig Config(string method) => MethodList.All[method].Config;

    private static AdaptedLinear Trained(AdapterConfig config, long width, long count, ScalarType dtype = ScalarType.Float64)
    {
        var layer = AdaptedLinear.Embedding(count, width, isHead: true, dtype);
        using (no_grad()) layer.get_parameter("weight")!.div_(Math.Sqrt(width));    // where tanh bends and does not saturate
        layer.Adapt(config);
        Move(layer.Adapters[^1]);
        return layer;
    }

    private static void Move(LinearAdapter adapter)
    {
        using var grad = no_grad();
        foreach (var (_, tensor) in adapter.Tensors)
            if (tensor.requires_grad) tensor.add_(randn_like(tensor).mul_(0.3));
    }

    /// <summary>[2, 5]: with repetitions, the first and the last row.</summary>
    private static Tensor Ids(long count) =>
        tensor(new[] { 0, count - 1, 3, 1, 0, 4, 4, 7, 2, count - 1 }.Select(i => i % count).ToArray()).view(2, 5);

    private static bool Same(Tensor left, Tensor right) => left.eq(right).all().item<bool>();

    [Fact]
    public void EqualsPeftsLoraOnAnEmbedding()
    {
        var fixture = Golden.Fixture("linear/lora_embedding");
        foreach (var (dtype, twin, tolerance) in new[] { (ScalarType.Float32, "", Golden.LayerTolerance), (ScalarType.Float64, ".f64", Golden.ExactTolerance) })
        {
            var tensors = fixture.Load();
            var weight = tensors["base.weight"];
            var layer = AdaptedLinear.Embedding(weight.shape[0], weight.shape[1], dtype: dtype);
            layer.load_state_dict(new() { ["weight"] = weight });
            layer.Adapt(Adapter.Lora(fixture.Hyper("r", 0L), fixture.Hyper("lora_alpha", 0.0)));
            var lora = (LowRankUpdate)layer.Adapters[0].Update;
            using (no_grad())
            {
                lora.A.copy_(tensors["adapter.lora_embedding_B"].t());
                lora.B.copy_(tensors["adapter.lora_embedding_A"].t());
            }
            var y = layer.Lookup(tensors["x"]);
            (y * tensors["probe"].to(dtype)).sum().backward();
            Golden.Close(tensors["out" + twin], y, tolerance, "out");
            Golden.Close(tensors["grad.lora_embedding_A" + twin], lora.B.grad!.t(), tolerance, "grad.lora_embedding_A");
            Golden.Close(tensors["grad.lora_embedding_B" + twin], lora.A.grad!.t(), tolerance, "grad.lora_embedding_B");
            Assert.Null(layer.get_parameter("weight")!.grad);
            layer.Merge();
            if (dtype == ScalarType.Float32) Golden.Close(tensors["merged.weight"], layer.get_parameter("weight")!, tolerance, "merged.weight");
            Golden.Close(tensors["out" + twin], layer.Lookup(tensors["x"]), 2 * tolerance, "merged");
        }
    }

    [Fact]
    public void LoraStartsAsPeftsDoes()
    {
        var layer = AdaptedLinear.Embedding(50, 400);
        foreach (var init in new[] { LoraInit.Kaiming, LoraInit.Gaussian })
        {
            layer.Adapt(Adapter.Lora(rank: 16, init: init), name: init.ToString());
            var lora = (LowRankUpdate)layer.Find(init.ToString())!.Update;
            Assert.True(lora.B.eq(0).all().item<bool>());
            Assert.InRange(lora.A.std().item<float>(), 0.95, 1.05);
        }
    }

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void ALookupIsTheRowsOfTheForwardOfTheIdentity(string method, long width, long count)
    {
        var layer = Trained(Config(method), width, count);
        var table = layer.forward(eye(width, dtype: ScalarType.Float64)).t();
        var y = layer.Lookup(Ids(count));
        Assert.Equal([2L, 5L, width], y.shape);
        Golden.Close(table.index_select(0, Ids(count).flatten()).view(y.shape), y, 1e-12, method);
    }

    /// <summary>Look-up and head in one function. In differences a decomposed layer's norm is held at what it is now, as backward holds
    /// it (DoRA, eq. 11).</summary>
    [Theory, MemberData(nameof(NamesAndShapes))]
    public void GradientsOfBothUsesTogetherAreTheDifferences(string method, long width, long count)
    {
        var layer = Trained(Config(method), width, count);
        var adapter = layer.Adapters[0];
        var ids = Ids(count);
        Tensor? norm = null;
        Tensor Tied()
        {
            if (is_grad_enabled() || adapter.Magnitude is null) return layer.forward(layer.Lookup(ids).tanh());
            var sum = adapter.Update.AddedTo(layer.Weight);
            norm ??= linalg.vector_norm(sum, 2, [1]);
            var table = sum * (adapter.Magnitude / norm).unsqueeze(1);
            return table.index_select(0, ids.flatten()).view(2, 5, width).tanh().matmul(table.t());
        }
        Gradients.Check(Tied, [.. adapter.Tensors.Where(t => t.Value.requires_grad).Select(t => (t.Name, (Tensor)t.Value))]);
        Assert.Null(layer.get_parameter("weight")!.grad);
    }

    [Theory, MemberData(nameof(NamesAndShapes))]
    public void MergeEqualsBothUsesAndUnmergeRestoresEveryBit(string method, long width, long count)
    {
        var layer = Trained(Config(method), width, count, ScalarType.Float32);
        var weight = layer.get_parameter("weight")!;
        var before = weight.detach().clone();
        var (ids, x) = (Ids(count), randn(3, width));
        var (rows, head) = (layer.Lookup(ids).detach(), layer.forward(x).detach());
        layer.Merge();
        Golden.Close(rows, layer.Lookup(ids), 1e-5, "look-up, merged");
        Golden.Close(head, layer.forward(x), 1e-5, "head, merged");
        Assert.False(Same(before, weight));
        layer.Unmerge();
        Assert.True(Same(before, weight));
        Golden.Close(rows, layer.Lookup(ids), 1e-6, "look-up, unmerged");
        using (layer.DisableAdapters()) Assert.True(Same(layer.Lookup(ids), before.index_select(0, ids.flatten()).view(2, 5, width)));
    }

    [Theory, MemberData(nameof(Names))]
    public void DropoutTouchesTheHeadAlone(string method)
    {
        if (!MethodList.All[method].HasDropout) return;
        var layer = Trained(Config(method) with { Dropout = 0.5 }, 9, 7);
        layer.eval();
        var (exact, head) = (layer.Lookup(Ids(7)), layer.forward(Input));
        layer.train();
        Assert.True(Same(exact, layer.Lookup(Ids(7))));
        Assert.True(layer.Adapters[0].training);
        Assert.False(Same(head, layer.forward(Input)));
    }

    private static Tensor Input => arange(36, ScalarType.Float64).sin().view(4, 9);

    [Theory, MemberData(nameof(Names))]
    public void RowsOfABatchMayUseAdaptersOfTheirOwn(string method)
    {
        var layer = AdaptedLinear.Embedding(11, 6, isHead: true, ScalarType.Float64);
        layer.Adapt(Config(method), name: "mine");
        layer.Adapt(Adapter.Dora(2), name: "dora");
        foreach (var adapter in layer.Adapters) Move(adapter);
        var ids = tensor(new long[,] { { 1, 5 }, { 10, 1 }, { 3, 3 }, { 0, 7 } });
        string?[] names = ["mine", null, "dora", "mine"];
        var alone = names.Index().Select(n =>
        {
            layer.SetActive(n.Item is null ? [] : [n.Item]);
            return (Rows: layer.Lookup(ids.narrow(0, n.Index, 1)), Logits: layer.forward(layer.Lookup(ids.narrow(0, n.Index, 1))));
        }).ToList();
        using var mixed = layer.UseAdapters(names);
        Golden.Close(cat(alone.ConvertAll(a => a.Rows), 0), layer.Lookup(ids), 1e-12, "look-up");
        Golden.Close(cat(alone.ConvertAll(a => a.Logits), 0), layer.forward(layer.Lookup(ids)), 1e-12, "head");
        Assert.True(layer.HasActiveAdapters);
        Assert.Contains("for each of 4 rows", Assert.Throws<ArgumentException>(() => layer.Lookup(ids.narrow(0, 0, 3))).Message);
    }

    [Fact]
    public void SeveralAdaptersAddUpAndARowOfZerosIsScaledByOne()
    {
        var layer = AdaptedLinear.Embedding(6, 5, dtype: ScalarType.Float64);
        using (no_grad()) layer.get_parameter("weight")!.narrow(0, 2, 1).zero_();
        layer.Adapt(Adapter.Lora(rank: 2), name: "plain");
        Move(layer.Adapters[0]);
        layer.Adapt(Adapter.Dora(rank: 3), name: "decomposed");
        layer.SetActive("plain", "decomposed");             // the decomposed one untrained: B = 0, and m = 0 in the row of zeros
        var ids = tensor(new long[] { 2, 0, 5, 2 });
        var probe = randn(4, 5, dtype: ScalarType.Float64);
        var tensors = layer.Adapters.SelectMany(a => a.Tensors).Select(t => t.Value).ToList();
        List<Tensor> Of(Func<Tensor> rows)
        {
            foreach (var parameter in tensors) parameter.grad = null!;
            var y = rows();
            (y * probe).sum().backward();
            return [y, .. tensors.Select(t => t.grad!.clone())];
        }
        var all = Of(() => layer.forward(eye(5, dtype: ScalarType.Float64)).t().index_select(0, ids));
        var some = Of(() => layer.Lookup(ids));
        Assert.Equal(6, all.Count);
        foreach (var (index, (expected, actual)) in all.Zip(some).Index())
            Assert.True(expected.allclose(actual, 1e-12, 1e-14), $"tensor {index}");
        Assert.True(some[4].narrow(0, 2, 1).abs().max().item<double>() > 0, "B of the row of zeros has no gradient");
    }

    [Theory, InlineData(ScalarType.BFloat16), InlineData(ScalarType.Float16)]
    public void ANarrowTableIsReadInItsType(ScalarType dtype)
    {
        var layer = AdaptedLinear.Embedding(7, 8, dtype: dtype);
        layer.Adapt(Adapter.Dora(rank: 2));
        var y = layer.Lookup(Ids(7));
        Assert.Equal(dtype, y.dtype);
        Golden.Close(layer.get_parameter("weight")!.detach().index_select(0, Ids(7).flatten()).view(2, 5, 8), y, 0.01, "untrained");
        y.to(ScalarType.Float32).sum().backward();
        Assert.NotNull(((LowRankUpdate)layer.Adapters[0].Update).B.grad);
    }

    [Fact]
    public void TheTableItselfTrainsAsTorchsEmbedding()
    {
        var (layer, embedding) = (AdaptedLinear.Embedding(7, 4), nn.Embedding(7, 4));
        embedding.load_state_dict(layer.state_dict());
        var probe = randn(2, 5, 4);
        foreach (var y in new[] { layer.Lookup(Ids(7)), embedding.forward(Ids(7)) }) (y * probe).sum().backward();
        Assert.True(Same(embedding.weight!.grad!, layer.get_parameter("weight")!.grad!));
        layer.zero_grad();
        layer.@double();                                    // another parameter takes the table's place
        layer.Lookup(Ids(7)).sum().backward();
        Assert.Equal(10 * 4, layer.get_parameter("weight")!.grad!.sum().item<double>());
    }

    [Fact]
    public void MisuseIsRefused()
    {
        var layer = AdaptedLinear.Embedding(7, 4);
        Assert.Contains("read by Int64", Assert.Throws<ArgumentException>(() => layer.Lookup(zeros(2))).Message);
        Assert.Contains("AdaptedLinear.Embedding", Assert.Throws<InvalidOperationException>(() => new AdaptedLinear(4, 7).Lookup(Ids(7))).Message);
        Assert.ThrowsAny<Exception>(() => layer.Lookup(tensor(new long[] { 7 })));
        Assert.Contains("has a bias of its own, which means nothing where rows are looked up",
            Assert.Throws<ArgumentException>(() => layer.Adapt(Adapter.Lora(bias: true))).Message);
        Assert.Empty(layer.Adapters);
        Assert.True(layer.get_parameter("weight")!.requires_grad);
    }
}
