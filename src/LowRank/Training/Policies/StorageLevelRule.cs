// When a run's frozen weights become coarser and when finer, from its evaluation losses alone. All losses are in nats; levels are numbered
// from the finest, 0.
//   down   when `patience` evaluations in a row are each at least `gain` below the one before at this level: what is being learned
//          outweighs what the codes lose
//   up     when `patience` evaluations in a row are more than `tolerance` above the run's best: the codes cost more than was allowed,
//          or training has gone wrong and is given better weights
// A level that was left upwards stays closed for `rest` evaluations, so that a run does not go back and forth. The first evaluation after a
// change has none before it at its level, so it can't count as a gain: a jump by the codes themselves is never taken for learning.
namespace LowRank;

/// <summary>The feedback rule of <see cref="StorageLevelPolicy"/>.</summary>
internal sealed class StorageLevelRule(int levels, int start, double gain, double tolerance, int patience, int rest)
{
    private readonly int[] closed = new int[levels];    // evaluations until a level opens again
    private double best = double.PositiveInfinity, before = double.NaN;
    private int gains, losses;

    /// <summary>The level now.</summary>
    public int Level { get; private set; } = start;

    /// <summary>The level after an evaluation; a loss that is no number counts as far too high.</summary>
    public int Next(double loss)
    {
        for (var i = 0; i < levels; i++) closed[i] = Math.Max(0, closed[i] - 1);
        gains = loss <= before - gain ? gains + 1 : 0;
        losses = loss <= best + tolerance ? 0 : losses + 1;
        before = loss;
        if (loss < best) best = loss;
        if (losses >= patience && Level > 0)
        {
            closed[Level] = rest + 1;                   // the evaluation that closes it does not count
            Go(Level - 1);
        }
        else if (gains >= patience && Level + 1 < levels && closed[Level + 1] == 0) Go(Level + 1);
        return Level;
    }

    /// <summary>Everything that the next decision depends on.</summary>
    public double[] State
    {
        get => [Level, best, before, gains, losses, .. closed];
        set
        {
            if (value.Length != 5 + levels) throw new InvalidDataException($"the rule of {levels} storage levels has a state of {5 + levels} numbers, not {value.Length}");
            (Level, best, before, gains, losses) = ((int)value[0], value[1], value[2], (int)value[3], (int)value[4]);
            for (var i = 0; i < levels; i++) closed[i] = (int)value[5 + i];
        }
    }

    private void Go(int level) => (Level, before, gains, losses) = (level, double.NaN, 0, 0);
}
