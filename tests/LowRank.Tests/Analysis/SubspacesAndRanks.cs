using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

public class SubspacesAndRanks : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public SubspacesAndRanks() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void SimilarityIsOneForTheSameSpaceAndZeroForOrthogonalOnes()
    {
        var a = randn(4, 20);
        var rotated = randn(4, 4).mm(a);                                   // the same four directions, mixed
        Assert.Equal(1, Subspaces.Similarity(a, a)[1, 2], 10);
        Assert.Equal(1, Subspaces.Similarity(a, rotated)[3, 3], 5);
        var axes = eye(6, dtype: ScalarType.Float64);
        Assert.Equal(0, Subspaces.Similarity(axes.narrow(0, 0, 3), axes.narrow(0, 3, 3))[2, 2], 12);
        // Singular values 3, 2, 1 along axes 0, 1, 2 against 3, 2 along 2, 0.
        var first = diag(tensor(new double[] { 3, 2, 1, 0, 0, 0 })).narrow(0, 0, 3);
        var second = zeros(2, 6, ScalarType.Float64);
        second[0, 2] = 3;
        second[1, 0] = 2;
        var similarity = Subspaces.Similarity(first, second);
        Assert.Equal(0, similarity[0, 0], 12);
        Assert.Equal(1, similarity[0, 1], 12);
        Assert.Equal(1.0 / 2, similarity[1, 1], 12);
        Assert.Equal(1, similarity[2, 1], 12);
    }

    [Fact]
    public void RandomSubspacesMeetTheirExpectation()
    {
        var sums = new double[4, 16];
        const int Draws = 40;
        for (var seed = 0; seed < Draws; seed++)
        {
            var control = Subspaces.RandomControl(4, 16, 64, seed);
            for (var i = 0; i < 4; i++)
                for (var j = 0; j < 16; j++) sums[i, j] += control[i, j] / Draws;
        }
        Assert.Equal(Subspaces.RandomSimilarity(4, 16, 64), sums[3, 15], 0.03);
        Assert.Equal(Subspaces.RandomSimilarity(2, 2, 64), sums[1, 1], 0.03);
        Assert.Equal(0, Subspaces.Normalized(0.25, 4, 16, 64), 12);
        Assert.Equal(1, Subspaces.Normalized(1, 4, 16, 64), 12);
        Assert.Equal(Subspaces.RandomControl(2, 2, 8, 3), Subspaces.RandomControl(2, 2, 8, 3));
    }

    [Fact]
    public void RanksOfKnownMatrices()
    {
        var matrix = randn(30, 5).mm(randn(5, 20));
        Assert.Equal(5, Ranks.Numerical(matrix));
        Assert.Equal(20, Ranks.SingularValues(matrix).Length);
        Assert.Equal(0, Ranks.Numerical(zeros(3, 4)));
        Assert.Equal(0, Ranks.Effective(zeros(3, 4)));
        Assert.Equal(4, Ranks.Effective(eye(4)), 9);
        Assert.Equal(3, Ranks.SingularValues(diag(tensor(new double[] { 2, 3 })))[0], 12);
        Assert.InRange(Ranks.Effective(diag(tensor(new double[] { 1, 1e-3 }))), 1, 1.01);
    }

    [Fact]
    public void AmplificationOfAKnownPair()
    {
        // ΔW = 6 e0 e1ᵀ and W has 2 there: amplified three times.
        var (delta, weight) = (zeros(3, 4), randn(3, 4));
        delta[0, 1] = 6;
        weight[0, 1] = 2;
        Assert.Equal(3, Subspaces.Amplification(delta, weight, rank: 1), 6);
    }

    [Fact]
    public void DeltaIsWhatTheAdapterAdds()
    {
        var layer = new AdaptedLinear(12, 9, dtype: ScalarType.Float64);
        layer.Adapt(Adapter.Dora(rank: 3));
        using (no_grad())
            foreach (var (_, tensor) in layer.Find("default")!.Tensors) tensor.add_(randn_like(tensor) * 0.3);
        var delta = layer.Delta("default");
        var x = randn(5, 12, ScalarType.Float64);
        var adapted = layer.forward(x);
        layer.EnableAdapters(false);
        Golden.Close(adapted, layer.forward(x) + x.mm(delta.t()), 1e-12, "W + Δ");
    }

    [Fact]
    public void MatricesThatDoNotFitAreRefused() =>
        Assert.Contains("same width; given [2, 5] and [2, 6]",
            Assert.Throws<ArgumentException>(() => Subspaces.Similarity(zeros(2, 5), zeros(2, 6))).Message);
}
