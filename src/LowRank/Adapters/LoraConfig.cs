// LoRA's own numbers (and, decomposed, DoRA's): rank, α, the scale's rule, and exceptions for single layers as PEFT's
// rank_pattern and alpha_pattern.
using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of LoRA, or of DoRA when <see cref="AdapterConfig.Decomposed"/>.</summary>
public sealed partial record LoraConfig : AdapterConfig
{
    /// <summary>r.</summary>
    public long Rank { get; init; } = 8;

    /// <summary>α: the scale is α/r, or α/√r with <see cref="RsLora"/>.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>Scale by α/√r (arXiv 2312.03732).</summary>
    public bool RsLora { get; init; }

    /// <summary>Also train a bias on B.</summary>
    public bool Bias { get; init; }

    public LoraInit Init { get; init; }

    /// <summary>Other ranks for some layers: a regular expression that ends a module's path, and the rank. The first match
    /// counts.</summary>
    public IReadOnlyDictionary<string, long> RankPattern { get; init; } = new Dictionary<string, long>();

    /// <summary>Other α for some layers, as <see cref="RankPattern"/>.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>r of the layer at that path.</summary>
    public long RankOf(string path) => RankPattern.FirstOrDefault(p => EndsWith(path, p.Key), new("", Rank)).Value;

    /// <summary>s of the layer at that path.</summary>
    public double ScaleOf(string path)
    {
        var alpha = AlphaPattern.FirstOrDefault(p => EndsWith(path, p.Key), new("", Alpha)).Value;
        return alpha / (RsLora ? Math.Sqrt(RankOf(path)) : RankOf(path));
    }

    internal override void Validate()
    {
        base.Validate();
        foreach (var rank in RankPattern.Values.Prepend(Rank))
            if (rank < 1) throw new ArgumentException($"the rank must be at least 1; it is {rank}");
        if (Init == LoraInit.Orthogonal && RankPattern.Values.Prepend(Rank).FirstOrDefault(rank => rank % 2 != 0) is > 0 and var odd)
            throw new ArgumentException($"orthogonal initialisation halves the rank, which must be even; it is {odd}");
        foreach (var alpha in AlphaPattern.Values.Prepend(Alpha))
            if (!double.IsFinite(alpha)) throw new ArgumentException($"alpha must be a finite number; it is {alpha}");
        if (Bias && Decomposed)
            throw new ArgumentException(
                "a bias on B has no place in a decomposed weight (DoRA); leave out the bias or the magnitude");
        foreach (var pattern in RankPattern.Keys.Concat(AlphaPattern.Keys)) EndsWith("", pattern);
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new LowRankUpdate(inFeatures, outFeatures, RankOf(path), ScaleOf(path), Bias, Init, dtype, device);

    internal override IReadOnlyList<Update> CreateUpdates(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        var updates = base.CreateUpdates(targets);
        if (Init.ReadsWeight())
            foreach (var ((_, layer), update) in targets.Zip(updates)) ((LowRankUpdate)update).StartFrom(layer.Weight);
        return updates;
    }

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures)
    {
        var rank = RankOf(path);
        yield return ("lora_A.weight", [rank, inFeatures]);
        yield return ("lora_B.weight", [outFeatures, rank]);
        if (Bias) yield return ("lora_B.bias", [outFeatures]);
    }

    private static bool EndsWith(string path, string pattern) => TargetPattern.Matches($@"\A(.*\.)?({pattern})\z", path);
}
