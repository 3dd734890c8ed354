// A run that can be interrupted: where it leaves what it needs to go on, and how often. `Checkpoints = new("out/run", every: 50)` is all: the
// same call of Trainer.Fit goes on from the newest whole checkpoint that the folder has.
namespace LowRank;

/// <summary>Checkpoints of a training run, for <see cref="TrainingOptions.Checkpoints"/>. A run that was stopped, or killed at any moment, and is
/// started again by the same program goes on where its newest whole checkpoint was made, and ends with the numbers of a run that was never
/// stopped: bit for bit on the CPU with the same number of threads.</summary>
public sealed record TrainingCheckpoints
{
    /// <param name="folder">The run's own; made if it is missing. One process at a time may use it.</param>
    /// <param name="every">Steps between two checkpoints; there is one too after the last step and when the run is cancelled.</param>
    /// <param name="keep">How many stay, the newest; more than one, so that a damaged one does not lose the run.</param>
    public TrainingCheckpoints(string folder, long every = 100, int keep = 2) => (Folder, Every, Keep) = (folder, every, keep);

    /// <summary>Holds a folder for each checkpoint, as "step-50".</summary>
    public string Folder { get; init; }

    /// <summary>Steps between two checkpoints.</summary>
    public long Every { get; init; }

    /// <summary>How many stay.</summary>
    public int Keep { get; init; }

    /// <summary>Begin at the first step whatever the folder holds. The checkpoints there go when the first new one has been written.</summary>
    public bool StartAnew { get; init; }

    internal void Validate()
    {
        if (string.IsNullOrWhiteSpace(Folder)) throw new ArgumentException("Checkpoints need a folder; its name is empty");
        if (Every < 1) throw new ArgumentException($"Checkpoints.Every is {Every}; the steps between two checkpoints must be at least 1");
        if (Keep < 1) throw new ArgumentException($"Checkpoints.Keep is {Keep}; at least 1 must stay");
    }
}
