// How AdamW (arXiv 1711.05101) keeps its two moments while a model trains: in full, or as 8-bit codes ("8-bit Optimizers", arXiv
// 2110.02861); all of them on the parameters' device, or the rest of them on pages off it (QLoRA, arXiv 2305.14314, section 3). And what it
// steps where parameters have 16 bits: a float32 master of each ("Mixed Precision Training", arXiv 1710.03740, section 3.1), or the bits themselves.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The choice of <see cref="TrainingOptions.Optimizer"/>: <see cref="FullAdamW"/> or <see cref="AdamW8Bit"/>. Rates and decays are
/// the options' own.</summary>
public abstract record TrainingOptimizer
{
    private protected TrainingOptimizer() { }

    /// <summary>Keep a float32 master of each 16-bit parameter (bfloat16, float16): steps move the master, and the parameter is the master rounded to
    /// nearest, ties to even. Without it a step smaller than half of the parameter's last place (0.2 to 0.4 % of a bfloat16) is lost. The master
    /// costs 4 bytes a number, and moments are those of float32; where <see cref="TrainingOptions.Accumulation"/> is above 1, gradients are summed in float32
    /// too. Parameters of 32 and 64 bits, such as every adapter's beside a 16-bit model, are not touched by it. What changes a parameter between steps
    /// changes its master.</summary>
    public bool MasterWeights { get; init; } = true;

    /// <summary>Most bytes of moments and masters that lie on the parameters' device; null: all of them. What is beyond lies on pages, in pinned memory
    /// of the host for a GPU, in a temporary file for the CPU, and comes back for its step: 262,144 numbers at a time of float32 moments (2 MiB)
    /// and of codes (½ MiB), a master's beside them (1 MiB), a tensor at a time of others. What is at work counts too, so a limit below that is not met. The trajectory is
    /// the same bit for bit.</summary>
    public long? PagedAbove { get; init; }

    /// <summary>Where the file of the CPU's pages goes, nameless and gone with the process; if not given: TMPDIR, /var/tmp or the system's
    /// folder for temporary files. It must be on a disk.</summary>
    public string? PageFolder { get; init; }

    /// <summary>An optimizer for a loop of one's own; <see cref="Trainer"/> makes its own.</summary>
    /// <param name="groups">Parameters with their learning rate, decay, β and ε, which each step reads anew.</param>
    /// <param name="names">Each parameter's name: for messages and for what <see cref="MomentOptimizer.Capture"/> gives.</param>
    /// <exception cref="ArgumentException">A number makes no sense, a parameter has no name or is there twice, a group asks for AMSGrad or
    /// maximizing where moments are codes or on pages.</exception>
    /// <exception cref="IOException">There is no room for the pages.</exception>
    public MomentOptimizer Over(IReadOnlyList<AdamW.ParamGroup> groups, IEnumerable<(string Name, Parameter Parameter)> names) => new(this, groups, names);

    /// <summary>The type of the numbers that a parameter's steps move: its own, or its master's.</summary>
    internal ScalarType Stepped(ScalarType type) => MasterWeights ? Precision.Wide(type) : type;

    /// <summary>How the moments are kept of what is stepped.</summary>
    internal abstract MomentKind KindOf(ScalarType type, long elements);

    internal virtual void Validate()
    {
        if (PagedAbove < 0) throw new ArgumentException($"PagedAbove is {PagedAbove}; a limit in bytes is 0 or more, null for none");
        if (PageFolder is not null && PagedAbove is null) throw new ArgumentException("PageFolder says where pages go, and there are none: set PagedAbove too");
    }
}

/// <summary>Moments in full, each in the type of its parameter or master: torch's own AdamW.</summary>
public sealed record FullAdamW : TrainingOptimizer
{
    internal override MomentKind KindOf(ScalarType type, long elements) => MomentKind.Full;
}

/// <summary>Moments as 8-bit codes in blocks of 256, a quarter of float32's bytes; codes and scales as bitsandbytes'. For float32, bfloat16
/// and float16; float64 parameters keep theirs in full. A 16-bit parameter's master (<see cref="TrainingOptimizer.MasterWeights"/>) takes twice the
/// bytes of its codes.</summary>
public sealed record AdamW8Bit : TrainingOptimizer
{
    /// <summary>A tensor of fewer elements keeps float32 moments: it would save little, and norms and magnitudes take an error ill.</summary>
    public long SmallestTensor { get; init; } = 4096;

    internal override MomentKind KindOf(ScalarType type, long elements) =>
        type is ScalarType.BFloat16 or ScalarType.Float16 ? elements < SmallestTensor ? MomentKind.Wide : MomentKind.EightBit
        : type == ScalarType.Float32 && elements >= SmallestTensor ? MomentKind.EightBit : MomentKind.Full;

    internal override void Validate()
    {
        base.Validate();
        if (SmallestTensor < 0) throw new ArgumentException($"SmallestTensor is {SmallestTensor}; it is a number of elements, 0 to have codes for all");
    }
}
