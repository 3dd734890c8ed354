// The methods by the names of their papers. Each call gives a configuration, a small immutable record that Adapt puts on a model.
namespace LowRank;

/// <summary>Configurations of adapters: <c>model.Adapt(Adapter.Dora(rank: 8, alpha: 16), "q_proj|v_proj")</c>.</summary>
public static class Adapter
{
    /// <summary>The name of an adapter that was not given one.</summary>
    public const string DefaultName = "default";

    /// <summary>LoRA (arXiv 2106.09685): ΔW = (α/r)·BA.</summary>
    /// <param name="rank">r.</param>
    /// <param name="alpha">α; 2r if it is not given.</param>
    /// <param name="rsLora">Scale by α/√r instead (arXiv 2312.03732).</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    /// <param name="bias">Also train a bias on B.</param>
    /// <param name="init">How A starts.</param>
    public static LoraConfig Lora(long rank = 8, double? alpha = null, bool rsLora = false, double dropout = 0, bool bias = false,
        LoraInit init = LoraInit.Kaiming) =>
        new() { Rank = rank, Alpha = alpha ?? 2 * rank, RsLora = rsLora, Dropout = dropout, Bias = bias, Init = init };

    /// <summary>DoRA (arXiv 2402.09353): LoRA's ΔW inside W' = m ⊙ (W + ΔW)/‖W + ΔW‖, one magnitude for each output
    /// row.</summary>
    /// <inheritdoc cref="Lora"/>
    public static LoraConfig Dora(long rank = 8, double? alpha = null, bool rsLora = false, double dropout = 0,
        LoraInit init = LoraInit.Kaiming) =>
        Lora(rank, alpha, rsLora, dropout, bias: false, init).WithMagnitude();

    /// <summary>LoRA or DoRA that begins with what storing the weights loses (LoftQ, arXiv 2310.08659). Adapt then quantizes its targets; a
    /// model that is quantized already needs the folder of the dense one.</summary>
    /// <param name="config">Adapter.Lora or Adapter.Dora.</param>
    /// <param name="format">How the weights are stored; NF4 with double quantization if not given.</param>
    /// <param name="iterations">T; more than one moves the codes too. Each takes an SVD of every target.</param>
    /// <param name="originals">A folder or .safetensors file with the weights from before quantizing, for a quantized model.</param>
    public static LoraConfig WithLoftQ(this LoraConfig config, StorageFormat? format = null, int iterations = 1, string? originals = null) => config with
    {
        Init = LoraInit.LoftQ,
        LoftQ = new() { Format = format ?? Nf4.WithDoubleQuantization, Iterations = iterations, Originals = originals },
    };

    /// <summary>VeRA (arXiv 2310.11454): ΔW = diag(b) B diag(d) A; A and B are frozen and shared by all layers.</summary>
    /// <param name="rank">r of the shared projections; large, as it costs r numbers a layer.</param>
    /// <param name="initialD">What d starts as.</param>
    /// <param name="seed">Of the projections.</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    /// <param name="saveProjections">Write A and B into files too; without, a file holds the seed.</param>
    public static VeraConfig Vera(long rank = 256, double initialD = 0.1, long seed = 0, double dropout = 0, bool saveProjections = true) =>
        new() { Rank = rank, InitialD = initialD, Seed = seed, Dropout = dropout, SavesProjections = saveProjections };

    /// <summary>DVoRA: VeRA's ΔW inside DoRA's magnitude and direction.</summary>
    /// <inheritdoc cref="Vera"/>
    public static VeraConfig Dvora(long rank = 256, double initialD = 0.1, long seed = 0, double dropout = 0, bool saveProjections = true) =>
        Vera(rank, initialD, seed, dropout, saveProjections).WithMagnitude();

    /// <summary>MoRA (arXiv 2405.12130): one square matrix between maps without parameters, as many numbers as LoRA of that
    /// rank.</summary>
    /// <param name="rank">r of that LoRA; M's side is √((in + out)·r).</param>
    /// <param name="mapping">The maps: rotation for small ranks, sharing for large ones.</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    public static MoraConfig Mora(long rank = 8, MoraOperator mapping = MoraOperator.Rotation, double dropout = 0) =>
        new() { Rank = rank, Operator = mapping, Dropout = dropout };

    /// <summary>QA-LoRA (arXiv 2309.14717): LoRA on x averaged over groups, which merges into group-wise int4 exactly.</summary>
    /// <param name="rank">r.</param>
    /// <param name="alpha">α; 2r if it is not given.</param>
    /// <param name="groupSize">Inputs a group.</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    public static QaLoraConfig QaLora(long rank = 8, double? alpha = null, long groupSize = 32, double dropout = 0) =>
        new() { Rank = rank, Alpha = alpha ?? 2 * rank, GroupSize = groupSize, Dropout = dropout };

    /// <summary>LoHa (arXiv 2108.06098): ΔW = (α/r)·(w1a w1b) ⊙ (w2a w2b).</summary>
    /// <inheritdoc cref="Lora"/>
    public static LohaConfig Loha(long rank = 8, double? alpha = null, double dropout = 0) =>
        new() { Rank = rank, Alpha = alpha ?? 2 * rank, Dropout = dropout };

    /// <summary>LoKr (arXiv 2309.14859): ΔW = (α/r)·w1 ⊗ w2; with a large rank both factors stay whole (KronA).</summary>
    /// <param name="rank">r of the thin factors.</param>
    /// <param name="alpha">α; 2r if it is not given.</param>
    /// <param name="decomposesBoth">May the first factor be thin too?</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    public static LokrConfig Lokr(long rank = 8, double? alpha = null, bool decomposesBoth = false, double dropout = 0) =>
        new() { Rank = rank, Alpha = alpha ?? 2 * rank, DecomposesBoth = decomposesBoth, Dropout = dropout };

    /// <summary>DyLoRA (arXiv 2210.07558): one adapter for every rank up to a largest one; train it with
    /// <see cref="DyLoraPolicy"/>.</summary>
    /// <param name="maximumRank">R.</param>
    /// <param name="alpha">α, the scale at rank b is α/b; 2R if it is not given.</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    public static DyLoraConfig DyLora(long maximumRank = 8, double? alpha = null, double dropout = 0) =>
        new() { MaximumRank = maximumRank, Alpha = alpha ?? 2 * maximumRank, Dropout = dropout };

    /// <summary>AdaLoRA (arXiv 2303.10512): ΔW = s·P diag(λ) Q, whose directions a budget takes away in training.</summary>
    /// <param name="targetRank">The average rank at the end.</param>
    /// <param name="initialRank">The rank at the start; 1.5 times the target if not given.</param>
    /// <param name="alpha">α.</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    public static AdaLoraConfig AdaLora(long targetRank = 8, long? initialRank = null, double alpha = 16, double dropout = 0) =>
        new() { TargetRank = targetRank, InitialRank = initialRank ?? (3 * targetRank + 1) / 2, Alpha = alpha, Dropout = dropout };

    /// <summary>IA³ (arXiv 2205.05638): a factor for every output, or every input of the feed-forward layers.</summary>
    /// <param name="feedForward">Layers whose input is scaled, as "down_proj"; null for none.</param>
    public static Ia3Config Ia3(TargetPattern? feedForward = null) => new() { FeedForward = feedForward };

    /// <summary>A method of one's own, with targets, files and everything else that the others have (src/LowRank/Updates/README.md).</summary>
    /// <param name="method">Its name, which files carry as their peft_type; a file of it can be read once this has been called.</param>
    /// <param name="create">Makes the update of a layer from its inputs, its outputs, the element type and the device of its tensors, which
    /// may be the meta device.</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    /// <exception cref="ArgumentException">A method of this library has that name.</exception>
    public static OwnConfig Own(string method, Func<long, long, TorchSharp.torch.ScalarType, TorchSharp.torch.Device, Update> create, double dropout = 0) =>
        string.IsNullOrWhiteSpace(method) || Array.Exists(PeftConfig.Methods, m => m.Type == method) || BaselineFiles.Knows(method)
            ? throw new ArgumentException($"\"{method}\" can't be the name of a method of your own: it is empty, or one of this library's")
            : new(method, create) { Dropout = dropout };

    /// <summary>Splits the adapted weight of any additive method into magnitude and direction.</summary>
    public static T WithMagnitude<T>(this T configuration) where T : AdapterConfig =>
        (T)((AdapterConfig)configuration with { Decomposed = true });
}
