// How much do two adapters point the same way? The subspace similarity of the LoRA paper (arXiv 2106.09685, section 7.2 and
// appendix G), with the value that two random subspaces have: that one is not 0.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Subspace similarity and amplification.</summary>
public static class Subspaces
{
    /// <summary>
    /// φ(i, j) = ‖U_iᵀ V_j‖²_F / min(i, j) for every i and j, U_i and V_j the first i and j right-singular vectors of two
    /// matrices [r1, d] and [r2, d], as two A's. Between 0 (orthogonal) and 1 (one contains the other).
    /// </summary>
    /// <returns>[i − 1, j − 1], min(r1, d) x min(r2, d) values.</returns>
    public static double[,] Similarity(Tensor first, Tensor second)
    {
        if (first.dim() != 2 || second.dim() != 2 || first.shape[1] != second.shape[1])
            throw new ArgumentException($"the subspaces need two matrices of the same width; given " +
                $"[{string.Join(", ", first.shape)}] and [{string.Join(", ", second.shape)}]");
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var u = RightVectors(first);
        var v = RightVectors(second);
        // ‖U_iᵀ V_j‖² is the sum of the leading i x j block of the squared products: two cumulative sums give all blocks.
        var blocks = u.mm(v.t()).square().cumsum(0).cumsum(1).cpu();            // [r1, d] x [d, r2] -> [r1, r2]
        var sums = blocks.contiguous().data<double>().ToArray();
        var result = new double[u.shape[0], v.shape[0]];
        for (var i = 0; i < result.GetLength(0); i++)
            for (var j = 0; j < result.GetLength(1); j++)
                result[i, j] = Math.Min(1, sums[i * result.GetLength(1) + j] / (Math.Min(i, j) + 1));
        return result;
    }

    /// <summary>What φ(i, j) is expected to be for two random subspaces of a space with d dimensions: max(i, j)/d.</summary>
    public static double RandomSimilarity(int i, int j, long dimensions) => (double)Math.Max(i, j) / dimensions;

    /// <summary>(φ − c)/(1 − c) with c the expectation for random subspaces: 0 means "no more than chance", 1 "the
    /// same".</summary>
    public static double Normalized(double similarity, int i, int j, long dimensions)
    {
        var chance = RandomSimilarity(i, j, dimensions);
        return chance >= 1 ? 0 : (similarity - chance) / (1 - chance);
    }

    /// <summary><see cref="Similarity"/> of two matrices of independent normal numbers: the control to draw beside the measured
    /// one.</summary>
    public static double[,] RandomControl(long firstRank, long secondRank, long dimensions, int seed)
    {
        using var generator = new Generator((ulong)seed);
        using var first = randn(firstRank, dimensions, ScalarType.Float64, generator: generator);
        using var second = randn(secondRank, dimensions, ScalarType.Float64, generator: generator);
        return Similarity(first, second);
    }

    /// <summary>
    /// The amplification factor ‖ΔW‖_F / ‖UᵀWV‖_F with U, V the first r left and right singular vectors of ΔW: how much the
    /// adapter strengthens directions that W already has (LoRA, section 7.3).
    /// </summary>
    public static double Amplification(Tensor delta, Tensor weight, int rank)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var (u, values, vh) = linalg.svd(Exact(delta), fullMatrices: false);
        rank = (int)Math.Min(rank, u.shape[1]);
        return Amplification(values.cpu().contiguous().data<double>().ToArray(), weight, u.narrow(1, 0, rank), vh.narrow(0, 0, rank));
    }

    /// <summary>The same with ΔW's singular values, U [out, r] and Vᵀ [r, in] at hand.</summary>
    internal static double Amplification(double[] values, Tensor weight, Tensor u, Tensor vh)
    {
        using var scope = NewDisposeScope();
        var core = u.t().mm(Exact(weight)).mm(vh.t());                          // [r, out] x [out, in] x [in, r]
        return Math.Sqrt(values.Sum(v => v * v)) / core.norm().item<double>();
    }

    /// <summary>Right-singular vectors as rows [r, d], largest singular value first.</summary>
    private static Tensor RightVectors(Tensor matrix) => linalg.svd(Exact(matrix), fullMatrices: false).Vh;

    internal static Tensor Exact(Tensor tensor) => tensor.detach().to(ScalarType.Float64);
}
