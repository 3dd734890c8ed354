// How A and B start, against PEFT's numbers.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class LoraInitTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public LoraInitTests() => manual_seed(11);

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, LoraInit> Inits = new()
    {
        ["LoRA init pissa"] = LoraInit.Pissa, ["LoRA init pissa_niter_4"] = LoraInit.Pissa, ["LoRA init olora"] = LoraInit.Olora,
        ["LoRA init orthogonal"] = LoraInit.Orthogonal,
    };

    public static TheoryData<string> All => Golden.Where(f => Inits.ContainsKey(f.Method));

    private static AdaptedLinear Layer(Dictionary<string, Tensor> t)
    {
        var layer = new AdaptedLinear(t["base.weight"].shape[1], t["base.weight"].shape[0], hasBias: true);
        layer.load_state_dict(new() { ["weight"] = t["base.weight"], ["bias"] = t["base.bias"] });
        return layer;
    }

    [Theory, MemberData(nameof(All))]
    public void LeavesWhatPeftLeavesOfTheWeight(string id)
    {
        var fixture = Golden.Fixture(id);
        var (t, init) = (fixture.Load(), Inits[fixture.Method]);
        var layer = Layer(t);
        layer.Adapt(Adapter.Lora(fixture.Hyper("r", 0L), fixture.Hyper("lora_alpha", 0.0), init: init));
        var update = (LowRankUpdate)layer.Find(Adapter.DefaultName)!.Update;
        Assert.Equal(fixture.Hyper("scaling", 0.0), update.Scale);
        using var _ = no_grad();
        var part = update.B.mm(update.A).mul(update.Scale);
        if (fixture.Method.EndsWith("niter_4", StringComparison.Ordinal))
        {
            // A randomized SVD, whose draw no file tells: what the exact one leaves of W is less (Eckart and Young).
            var (theirs, ours) = (t["residual.weight"].norm().item<float>(), (t["base.weight"] - part).norm().item<float>());
            Assert.InRange(ours, 0.5 * theirs, theirs);
        }
        else if (init.ReadsWeight())
        {
            // Ours is exact; what is left is the error of PEFT's SVD in float32.
            Golden.Close(t["scaled_BA"], part, 5e-6, "s·BA");
            Golden.Close(t["residual.weight"], t["base.weight"] - part, 5e-6, "W − s·BA");
        }
        else
        {
            Assert.True(update.A.abs().max().item<float>() > 0 && update.B.abs().max().item<float>() > 0);
            Assert.InRange(part.abs().max().item<float>(), 0, 1e-5);
        }
        Golden.Close(t["out"], layer.forward(t["x"]), 5e-6, "out");
        Assert.True(layer.get_parameter("weight")!.eq(t["base.weight"]).all().item<bool>());
    }

    [Theory, InlineData(LoraInit.Pissa), InlineData(LoraInit.Olora)]
    public void TheUpdateIsTheChangeSinceTheStart(LoraInit init)
    {
        var layer = new AdaptedLinear(7, 5, dtype: ScalarType.Float64);
        layer.Adapt(Adapter.Lora(rank: 3, alpha: 6, init: init));
        var update = (LowRankUpdate)layer.Find(Adapter.DefaultName)!.Update;
        var (a, b) = update.Start!.Value;
        using var _ = no_grad();
        update.A.add_(randn_like(update.A));
        Golden.Close((update.B.mm(update.A) - b.mm(a)) * update.Scale, layer.Delta(Adapter.DefaultName), 1e-12, "ΔW");
        Assert.False(a.requires_grad || b.requires_grad);
        Assert.Equal(3 * 12, TrainableParameters.Of(layer).Trainable);
    }

    [Fact]
    public void PissaDividesTheSingularValuesByTheScaleAndOloraDoesNot()
    {
        var weight = eye(6, dtype: ScalarType.Float64) * tensor(new[] { 6.0, 5, 4, 3, 2, 1 });
        foreach (var (init, leading) in new[] { (LoraInit.Pissa, 6.0), (LoraInit.Olora, 12.0) })
        {
            var (a, b) = LoraStart.Leading(init, weight, 1, scale: 2);
            Assert.Equal(leading, (b.mm(a) * 2).abs().max().item<double>(), 12);
        }
    }

    [Fact]
    public void WhatDoesNotFitIsRefusedAndChangesNothing()
    {
        var layer = new AdaptedLinear(7, 5);
        Assert.Contains("takes 6 directions from a weight [5, 7]",
            Assert.Throws<ArgumentException>(() => layer.Adapt(Adapter.Lora(rank: 6, init: LoraInit.Pissa))).Message);
        Assert.Contains("must be even; it is 3", Assert.Throws<ArgumentException>(() => layer.Adapt(Adapter.Lora(rank: 3, init: LoraInit.Orthogonal))).Message);
        Assert.Contains("must be positive", Assert.Throws<ArgumentException>(() => layer.Adapt(Adapter.Lora(rank: 2, alpha: -1, init: LoraInit.Pissa))).Message);
        Assert.Empty(layer.Adapters);
        Assert.True(layer.get_parameter("weight")!.requires_grad);
    }
}
