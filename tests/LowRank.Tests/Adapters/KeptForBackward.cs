// Between forward and backward nothing of the weight's size may stay alive: only x, the r-wide reads, and for DoRA the output
// before rescaling.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class KeptForBackward
{
#if LIBTORCH
    [Theory, InlineData("lora", 0), InlineData("dora", 1)]
    public void NothingOfTheWeightsSize(string kind, int outputsKept)
    {
        const long Size = 1024, Tokens = 16, Rank = 4;
        const long Weight = Size * Size * sizeof(float), Output = Tokens * Size * sizeof(float);
        var layer = new AdaptedLinear(Size, Size);
        layer.Adapt(kind == "lora" ? Adapter.Lora(Rank) : Adapter.Dora(Rank));
        using var x = randn(Tokens, Size).requires_grad_();
        layer.forward(x).sum().backward();          // caches (row norms), gradients
        GC.Collect();
        GC.WaitForPendingFinalizers();

        var before = LibTorch.Memory.LiveBytes;
        using var y = layer.forward(x);
        var kept = LibTorch.Memory.LiveBytes - before - Output;
        Assert.True(kept < outputsKept * Output + Weight / 8,
            $"{kept:N0} bytes are kept for backward; the weight takes {Weight:N0}, an output {Output:N0}");

        using var sum = y.sum();
        LibTorch.Memory.ResetPeak();
        before = LibTorch.Memory.LiveBytes;
        sum.backward();
        var needed = LibTorch.Memory.PeakBytes - before;
        Assert.True(needed < Weight / 2, $"backward needed {needed:N0} bytes; the weight takes {Weight:N0}");
    }

    /// <summary>AsyLoRA: with A frozen, x Aᵀ is kept, r wide, and x itself is not.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void AFrozenAKeepsWhatItReadInPlaceOfX(bool frozen)
    {
        const long In = 4096, Out = 64, Tokens = 128, Rank = 4;
        var layer = new AdaptedLinear(In, Out);
        layer.Adapt(Adapter.Lora(Rank));
        var update = (LowRankUpdate)layer.Find("default")!.Update;
        update.A.requires_grad = !frozen;
        Tensor Forward()
        {
            using var x = randn(Tokens, In);
            return layer.forward(x);
        }
        Forward().Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LibTorch.Memory.LiveBytes;
        using var y = Forward();
        var kept = LibTorch.Memory.LiveBytes - before;
        const long X = Tokens * In * sizeof(float);
        Assert.True(frozen ? kept < X / 4 : kept > X, $"{kept:N0} bytes are kept; x takes {X:N0}");
        using var sum = y.square().sum();
        sum.backward();
        Assert.Equal(!frozen, update.A.grad is not null);
        Assert.NotNull(update.B.grad);
    }
#endif

    [Fact]
    public void AWeightThatChangedBetweenForwardAndBackwardIsRefused()
    {
        using var scope = NewDisposeScope();
        var layer = new AdaptedLinear(8, 8);
        layer.Adapt(Adapter.Lora(rank: 2));
        var sum = layer.forward(randn(3, 8).requires_grad_()).sum();
        layer.Merge();
        Assert.Contains("modified by an inplace operation", Assert.ThrowsAny<Exception>(() => sum.backward()).Message);
    }
}
