// Pearson's correlation by its definition: Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²).
namespace LowRank;

/// <summary>A linear correlation.</summary>
/// <param name="Coefficient">From −1 to 1; NaN where it is not defined: fewer than two points, or all of them equal in one
/// coordinate.</param>
/// <param name="Points">Pairs that it was computed from.</param>
public readonly record struct Correlation(double Coefficient, int Points)
{
    /// <summary>Of pairs; those with a NaN or an infinity are left out and not counted.</summary>
    public static Correlation Of(IEnumerable<(double X, double Y)> pairs)
    {
        var finite = pairs.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).ToArray();
        if (finite.Length < 2) return new(double.NaN, finite.Length);
        var (meanX, meanY) = (finite.Average(p => p.X), finite.Average(p => p.Y));
        double products = 0, squaresX = 0, squaresY = 0;
        foreach (var (x, y) in finite)
        {
            products += (x - meanX) * (y - meanY);
            squaresX += (x - meanX) * (x - meanX);
            squaresY += (y - meanY) * (y - meanY);
        }
        // Equal numbers can leave a rounding error of the mean: relative to the numbers it is nothing.
        var (largestX, largestY) = (finite.Max(p => Math.Abs(p.X)), finite.Max(p => Math.Abs(p.Y)));
        var varies = Math.Sqrt(squaresX) > 1e-14 * largestX && Math.Sqrt(squaresY) > 1e-14 * largestY;
        var coefficient = varies ? products / (Math.Sqrt(squaresX) * Math.Sqrt(squaresY)) : double.NaN;
        return new(Math.Clamp(coefficient, -1, 1), finite.Length);
    }

    public override string ToString() => FormattableString.Invariant($"{Coefficient:+0.00;-0.00;0.00} (n = {Points})");
}
