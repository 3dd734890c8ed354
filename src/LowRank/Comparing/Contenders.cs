// Everything that this library can fine-tune a model with, at sizes that data/base and data/tiny bear: rank 4 and its like on all linear
// layers. Where a search begins differs by family, as their best rates do; it goes on from there until the best rate has neighbours.
namespace LowRank;

/// <summary>The contenders of lesson 9.</summary>
public static class Contenders
{
    private const int Rank = 4;

    private static readonly StorageFormat FourBits = Nf4.WithDoubleQuantization;

    /// <summary>What trains none of the model, some of it, or all.</summary>
    public static IReadOnlyList<Contender> Baselines { get; } =
    [
        new("base model", (_, _) => { }, 0),
        new("prompting", (_, _) => { }, 0) { Shots = 3 },
        new("full fine-tuning", (model, _) => model.TrainOnly("*"), 1e-3),
        new("last layer", (model, _) => model.TrainLastLayers(1), 3e-3),
        new("norms", (model, _) => model.TrainOnly("*norm.weight"), 1e-2),
        Contender.Of("bottleneck", Baseline.Bottleneck(Rank), 3e-3),
        Contender.Of("soft prompt", Baseline.SoftPrompt(8), 3e-2),
        Contender.Of("prefix", Baseline.Prefix(8), 3e-2),
    ];

    /// <summary>The LoRA family by its papers' names.</summary>
    public static IReadOnlyList<Contender> Methods { get; } =
    [
        Contender.Of("LoRA", Adapter.Lora(Rank), 1e-2),
        Contender.Of("rsLoRA", Adapter.Lora(Rank, rsLora: true), 1e-2),
        Contender.Of("LoRA+", Adapter.Lora(Rank), 3e-3).With(() => new LoraPlusPolicy(4)),
        Contender.Of("LoRA-FA", Adapter.Lora(Rank), 1e-2).With(() => new LoraFaPolicy()),
        Contender.Of("AsyLoRA", Adapter.Lora(Rank, init: LoraInit.Orthogonal), 3e-2).With(() => new AsyLoraPolicy()),
        Contender.Of("PiSSA", Adapter.Lora(Rank, alpha: Rank, init: LoraInit.Pissa), 3e-3),
        Contender.Of("DoRA", Adapter.Dora(Rank), 1e-2),
        Contender.Of("VeRA", Adapter.Vera(256, saveProjections: false), 3e-2),
        Contender.Of("DVoRA", Adapter.Dvora(256, saveProjections: false), 3e-2),
        Contender.Of("MoRA", Adapter.Mora(Rank), 3e-3),
        Contender.Of("ReLoRA", Adapter.Lora(Rank), 1e-2) with { Policies = steps => [new ReLoraPolicy(every: Math.Max(2, steps / 3), warmup: steps / 20)] },
        Contender.Of("DyLoRA", Adapter.DyLora(Rank), 1e-2).With(() => new DyLoraPolicy()),
        Contender.Of("AdaLoRA", Adapter.AdaLora(Rank), 1e-2).With(() => new AdaLoraPolicy()),
        Contender.Of("LoHa", Adapter.Loha(Rank), 1e-2),
        Contender.Of("LoKr", Adapter.Lokr(Rank), 1e-2),
        Contender.Of("IA³", Adapter.Ia3(), 3e-2),
        Contender.Of("QLoRA", Adapter.Lora(Rank), 1e-2, FourBits),
        Contender.Of("QDoRA", Adapter.Dora(Rank), 1e-2, FourBits),
        Contender.Of("QVeRA", Adapter.Vera(256, saveProjections: false), 3e-2, FourBits),
        Contender.Of("QDyLoRA", Adapter.DyLora(Rank), 1e-2, FourBits).With(() => new DyLoraPolicy()),
        Contender.Of("QA-LoRA", Adapter.QaLora(Rank), 1e-2, new GroupInt4 { GroupSize = 32 }),
    ];

    /// <summary>Combinations that no paper has named.</summary>
    public static IReadOnlyList<Contender> Unnamed { get; } =
    [
        Contender.Of("MoRA with a magnitude", Adapter.Mora(Rank).WithMagnitude(), 3e-3),
        Contender.Of("DyLoRA with a magnitude, NF4", Adapter.DyLora(Rank).WithMagnitude(), 1e-2, FourBits).With(() => new DyLoraPolicy()),
        Contender.Of("LoRA+ on DoRA, NF4", Adapter.Dora(Rank), 3e-3, FourBits).With(() => new LoraPlusPolicy(4)),
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Contender> All { get; } = [.. Baselines, .. Methods, .. Unnamed];
}
