using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// A language model: module names and state-dict keys are those of Hugging Face's model of the family (as <c>LlamaForCausalLM</c>), every
/// linear layer is an <see cref="AdaptedLinear"/>. Load one with <see cref="Load"/>, or make a fresh one from a configuration.
/// </summary>
public sealed partial class CausalLm : nn.Module<Tensor, Tensor>
{
    // Named as in a state dict: a family in Llama's style has the first, GPT-2 the second.
    private readonly LlamaModel? model;
    private readonly Gpt2Model? transformer;
    private readonly AdaptedLinear? lm_head;   // null when the head is the embedding

    /// <summary>A model with fresh weights: matrices normal with <see cref="ModelConfig.InitializerRange"/>, norms as if absent, biases 0.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same model.</param>
    /// <param name="dtype">Type of the weights in memory, float32 unless said.</param>
    /// <param name="device">Where it lives, the CPU unless said.</param>
    /// <exception cref="ArgumentException">The configuration contradicts itself.</exception>
    public CausalLm(ModelConfig config, long seed = 0, ScalarType? dtype = null, Device? device = null) : this(config, new ModelBuild(dtype, device)) =>
        Initialize(seed);

    private CausalLm(ModelConfig config, ModelBuild build) : base(nameof(CausalLm))
    {
        config.Validate();
        Config = config with { Labels = null };
        var decoder = build.Decoder(config, config.TiedEmbeddings);
        (model, transformer) = (decoder as LlamaModel, decoder as Gpt2Model);
        lm_head = config.TiedEmbeddings ? null : build.Linear(config.HiddenSize, config.VocabularySize, false);
        RegisterComponents();
    }

    private Decoder Body => (Decoder?)model ?? transformer!;

    /// <summary>The model's shape.</summary>
    public ModelConfig Config { get; }

    /// <summary>Turns text into ids and back; null for a folder without tokenizer.json.</summary>
    public Tokenizer? Tokenizer { get; set; }

    /// <summary>Told at each boundary between layers, forward and backward, such as to read how much memory is in use there; null, the
    /// rule: nobody. An exception that it throws ends the step.</summary>
    public Action<LayerMoment>? Watch { get => Body.Watch; set => Body.Watch = value; }

    /// <summary>Logits of the token after each one.</summary>
    /// <param name="ids">[batch, tokens] int64; rows shorter than the longest are filled up on the right with any id.</param>
    /// <returns>[batch, tokens, vocabulary]; meaningless at filled-up places. Causal attention keeps them from every other place.</returns>
    public override Tensor forward(Tensor ids) => forward(ids, null);

    /// <param name="ids">[batch, tokens] int64</param>
    /// <param name="segments">The texts that share the rows, each of which sees itself alone; null: each row is one.</param>
    /// <inheritdoc cref="forward(Tensor)"/>
    public Tensor forward(Tensor ids, Segments? segments) => Head(Body.forward(Checked(ids), segments));

    /// <summary>Logits of the token after each row's last: the head multiplies one place instead of all.</summary>
    /// <param name="ids">[batch, tokens] int64</param>
    /// <returns>[batch, vocabulary]</returns>
    public Tensor NextLogits(Tensor ids) => Head(Body.forward(Checked(ids)).select(1, ids.shape[1] - 1));

    /// <summary>Reads further tokens of some rows on top of what is remembered of them, and remembers these too.</summary>
    /// <param name="ids">[rows, tokens] int64; rows with fewer are filled up on the right with any id.</param>
    /// <param name="counts">Tokens of each row, at least 1.</param>
    /// <param name="cache">Of as many rows.</param>
    /// <returns>Logits of the token after each row's last, [rows, vocabulary].</returns>
    internal Tensor NextLogits(Tensor ids, IReadOnlyList<long> counts, KeyValueCache cache)
    {
        using var scope = NewDisposeScope();
        Body.Cache = cache;
        try
        {
            var virtualTokens = cache.IsEmpty ? Body.SoftPrompt?.VirtualTokens ?? 0 : 0;
            var hidden = Body.forward(Checked(ids));                            // [rows, tokens, hidden]
            cache.Keep([.. counts.Select(count => virtualTokens + count)]);
            var last = tensor(counts.Select((count, row) => row * ids.shape[1] + count - 1).ToArray(), device: hidden.device);
            return Head(hidden.flatten(0, 1).index_select(0, last)).MoveToOuterDisposeScope();
        }
        finally
        {
            Body.Cache = null;
        }
    }

    /// <summary>Mean cross entropy of predicting each label from the tokens before it, in nats.</summary>
    /// <param name="ids">[batch, tokens] int64</param>
    /// <param name="labels">[batch, tokens] int64, not shifted; -100 is left out; null: <paramref name="ids"/>.</param>
    /// <param name="segments">The texts that share the rows: each sees itself alone, and none's first token is predicted. Null: each row is one
    /// text.</param>
    /// <returns>A scalar; NaN when no label is left to predict, as the mean of nothing is.</returns>
    public Tensor Loss(Tensor ids, Tensor? labels = null, Segments? segments = null)
    {
        labels ??= ids;
        if (!labels.shape.SequenceEqual(ids.shape))
            throw new ArgumentException($"labels are [{string.Join(", ", labels.shape)}]; they must have the ids' shape, [{string.Join(", ", ids.shape)}]");
        using var scope = NewDisposeScope();
        var hidden = Body.forward(Checked(ids), segments);       // [batch, tokens, hidden]
        var targets = Targets(labels, segments).flatten();
        // A dense head without adapters is part of the loss: tokens × vocabulary is never held whole, which for a large vocabulary is most of a step.
        var loss = (lm_head ?? Body.Embedding) is { HasActiveAdapters: false, Weight.Parameter: { } weight }
            ? NextTokenLoss.OfHidden(hidden.flatten(0, 1), weight, targets)
            : NextTokenLoss.OfLogits(Head(hidden).flatten(0, 1), targets);
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>The loss of a batch, with whatever it says of its rows.</summary>
    /// <inheritdoc cref="Loss(Tensor, Tensor?, Segments?)"/>
    public Tensor Loss(Batch batch) => Loss(batch.Ids, batch.Labels, batch.Segments);

    /// <summary>The label after each place, [batch, tokens]; none after the last one of a row or a text.</summary>
    internal static Tensor Targets(Tensor labels, Segments? segments)
    {
        using var scope = NewDisposeScope();
        if (segments is not null) segments.LeaveFirstsOut(labels = labels.contiguous().clone());
        var following = full_like(labels, NextTokenLoss.Ignored);
        following.narrow(1, 0, labels.shape[1] - 1).copy_(labels.narrow(1, 1, labels.shape[1] - 1));
        return following.MoveToOuterDisposeScope();
    }

    /// <summary>The embedding's output, then each layer's, the last one after the final norm: [batch, tokens, hidden] each.</summary>
    public IReadOnlyList<Tensor> HiddenStates(Tensor ids) => [.. Body.States(Checked(ids))];

    // [batch, tokens, hidden] x [hidden, vocabulary] -> [batch, tokens, vocabulary]
    private Tensor Head(Tensor hidden) => (lm_head ?? Body.Embedding).forward(hidden);

    internal static Tensor Checked(Tensor ids) => ids.dtype == ScalarType.Int64 && ids.ndim == 2 && ids.shape[1] > 0
        ? ids
        : throw new ArgumentException($"ids are {ids.dtype} [{string.Join(", ", ids.shape)}]; they must be Int64 [batch, tokens]");

    private void Initialize(long seed)
    {
        using var _ = no_grad();
        using var generator = new Generator((ulong)seed, Body.Embedding.Weight.Device);
        foreach (var (name, parameter) in named_parameters())
            if (parameter.ndim >= 2)
                parameter.normal_(0, Config.InitializerRange, generator);
            else if (name.EndsWith("bias", StringComparison.Ordinal))
                parameter.zero_();
    }
}
