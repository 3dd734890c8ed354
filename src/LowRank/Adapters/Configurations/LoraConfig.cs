// LoRA's own numbers (and, decomposed, DoRA's): the scale's rule, a bias, and how A and B start.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of LoRA, or of DoRA when <see cref="AdapterConfig.Decomposed"/>.</summary>
public sealed partial record LoraConfig : ScaledConfig
{
    /// <summary>Scale by α/√r (arXiv 2312.03732).</summary>
    public bool RsLora { get; init; }

    /// <summary>Also train a bias on B.</summary>
    public bool Bias { get; init; }

    public LoraInit Init { get; init; }

    /// <summary>How <see cref="LoraInit.LoftQ"/> begins; other starts do not read it.</summary>
    public LoftQ LoftQ { get; init; } = new();

    public override double ScaleOf(string path) => RsLora ? AlphaOf(path) / Math.Sqrt(RankOf(path)) : base.ScaleOf(path);

    internal override void Validate()
    {
        base.Validate();
        if (Init == LoraInit.Orthogonal && RankPattern.Values.Prepend(Rank).FirstOrDefault(rank => rank % 2 != 0) is > 0 and var odd)
            throw new ArgumentException($"orthogonal initialisation halves the rank, which must be even; it is {odd}");
        if (Init == LoraInit.LoftQ) LoftQ.Validate(ScaleOf(""));
        if (Bias && Decomposed)
            throw new ArgumentException(
                "a bias on B has no place in a decomposed weight (DoRA); leave out the bias or the magnitude");
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new LowRankUpdate(inFeatures, outFeatures, RankOf(path), ScaleOf(path), Bias, Init, dtype, device);

    internal override IReadOnlyList<Update> CreateUpdates(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        var updates = base.CreateUpdates(targets);
        if (Init == LoraInit.LoftQ) LoftQ.Start(targets, updates);
        else if (Init.ReadsWeight())
            foreach (var ((_, layer), update) in targets.Zip(updates)) ((LowRankUpdate)update).StartFrom(layer.Weight);
        return updates;
    }

    internal override void CheckStart(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        if (Init == LoraInit.LoftQ) LoftQ.CheckStart(targets);
    }

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures)
    {
        var rank = RankOf(path);
        yield return ("lora_A.weight", [rank, inFeatures]);
        yield return ("lora_B.weight", [outFeatures, rank]);
        if (Bias) yield return ("lora_B.bias", [outFeatures]);
    }

    /// <summary>A and B as they were taken from W.</summary>
    internal override long CopiesOf(string path, long inFeatures, long outFeatures) => Init.IsPartOfWeight() ? RankOf(path) * (inFeatures + outFeatures) : 0;

    internal override (long Rows, bool Trains) ReaderOf(string path, long inFeatures, long outFeatures) => (RankOf(path), true);
}
