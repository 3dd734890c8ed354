// VeRA's shared matrices: the same from a seed everywhere, shared by all layers, in files once or as a seed.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class VeraProjectionTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    /// <summary>The known answers that the generator's authors publish with it.</summary>
    [Fact]
    public void PhiloxGivesItsPublishedAnswers()
    {
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), Philox.Block(0, 0, 0, 0, 0, 0));
        Assert.Equal((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu),
            Philox.Block(uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue));
        Assert.Equal((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u),
            Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0));
    }

    [Fact]
    public void VeraProjectionsDoNotDependOnThePlatformsGeneratorOrItsThreads()
    {
        var threads = get_num_threads();
        var one = new VeraProjections(3, 5, 4, seed: 9);
        set_num_threads(threads == 1 ? 2 : 1);
        manual_seed(1234);
        var two = new VeraProjections(3, 5, 4, seed: 9);
        set_num_threads(threads);
        foreach (var (a, b) in one.Tensors.Zip(two.Tensors)) Assert.True(a.Value.eq(b.Value).all().item<bool>(), a.Name);
        // Element 5 of A is word 1 of block 1, from the numbers above this class's own formula.
        var (_, word, _, _) = Philox.Block(1, 0, 0, 0, 9, 0);
        var bound = (float)Math.Sqrt(6.0 / 5);
        Assert.Equal(-bound + 2 * bound * ((word >> 8) / 16777216f), one.Tensors[0].Value[1, 0].item<float>());
        var other = new VeraProjections(3, 5, 4, seed: 10);
        Assert.False(other.Tensors[1].Value.eq(one.Tensors[1].Value).any().item<bool>());
    }

    [Fact]
    public void KaimingBoundsAndEveryLayersPart()
    {
        var shared = new VeraProjections(64, 200, 100, seed: 3);
        foreach (var (name, tensor) in shared.Tensors)
        {
            var bound = Math.Sqrt(6.0 / tensor.shape[1]);
            Assert.InRange(tensor.abs().max().item<float>(), 0.99 * bound, bound);
            Assert.InRange(tensor.mean().item<float>(), -0.05 * bound, 0.05 * bound);
        }
        var update = new VeraUpdate(30, 20, shared);
        Assert.Equal([64L, 30], update.Projections.A(30, CPU).shape);
        Assert.True(update.Projections.B(20, CPU).eq(shared.Tensors[1].Value.narrow(0, 0, 20)).all().item<bool>());
        var error = Assert.Throws<ArgumentException>(() => new VeraUpdate(201, 20, shared));
        Assert.Contains("[20, 201]; the shared projections reach only [100, 200]", error.Message);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void AFileHoldsTheProjectionsOnceOrTheSeed(bool save)
    {
        var model = new Skeleton(1, 12, 6, 20);
        model.Adapt(Adapter.Vera(rank: 4, seed: 77, saveProjections: save));
        using (no_grad())
            foreach (var (_, _, adapter) in model.LayersOf("default"))
                foreach (var (_, tensor) in adapter.Tensors) tensor.normal_();
        model.SaveAdapter(folder.Path);
        var names = SafeTensors.Load(Path.Combine(folder.Path, "adapter_model.safetensors")).Keys;
        Assert.Equal(save ? 2 : 0, names.Count(n => n is "base_model.vera_A" or "base_model.vera_B"));
        Assert.Equal(14, names.Count(n => n.Contains("vera_lambda")));

        var other = new Skeleton(1, 12, 6, 20);
        other.LoadAdapter(folder.Path);
        foreach (var (a, b) in model.LayersOf("default").Zip(other.LayersOf("default")))
        {
            Assert.True(a.Adapter.Update.Delta(ScalarType.Float32).eq(b.Adapter.Update.Delta(ScalarType.Float32)).all().item<bool>(), a.Path);
            Assert.Same(((VeraUpdate)other.LayersOf("default")[0].Adapter.Update).Projections, ((VeraUpdate)b.Adapter.Update).Projections);
        }
    }

    [Fact]
    public void TwoShapesShareOnePair()
    {
        var fixture = Golden.Fixtures.Single(f => f.Id.EndsWith("vera_two_shapes"));
        var tensors = fixture.Load();
        AdaptedLinear Layer(string name)
        {
            var weight = tensors[$"base.{name}.weight"];
            var layer = new AdaptedLinear(weight.shape[1], weight.shape[0], true);
            layer.load_state_dict(new() { ["weight"] = weight, ["bias"] = tensors[$"base.{name}.bias"] });
            return layer;
        }
        var both = nn.ModuleList(Layer("lin1"), Layer("lin2"));
        both.Adapt(new VeraConfig
        {
            Rank = fixture.Hyper("r", 0L), InitialD = fixture.Hyper("d_initial", 0.0), Seed = fixture.Hyper("projection_prng_key", 0L),
            Generator = VeraGenerator.Torch,
        });
        var layers = both.LayersOf("default");
        using (no_grad())
            foreach (var ((_, _, adapter), name) in layers.Zip(["lin1", "lin2"]))
                foreach (var (own, parameter) in adapter.Tensors) parameter.copy_(tensors[$"adapter.{name}.{own}"]);
        foreach (var (name, shared) in layers[0].Adapter.Update.SharedTensors)
            Assert.True(shared.eq(tensors["shared." + name]).all().item<bool>(), name);
        var x = tensors["x"].clone().requires_grad_();
        var y = layers[1].Layer.forward(layers[0].Layer.forward(x).tanh());
        (y * tensors["probe"]).sum().backward();
        Golden.Close(tensors["out"], y, Golden.LayerTolerance, "out");
        Golden.Close(tensors["grad.x"], x.grad!, Golden.LayerTolerance, "grad.x");
        foreach (var ((_, _, adapter), name) in layers.Zip(["lin1", "lin2"]))
            foreach (var (own, parameter) in adapter.Tensors)
                Golden.Close(tensors[$"grad.{name}.{own}"], parameter.grad!, Golden.LayerTolerance, $"{name}.{own}");
    }
}
