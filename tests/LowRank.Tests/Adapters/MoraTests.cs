// MoRA's own claims and traps.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class MoraTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public MoraTests() => manual_seed(3);

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(4096, 4096, 8, MoraOperator.Strided, 256, 256)]
    [InlineData(4096, 4096, 256, MoraOperator.Strided, 1448, 1448)]
    [InlineData(48, 80, 4, MoraOperator.Strided, 23, 22)]       // 22.63
    [InlineData(48, 80, 4, MoraOperator.Rotation, 22, 22)]
    [InlineData(60, 100, 4, MoraOperator.Rotation, 24, 24)]     // 25.3: down to even
    public void MoraRoundsTheSideAsTheReferenceOrDownAsThePaper(
        long inFeatures, long outFeatures, long rank, MoraOperator mapping, long nearest, long down)
    {
        Assert.Equal(nearest, MoraUpdate.SideOf(inFeatures, outFeatures, rank, mapping));
        Assert.Equal(down, MoraUpdate.SideOf(inFeatures, outFeatures, rank, mapping, roundsDown: true));
    }

    public static TheoryData<MoraOperator> Operators => new(Enum.GetValues<MoraOperator>());

    [Theory, MemberData(nameof(Operators))]
    public void MoraHasAHigherRankThanLoraWithAsManyParameters(MoraOperator mapping)
    {
        const long Size = 64, Rank = 4;
        var lora = Adapter.Lora(Rank).CountTrainable([new("layer", Size, Size)]);
        var mora = Adapter.Mora(Rank, mapping).CountTrainable([new("layer", Size, Size)]);
        Assert.InRange(mora, 0.9 * lora, 1.1 * lora);
        var update = new MoraUpdate(Size, Size, MoraUpdate.SideOf(Size, Size, Rank, mapping), mapping, ScalarType.Float64);
        using (no_grad()) update.M.normal_();
        Assert.True(linalg.matrix_rank(update.Delta(ScalarType.Float64)).item<long>() > 2 * Rank);
    }

    [Theory, MemberData(nameof(Operators))]
    public void MoraMergesWhereXIsNoWiderThanM(MoraOperator mapping)
    {
        foreach (var (inFeatures, outFeatures) in new[] { (6L, 90L), (12L, 90L), (3L, 4L) })
        {
            var layer = new AdaptedLinear(inFeatures, outFeatures, dtype: ScalarType.Float64);
            layer.AddAdapter("m", new MoraUpdate(inFeatures, outFeatures, 12, mapping, ScalarType.Float64));
            using (no_grad()) ((MoraUpdate)layer.Find("m")!.Update).M.normal_();
            var x = randn(4, inFeatures, dtype: ScalarType.Float64);
            var adapted = layer.forward(x);
            layer.Merge();
            Golden.Close(adapted, layer.forward(x), 1e-12, $"{mapping} {inFeatures}");
        }
    }

    [Fact]
    public void AnOddSideCannotBeTurned()
    {
        var error = Assert.Throws<ArgumentException>(() => new MoraUpdate(8, 8, 5, MoraOperator.Rotation));
        Assert.Contains("M's side must be even; it is 5", error.Message);
    }
}
