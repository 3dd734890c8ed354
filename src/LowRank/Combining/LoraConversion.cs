// Any adapter as plain LoRA, which every runtime can load: ΔW cut to its first singular directions. Of all matrices of that rank none
// is closer (Eckart and Young 1936); ‖ΔW − BA‖_F is the tail of ΔW's singular values.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What a conversion kept of one layer's ΔW.</summary>
/// <param name="Path">The layer.</param>
/// <param name="Rank">Of the new factors.</param>
/// <param name="RelativeError">‖ΔW − s·BA‖_F / ‖ΔW‖_F, of the factors as they are stored; 0 for ΔW = 0.</param>
public sealed record LayerConversion(string Path, long Rank, double RelativeError);

/// <summary>Converting a model's adapters.</summary>
public static class LoraConversion
{
    /// <summary>
    /// Makes a plain LoRA adapter with the ΔW of another one, whatever its method, and makes it the active one. What the other adds to the
    /// output as a constant (a bias on B, IA³'s share of the layer's bias) becomes the bias on B.
    /// </summary>
    /// <remarks>For a decomposed adapter ΔW is everything that it changes, m ⊙ (W + ΔW)/‖W + ΔW‖ − W, so the magnitude is in it; its rank is
    /// then that of W as a rule, and the error at a small rank is what a merge avoids. Like IA³'s, it fits the W that is there now.</remarks>
    /// <param name="model">A model with the adapter.</param>
    /// <param name="name">Which adapter; it stays as it is.</param>
    /// <param name="rank">Of every layer, cut to min(in, out); null for each layer's smallest rank that is exact to the tolerance.</param>
    /// <param name="newName">The new adapter's name.</param>
    /// <param name="tolerance">The relative error that counts as exact, where no rank is given.</param>
    /// <param name="trainable">Shall the new one train?</param>
    /// <returns>What was kept, layer by layer.</returns>
    /// <exception cref="ArgumentException">A name or number makes no sense; nothing is changed.</exception>
    /// <exception cref="InvalidOperationException">An adapter is merged, or ΔW holds NaN or infinity; nothing is changed.</exception>
    public static IReadOnlyList<LayerConversion> ConvertToLora(
        this nn.Module model, string name, long? rank, string newName, double tolerance = 1e-6, bool trainable = false)
    {
        if (rank is < 1) throw new ArgumentException($"the rank must be at least 1; it is {rank}");
        if (tolerance is not (>= 0 and < 1)) throw new ArgumentException($"the tolerance must be at least 0 and below 1; it is {tolerance}");
        var layers = model.RequiredLayersOf(name);
        LoraFactors.RequireFree(model, newName);

        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var (factors, report) = (new List<LoraFactors>(), new List<LayerConversion>());
        foreach (var (path, layer, adapter) in layers)
        {
            using var delta = layer.Delta(name);
            LoraFactors.RequireFinite(delta, $"{path}: ΔW of \"{name}\"");
            var offset = adapter.Update.Offset();
            if (offset is not null) LoraFactors.RequireFinite(offset, $"{path}: what \"{name}\" adds to the output");
            var best = LoraFactors.Best(delta, values => rank is { } given ? Math.Min(given, values.Length) : SmallestExact(values, tolerance));
            factors.Add(best with { Offset = offset });
            report.Add(new(path, best.Rank, RelativeError(delta, best)));
        }
        LoraFactors.Add(model, newName, layers, factors, trainable, [name]);
        return report;
    }

    /// <summary>The fewest directions, at least one, whose tail √(Σ σ²) is no more than the tolerance times the whole.</summary>
    private static long SmallestExact(double[] values, double tolerance)
    {
        var whole = values.Sum(v => v * v);
        var rank = values.Length;
        for (var tail = 0.0; rank > 1; rank--)
        {
            tail += values[rank - 1] * values[rank - 1];
            if (tail > tolerance * tolerance * whole) break;
        }
        return rank;
    }

    private static double RelativeError(Tensor delta, LoraFactors factors)
    {
        using var scope = NewDisposeScope();
        var exact = delta.to(ScalarType.Float64);
        var rest = exact - factors.B.to(ScalarType.Float64).mm(factors.A.to(ScalarType.Float64));       // [out, r] x [r, in] -> [out, in]
        var whole = exact.norm().item<double>();
        return whole == 0 ? 0 : rest.norm().item<double>() / whole;
    }
}
