// The zoo: small adapters of data/base that this repository trained, to play with where there is no time to train. One per held-out domain,
// one per method on the same domain, and some that do something else than define words.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One adapter of the zoo and how it is trained.</summary>
/// <param name="Name">Its folder.</param>
/// <param name="What">What it is, in a few words.</param>
/// <param name="Targets">The layers, for an adapter.</param>
/// <param name="LearningRate">The highest.</param>
internal sealed record ZooEntry(string Name, string What, string Targets, double LearningRate)
{
    private const string Output = "down_proj", Linear = "all-linear";

    /// <summary>The adapter; null for a baseline.</summary>
    public AdapterConfig? Config { get; init; }

    /// <summary>A baseline in its place.</summary>
    public BaselineConfig? Baseline { get; init; }

    /// <summary>The domain it learns to define words of; null where it learns <see cref="Questions"/>.</summary>
    public string? Domain { get; init; }

    /// <summary>What it learns to answer, and what it is tested with.</summary>
    public (IReadOnlyList<Question> Training, IReadOnlyList<Question> Test)? Questions { get; init; }

    /// <summary>How the base model's weights are stored meanwhile.</summary>
    public StorageFormat? Storage { get; init; }

    /// <summary>Rules of the method; made anew for each run.</summary>
    public Func<IReadOnlyList<TrainingPolicy>> Policies { get; init; } = () => [];

    /// <summary>Its steps, as a multiple of the others'.</summary>
    public int Longer { get; init; } = 1;

    /// <summary>All of them, in the order of the table.</summary>
    public static IReadOnlyList<ZooEntry> All { get; } = [.. Domains(), .. Methods(), .. Others()];

    private static IEnumerable<ZooEntry> Domains() =>
        from domain in WordNet.HeldOutDomains
        select new ZooEntry(domain[(domain.IndexOf('.') + 1)..], $"LoRA, rank 2: definitions in {domain}", Output, 1e-2) { Config = Adapter.Lora(2), Domain = domain };

    private static IEnumerable<ZooEntry> Methods()
    {
        ZooEntry Food(string name, string what, AdapterConfig config, double rate, string targets = Output) => new($"food-{name}", what, targets, rate) { Config = config, Domain = "noun.food" };
        yield return Food("rslora", "LoRA scaled by α/√r, rank 2", Adapter.Lora(2, rsLora: true), 1e-2);
        yield return Food("dora", "DoRA, rank 2", Adapter.Dora(2), 1e-2);
        yield return Food("vera", "VeRA, rank 64, from a seed", Adapter.Vera(64, saveProjections: false), 3e-2, Linear);
        yield return Food("dvora", "DVoRA, rank 64, from a seed", Adapter.Dvora(64, saveProjections: false), 3e-2);
        yield return Food("mora", "MoRA with as many numbers as rank 2", Adapter.Mora(2), 3e-3);
        yield return Food("dylora", "DyLoRA: every rank up to 4", Adapter.DyLora(4), 1e-2) with { Policies = () => [new DyLoraPolicy()] };
        yield return Food("adalora", "AdaLoRA: rank 2 on average", Adapter.AdaLora(2), 1e-2) with { Policies = () => [new AdaLoraPolicy()] };
        yield return Food("loha", "LoHa, rank 2", Adapter.Loha(2), 1e-2);
        yield return Food("lokr", "LoKr, rank 4", Adapter.Lokr(4), 1e-2);
        yield return Food("ia3", "IA³: a factor for each output", Adapter.Ia3(), 3e-2, Linear);
        yield return Food("qlora", "QLoRA, rank 2: trained over NF4", Adapter.Lora(2), 1e-2) with { Storage = Nf4.WithDoubleQuantization };
        yield return new("food-prompt", "a soft prompt of 8 vectors", "", 3e-2) { Baseline = LowRank.Baseline.SoftPrompt(8), Domain = "noun.food" };
    }

    private static IEnumerable<ZooEntry> Others()
    {
        var sql = SqlQuestions.Make();
        yield return new("sql", "LoRA, rank 2: questions about six tables as SQL", Linear, 1e-2)
        {
            Config = Adapter.Lora(2), Questions = ([.. sql.Of(Split.Train)], [.. sql.Of(Split.Test).Take(128)]), Longer = 3,
        };
        // A memory is tested with what it was given.
        var pairs = UuidPairs.Make(8);
        yield return new("memory-lora", "LoRA, rank 1: eight pairs of random UUIDs by heart", Linear, 1e-2) { Config = Adapter.Lora(1), Questions = (pairs, pairs), Longer = 2 };
        yield return new("memory-mora", "MoRA with as many numbers: the same eight pairs", Linear, 3e-3) { Config = Adapter.Mora(1), Questions = (pairs, pairs), Longer = 2 };
    }

    /// <summary>Puts it on a model.</summary>
    public void Put(CausalLm model)
    {
        if (Storage is not null) model.Quantize(Storage);
        if (Baseline is not null) model.Adapt(Baseline);
        else model.Adapt(Config!, Targets);
    }

    /// <summary>Training batches and those of the test.</summary>
    public (Func<long, Batch> Training, Func<IEnumerable<Batch>> Test) Batches(CausalLm model, IReadOnlyList<Gloss> glosses, long seed)
    {
        const int batch = 16, longest = 64, judged = 128;
        if (Questions is { } questions)
            return (new QuestionBatches(model.Tokenizer!, questions.Training, batch, seed).At, new QuestionBatches(model.Tokenizer!, questions.Test, batch).InOrder);
        var domain = glosses.InDomain(Domain!).ToList();
        TokenBatches Texts(IEnumerable<Gloss> some) => TokenBatches.Texts(TokenCorpus.From(model.Tokenizer!, some), batch, longest, seed);
        return (Texts(domain.Of(Split.Train)).At, Texts(domain.Of(Split.Test).Take(judged)).InOrder);
    }
}
