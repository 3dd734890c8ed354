// How many directions does a change of a weight really use?
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Singular values and the ranks that are read off them.</summary>
public static class Ranks
{
    /// <summary>Of float32.</summary>
    private const double Rounding = 1.1920929e-7;

    /// <summary>Singular values, largest first, computed in float64. For BA pass the product
    /// (<see cref="AdaptedLinear.Delta"/>).</summary>
    public static double[] SingularValues(Tensor matrix)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        return linalg.svdvals(Subspaces.Exact(matrix)).cpu().contiguous().data<double>().ToArray();
    }

    /// <summary>Singular values above tolerance · max(rows, columns) · the largest: the usual numerical rank.</summary>
    /// <param name="matrix">[rows, columns].</param>
    /// <param name="tolerance">Unit roundoff of the numbers that went into the matrix, float32's if not given.</param>
    public static int Numerical(Tensor matrix, double tolerance = Rounding) =>
        Numerical(SingularValues(matrix), matrix.shape[0], matrix.shape[1], tolerance);

    internal static int Numerical(double[] values, long rows, long columns, double tolerance = Rounding)
    {
        if (values.Length == 0) return 0;
        var limit = tolerance * Math.Max(rows, columns) * values[0];
        return values.Count(v => v > limit);
    }

    /// <summary>
    /// The effective rank (Roy and Vetterli 2007): e to the entropy of the singular values divided by their sum. r for r equal
    /// directions, near 1 when one dominates, 0 for a zero matrix.
    /// </summary>
    public static double Effective(Tensor matrix) => Effective((IReadOnlyList<double>)SingularValues(matrix));

    internal static double Effective(IReadOnlyList<double> values)
    {
        var sum = values.Sum();
        return sum == 0 ? 0 : Math.Exp(-values.Where(v => v > 0).Sum(v => v / sum * Math.Log(v / sum)));
    }
}
