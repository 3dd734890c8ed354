// DyLoRA (arXiv 2210.07558, section 4): one rank b is drawn for each step, for the whole model.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How ranks are drawn.</summary>
public enum RankDistribution
{
    /// <summary>Each rank as often as any other.</summary>
    Uniform,

    /// <summary>Rank r_min + i with a weight of (1 − p)^i: small ranks more often.</summary>
    Geometric,
}

/// <summary>Draws a rank a step for a DyLoRA adapter.</summary>
/// <param name="minimumRank">r_min.</param>
/// <param name="frozen">Train only the last of the b directions?</param>
/// <param name="distribution">How ranks are drawn.</param>
/// <param name="p">Of the geometric distribution.</param>
/// <param name="adapter">The adapter's name.</param>
public sealed class DyLoraPolicy(
    long minimumRank = 1, bool frozen = false, RankDistribution distribution = RankDistribution.Uniform, double p = 0.3,
    string adapter = Adapter.DefaultName) : TrainingPolicy
{
    private IReadOnlyList<SampledRankUpdate> updates = [];
    private double[] cumulative = [];
    private ulong seed;

    /// <summary>The rank of the present step.</summary>
    public long Rank { get; private set; }

    public override void Begin(nn.Module model, TrainingOptions options)
    {
        LayersAtWork(model, adapter);
        updates = DyLoraRanks.Updates(model, adapter);
        var maximum = updates[0].MaximumRank;
        if (minimumRank < 1 || minimumRank > maximum)
            throw new ArgumentException($"the smallest rank must lie between 1 and {maximum}; it is {minimumRank}");
        if (distribution == RankDistribution.Geometric && p is not (> 0 and < 1))
            throw new ArgumentException($"p of the geometric distribution must lie between 0 and 1; it is {p}");
        seed = (ulong)options.Seed;
        var weights = Enumerable.Range(0, (int)(maximum - minimumRank + 1))
            .Select(i => distribution == RankDistribution.Uniform ? 1 : Math.Pow(1 - p, i)).ToArray();
        var total = 0.0;
        cumulative = [.. weights.Select(w => (total += w) / weights.Sum())];
        foreach (var update in updates) update.TrainsLastAlone = frozen;
    }

    /// <summary>The rank of a step depends on the seed and the step alone, so a run that is taken up again draws the same.</summary>
    public override void BeforeStep(long step)
    {
        var (word, _, _, _) = Philox.Block((uint)step, (uint)(step >> 32), 0, 1, (uint)seed, (uint)(seed >> 32));
        var drawn = (word >> 8) * (1.0 / (1 << 24));
        var index = Array.FindIndex(cumulative, bound => drawn < bound);
        Rank = minimumRank + (index < 0 ? cumulative.Length - 1 : index);
        foreach (var update in updates) update.Rank = Rank;
    }

    public override string Settings => FormattableString.Invariant($"minimumRank {minimumRank}, frozen {frozen}, distribution {distribution}, p {p}, adapter {adapter}");

    /// <summary>An evaluation sees the full rank, not the one that was drawn last; one that asks for others sets them.</summary>
    public override void BeforeEvaluation()
    {
        foreach (var update in updates) update.Rank = update.MaximumRank;
    }

    /// <summary>The adapter works at its full rank again.</summary>
    public override void End()
    {
        foreach (var update in updates) (update.Rank, update.TrainsLastAlone) = (update.MaximumRank, false);
    }
}
