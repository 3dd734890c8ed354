// The methods by the names that a command line has for them. A "q" in front of any means: over NF4 with double quantization.
namespace LowRank;

/// <summary>A way to fine-tune, by name.</summary>
/// <param name="Name">As "dora".</param>
/// <param name="What">In a few words.</param>
/// <param name="Rank">The rank where none is asked for; 0: it has none.</param>
/// <param name="LearningRate">The highest learning rate where none is asked for: what its paper trained large models with, or its
/// relatives' papers where it has none.</param>
public sealed record FinetuneMethod(string Name, string What, long Rank, double LearningRate)
{
    private static readonly StorageFormat FourBits = Nf4.WithDoubleQuantization;

    private Func<long, double?, double, AdapterConfig>? Make { get; init; }

    private Func<long, IReadOnlyList<TrainingPolicy>> Rules { get; init; } = _ => [];

    /// <summary>How the frozen weights are stored unless something else is asked for; null: dense.</summary>
    public StorageFormat? Storage { get; init; }

    /// <summary>Does the result have to be saved as a whole model, because the weights themselves change?</summary>
    public bool ChangesWeights { get; init; }

    /// <summary>Does it know α?</summary>
    public bool HasAlpha { get; init; } = true;

    /// <summary>All methods, without the "q" in front.</summary>
    public static IReadOnlyList<FinetuneMethod> All { get; } =
    [
        Of("lora", "low-rank adaptation", 8, 2e-4, (r, a, d) => Adapter.Lora(r, a, dropout: d)),
        Of("rslora", "LoRA scaled by α/√r", 8, 2e-4, (r, a, d) => Adapter.Lora(r, a, rsLora: true, dropout: d)),
        Of("lora+", "LoRA whose B learns 16 times as fast", 8, 5e-5, (r, a, d) => Adapter.Lora(r, a, dropout: d)) with { Rules = _ => [new LoraPlusPolicy()] },
        Of("lora-fa", "LoRA with A as it was drawn", 8, 2e-4, (r, a, d) => Adapter.Lora(r, a, dropout: d)) with { Rules = _ => [new LoraFaPolicy()] },
        Of("asylora", "LoRA with an orthonormal A as it was drawn", 8, 4e-4, (r, a, d) => Adapter.Lora(r, a, dropout: d, init: LoraInit.Orthogonal)) with { Rules = _ => [new AsyLoraPolicy()] },
        Of("pissa", "LoRA from the weight's leading directions", 8, 2e-5, (r, a, d) => Adapter.Lora(r, a ?? r, dropout: d, init: LoraInit.Pissa)),
        Of("dora", "LoRA within magnitude and direction", 8, 2e-4, (r, a, d) => Adapter.Dora(r, a, dropout: d)),
        Of("vera", "two vectors around shared noise", 256, 4e-3, (r, _, d) => Adapter.Vera(r, dropout: d)) with { HasAlpha = false },
        Of("dvora", "VeRA within magnitude and direction", 256, 4e-3, (r, _, d) => Adapter.Dvora(r, dropout: d)) with { HasAlpha = false },
        Of("mora", "a square matrix of a high rank", 8, 3e-4, (r, _, d) => Adapter.Mora(r, dropout: d)) with { HasAlpha = false },
        Of("relora", "LoRA put into the weights every quarter of the run", 8, 4e-4, (r, a, d) => Adapter.Lora(r, a, dropout: d)) with { Rules = Restarts, ChangesWeights = true },
        Of("remora", "MoRA put into the weights every quarter of the run", 8, 4e-4, (r, _, d) => Adapter.Mora(r, MoraOperator.Strided, d)) with { Rules = Restarts, ChangesWeights = true, HasAlpha = false },
        Of("dylora", "LoRA for every rank up to its own", 8, 4e-4, (r, a, d) => Adapter.DyLora(r, a, d)) with { Rules = _ => [new DyLoraPolicy()] },
        Of("adalora", "LoRA that shares a budget out among the layers", 8, 5e-4, (r, a, d) => a is { } alpha ? Adapter.AdaLora(r, alpha: alpha, dropout: d) : Adapter.AdaLora(r, dropout: d))
            with { Rules = _ => [new AdaLoraPolicy()] },
        Of("loha", "a Hadamard product of two low-rank ones", 8, 2e-4, (r, a, d) => Adapter.Loha(r, a, d)),
        Of("lokr", "a Kronecker product", 8, 2e-4, (r, a, d) => Adapter.Lokr(r, a, dropout: d)),
        Of("ia3", "a factor for each output", 0, 3e-3, (_, _, _) => Adapter.Ia3()) with { HasAlpha = false },
        Of("qalora", "LoRA on averages over int4's groups, which merges into them", 8, 2e-4, (r, a, d) => Adapter.QaLora(r, a, dropout: d)) with { Storage = new GroupInt4 { GroupSize = 32 } },
        Of("qadora", "QA-LoRA within magnitude and direction", 8, 2e-4, (r, a, d) => Adapter.QaLora(r, a, dropout: d).WithMagnitude()) with { Storage = new GroupInt4 { GroupSize = 32 } },
        new("full", "all weights", 0, 2e-5) { ChangesWeights = true, HasAlpha = false },
    ];

    /// <summary>A method by its name, in any spelling of upper case, dashes and spaces; with a "q" in front over NF4.</summary>
    /// <exception cref="ArgumentException">There is none; names the nearest.</exception>
    public static FinetuneMethod Named(string name)
    {
        var plain = Plain(name);
        if (All.FirstOrDefault(method => Plain(method.Name) == plain) is { } known) return known;
        if (plain.StartsWith('q') && All.FirstOrDefault(method => Plain(method.Name) == plain[1..]) is { Storage: null } coded)
            return coded.ChangesWeights ? throw new ArgumentException($"\"{name}\": {coded.Name} changes the weights themselves, and codes are frozen")
                : coded with { Name = "q" + coded.Name, What = coded.What + ", over NF4", Storage = FourBits };
        throw new ArgumentException($"no method \"{name}\"{NearestNames.Suggest(plain, All.Select(method => method.Name).Append("qlora").Append("qdora"))}");
    }

    /// <summary>The adapter; null for full fine-tuning.</summary>
    /// <param name="rank">The method's own if not given.</param>
    /// <param name="alpha">The method's own if not given.</param>
    /// <param name="dropout">On the adapter's input.</param>
    /// <exception cref="ArgumentException">It has no rank, no α or no adapter.</exception>
    public AdapterConfig? AdapterOf(long? rank = null, double? alpha = null, double dropout = 0)
    {
        if (rank is not null && Rank == 0) throw new ArgumentException($"{Name} has no rank; leave it out");
        if (alpha is not null && !HasAlpha) throw new ArgumentException($"{Name} has no α; leave it out");
        if (dropout != 0 && Make is null) throw new ArgumentException($"{Name} has no adapter, so no dropout before one; leave it out");
        return Make?.Invoke(rank ?? Rank, alpha, dropout);
    }

    /// <summary>The rules of a run of so many steps, made anew for it.</summary>
    public IReadOnlyList<TrainingPolicy> PoliciesOf(long steps) => Rules(steps);

    private static FinetuneMethod Of(string name, string what, long rank, double rate, Func<long, double?, double, AdapterConfig> make) => new(name, what, rank, rate) { Make = make };

    private static IReadOnlyList<TrainingPolicy> Restarts(long steps) => [new ReLoraPolicy(every: Math.Max(2, steps / 4), warmup: Math.Max(1, steps / 40))];

    private static string Plain(string name) => name.ToLowerInvariant().Replace("-", "").Replace("_", "").Replace(" ", "").Replace("³", "3").Replace("plus", "+");
}
