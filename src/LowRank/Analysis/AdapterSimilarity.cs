// Do two adapters of a model learn the same directions? The LoRA paper's question (arXiv 2106.09685, section 7.2, figures 3 and 4), by
// layer. It compares the right-singular vectors of A; an adapter without an A of its own is compared by those of its ΔW.
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How alike the input directions of two adapters are in one layer.</summary>
/// <param name="Layer">The layer's path in the model.</param>
/// <param name="Similarity">φ(i, j) at [i − 1, j − 1].</param>
/// <param name="Control">The same of two random matrices of these shapes.</param>
/// <param name="Dimensions">d: the layer's inputs.</param>
public sealed record LayerSimilarity(string Layer, double[,] Similarity, double[,] Control, long Dimensions)
{
    /// <summary>The largest i and j.</summary>
    public (int First, int Second) Largest => (Similarity.GetLength(0), Similarity.GetLength(1));

    /// <summary>φ(i, j), from 0 to 1.</summary>
    public double Of(int i, int j) => Similarity[i - 1, j - 1];

    /// <summary>(φ − c)/(1 − c), c what random subspaces are expected to have: 0 is chance.</summary>
    public double Normalized(int i, int j) => Subspaces.Normalized(Of(i, j), i, j, Dimensions);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Layer}: φ{Largest} = {Of(Largest.First, Largest.Second):f3}, normalized {Normalized(Largest.First, Largest.Second):f3}, " +
        $"random {Control[Largest.First - 1, Largest.Second - 1]:f3}");
}

/// <summary>Comparing adapters, layer by layer.</summary>
public static class AdapterSimilarities
{
    /// <summary>Subspace similarity of two adapters in every layer that has both.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers; unmerged.</param>
    /// <param name="first">An adapter's name.</param>
    /// <param name="second">Another's; they may have different ranks and methods.</param>
    /// <param name="directions">Only the first so many right-singular vectors of each; 0: all that there are.</param>
    /// <param name="seed">Of the random control.</param>
    /// <exception cref="ArgumentException">An adapter is not there, or no layer has both.</exception>
    public static IReadOnlyList<LayerSimilarity> Similarity(
        this nn.Module model, string first, string second, int directions = 0, int seed = 0)
    {
        if (directions < 0) throw new ArgumentException($"the number of directions must not be negative; it is {directions}");
        var both = model.RequiredLayersOf(first).Join(model.RequiredLayersOf(second), a => a.Path, b => b.Path,
            (a, b) => (a.Path, a.Layer, First: a.Adapter, Second: b.Adapter)).ToList();
        if (both.Count == 0) throw new ArgumentException($"no layer has both adapters, \"{first}\" and \"{second}\"");
        using var grad = no_grad();
        return [.. both.Select((layer, index) =>
        {
            using var scope = NewDisposeScope();
            var (one, two) = (Directions(layer.Layer, layer.First, directions), Directions(layer.Layer, layer.Second, directions));
            return new LayerSimilarity(layer.Path, Subspaces.Similarity(one, two),
                Subspaces.RandomControl(one.shape[0], two.shape[0], one.shape[1], seed + index), layer.Layer.InFeatures);
        })];
    }

    /// <summary>A matrix whose rows are the adapter's leading right-singular vectors times their singular values, [k, in].</summary>
    private static Tensor Directions(AdaptedLinear layer, LinearAdapter adapter, int directions)
    {
        var matrix = Subspaces.Exact(adapter.Update switch
        {
            LowRankUpdate low => low.A,
            SampledRankUpdate sampled => sampled.A.narrow(0, 0, sampled.Rank),
            SvdUpdate svd => svd.Q,
            _ => layer.Delta(adapter.AdapterName),
        });
        var (_, s, vh) = linalg.svd(matrix, fullMatrices: false);
        var k = directions == 0 ? vh.shape[0] : Math.Min(directions, vh.shape[0]);
        return vh.narrow(0, 0, k).mul(s.narrow(0, 0, k).unsqueeze(1));
    }
}
