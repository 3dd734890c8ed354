// What an adapter does to each layer, read off the singular values σ_1 ≥ σ_2 ≥ … of its ΔW (AdaptedLinear.Delta: for a decomposed adapter
// all that it changes, the magnitude's part too). One SVD a layer, in float64:
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
        var delta = Subspaces.Exact(layer.Delta(name));
        var (u, s, vh) = linalg.svd(delta, fullMatrices: false);            // [out, q], [q], [q, in], q = min(out, in)
        var values = s.cpu().contiguous().data<double>().ToArray();
        var rank = Ranks.Numerical(values, layer.OutFeatures, layer.InFeatures);
        var k = Math.Min(directions, rank);
        var norm = linalg.vector_norm(weight, 2, null).to(ScalarType.Float64).item<double>();
        return new(path, values, rank, norm, k, k == 0 ? 0 : Subspaces.Amplification(delta, weight, u.narrow(1, 0, k), vh.narrow(0, 0, k)));
    }
}
