// What an adapter does to each layer, read off the singular values σ_1 ≥ σ_2 ≥ … of its ΔW (AdaptedLinear.Delta: for a decomposed adapter
// all that it changes, the magnitude's part too). One SVD a layer, in float64, of thin factors where ΔW is their product:
//   ‖ΔW‖_F = √Σσ²,   effective rank = exp(entropy of σ/Σσ) (Roy and Vetterli 2007),   energy of the first k = Σ_{i≤k} σ² / Σσ²,
//   amplification = ‖ΔW‖_F / ‖UᵀWV‖_F with the first k singular vectors (LoRA, arXiv 2106.09685, section 7.3)
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One layer's ΔW.</summary>
/// <param name="Layer">The layer's path in the model.</param>
/// <param name="SingularValues">All of ΔW's, largest first.</param>
/// <param name="NumericalRank">Those above float32's rounding: what an SVD of ΔW in float32 can tell from 0 (see
/// <see cref="Ranks.Numerical(Tensor, double)"/>).</param>
/// <param name="WeightNorm">‖W‖_F.</param>
/// <param name="Directions">k, how many leading directions the amplification looks at; at most the numerical rank.</param>
/// <param name="Amplification">How much stronger ΔW is in its own leading directions than W is in them; 0 for ΔW = 0.</param>
public sealed record LayerSpectrum(
    string Layer, IReadOnlyList<double> SingularValues, int NumericalRank, double WeightNorm, int Directions, double Amplification)
{
    /// <summary>‖ΔW‖_F.</summary>
    public double Norm { get; } = Math.Sqrt(SingularValues.Sum(v => v * v));

    /// <summary>‖ΔW‖_F / ‖W‖_F; infinite for a change of a zero weight.</summary>
    public double RelativeNorm => Norm == 0 ? 0 : Norm / WeightNorm;

    /// <summary>σ_1.</summary>
    public double SpectralNorm => SingularValues.Count == 0 ? 0 : SingularValues[0];

    /// <summary>Between 1 and the rank; r for r equal directions; 0 for ΔW = 0.</summary>
    public double EffectiveRank { get; } = Ranks.Effective(SingularValues);

    /// <summary>The share of ‖ΔW‖²_F in the first k directions; 1 for ΔW = 0, which they hold whole.</summary>
    public double EnergyOfFirst(int k) => Norm == 0 ? 1 : SingularValues.Take(k).Sum(v => v * v) / (Norm * Norm);

    internal string[] Cells() => [Layer, Cell(Norm, "g4"), Cell(RelativeNorm, "p2"), Cell(SpectralNorm, "g4"), Cell(NumericalRank, "0"),
        Cell(EffectiveRank, "f1"), Cell(EnergyOfFirst(Directions), "p1"), Cell(Amplification, "f2")];

    private static string Cell(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

/// <summary>An adapter's layers; its text is a table.</summary>
public sealed class AdapterSpectrum(IReadOnlyList<LayerSpectrum> layers) : System.Collections.ObjectModel.ReadOnlyCollection<LayerSpectrum>([.. layers])
{
    public override string ToString() => TextTable.Of(
        [["layer", "|dW|", "of |W|", "sigma 1", "rank", "effective", "energy of k", "amplified"], .. this.Select(l => l.Cells())]);
}

/// <summary>Looking at adapters, layer by layer.</summary>
public static class AdapterSpectra
{
    /// <summary>Norms, ranks and spectrum of an adapter's ΔW in every layer that has it.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers; unmerged.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="directions">k of the amplification and of the table's energy.</param>
    /// <exception cref="ArgumentException">There is no such adapter.</exception>
    public static AdapterSpectrum Describe(this nn.Module model, string name = Adapter.DefaultName, int directions = 4)
    {
        if (directions < 1) throw new ArgumentException($"at least one direction is looked at; asked for {directions}");
        return new([.. model.RequiredLayersOf(name).Select(l => Of(l.Path, l.Layer, name, directions))]);
    }

    private static LayerSpectrum Of(string path, AdaptedLinear layer, string name, int directions)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var weight = layer.Weight.Dequantize();
        var (u, s, vh) = Decomposed(layer, layer.Find(name)!);
        var values = s.cpu().contiguous().data<double>().ToArray();
        var all = new double[Math.Min(layer.OutFeatures, layer.InFeatures)];
        values.CopyTo(all, 0);                                                  // directions that the factors lack have σ = 0
        var rank = Ranks.Numerical(values, layer.OutFeatures, layer.InFeatures);
        var k = Math.Min(directions, rank);
        var norm = Math.Sqrt(Subspaces.Exact(layer.Weight.RowNormSquared()).sum().item<double>());
        return new(path, all, rank, norm, k, k == 0 ? 0 : Subspaces.Amplification(values, weight, u.narrow(1, 0, k), vh.narrow(0, 0, k)));
    }

    /// <summary>
    /// The SVD of ΔW: U [out, q], σ [q], Vᵀ [q, in]. Of two thin factors it is the SVD of the product of their triangles (with L = Q₁R₁
    /// and Rᵀ = Q₂R₂ it is LR = Q₁ (R₁R₂ᵀ) Q₂ᵀ), r x r instead of out x in.
    /// </summary>
    private static (Tensor U, Tensor Values, Tensor Vh) Decomposed(AdaptedLinear layer, LinearAdapter adapter)
    {
        var factors = adapter.Magnitude is null ? Factors(adapter.Update) : null;
        if (factors is not var (left, right) || right.shape[0] >= Math.Min(layer.OutFeatures, layer.InFeatures))
            return linalg.svd(Subspaces.Exact(layer.Delta(adapter.AdapterName)), fullMatrices: false);
        var (q1, r1) = linalg.qr(left);                                         // [out, r] x [r, r]
        var (q2, r2) = linalg.qr(right.t());                                    // [in, r] x [r, r]
        var (u, s, vh) = linalg.svd(r1.mm(r2.t()), fullMatrices: false);
        return (q1.mm(u), s, vh.mm(q2.t()));
    }

    /// <summary>ΔW as L [out, r] x R [r, in] in float64, for the updates that are such a product.</summary>
    private static (Tensor Left, Tensor Right)? Factors(Update update) => update switch
    {
        LowRankUpdate { Start: var (a, b) } moved => (cat([Subspaces.Exact(moved.B), Subspaces.Exact(b).neg()], 1).mul(moved.Scale),
            cat([Subspaces.Exact(moved.A), Subspaces.Exact(a)], 0)),            // s·(BA − B₀A₀)
        LowRankUpdate low => (Subspaces.Exact(low.B).mul(low.Scale), Subspaces.Exact(low.A)),
        SampledRankUpdate sampled => (Subspaces.Exact(sampled.B).narrow(1, 0, sampled.Rank).mul(sampled.Scale),
            Subspaces.Exact(sampled.A).narrow(0, 0, sampled.Rank)),
        SvdUpdate svd => (Subspaces.Exact(svd.P).mul(Subspaces.Exact(svd.Lambda).t()).mul(svd.Scale), Subspaces.Exact(svd.Q)),
        VeraUpdate vera => (Subspaces.Exact(vera.Projections.B(vera.OutFeatures, vera.B.device)).mul(Subspaces.Exact(vera.B).unsqueeze(1)),
            Subspaces.Exact(vera.Projections.A(vera.InFeatures, vera.D.device)).mul(Subspaces.Exact(vera.D).unsqueeze(1))),
        _ => null,
    };
}
