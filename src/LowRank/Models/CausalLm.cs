using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// A Llama-style language model: module names and state-dict keys are those of Hugging Face's <c>LlamaForCausalLM</c>, every
/// linear layer is an <see cref="AdaptedLinear"/>. Load one with <see cref="Load"/>, or make a fresh one from a configuration.
/// </summary>
public sealed partial class CausalLm : nn.Module<Tensor, Tensor>
{
    private readonly LlamaModel model;
    private readonly AdaptedLinear? lm_head;   // null when the head is the embedding

    /// <summary>A model with fresh weights: matrices normal with <see cref="LlamaConfig.InitializerRange"/>, norms 1, biases 0.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same model.</param>
    /// <param name="dtype">Type of the weights in memory, float32 unless said.</param>
    /// <param name="device">Where it lives, the CPU unless said.</param>
    /// <exception cref="ArgumentException">The configuration contradicts itself.</exception>
    public CausalLm(LlamaConfig config, long seed = 0, ScalarType? dtype = null, Device? device = null) : base(nameof(CausalLm))
    {
        config.Validate();
        Config = config with { Labels = null };
        model = new(config, config.TiedEmbeddings, dtype, device);
        lm_head = config.TiedEmbeddings ? null : new(config.HiddenSize, config.VocabularySize, false, dtype, device);
        RegisterComponents();
        Initialize(seed);
    }

    /// <summary>The model's shape.</summary>
    public LlamaConfig Config { get; }

    /// <summary>Turns text into ids and back; null for a folder without tokenizer.json.</summary>
    public Tokenizer? Tokenizer { get; set; }

    /// <summary>Told at each boundary between layers, forward and backward, such as to read how much memory is in use there; null, the
    /// rule: nobody. An exception that it throws ends the step.</summary>
    public Action<LayerMoment>? Watch { get => model.Watch; set => model.Watch = value; }

    /// <summary>Logits of the token after each one.</summary>
    /// <param name="ids">[batch, tokens] int64; rows shorter than the longest are filled up on the right with any id.</param>
    /// <returns>[batch, tokens, vocabulary]; meaningless at filled-up places. Causal attention keeps them from every other place.</returns>
    public override Tensor forward(Tensor ids) => Head(model.forward(Checked(ids)));

    /// <summary>Logits of the token after each row's last: the head multiplies one place instead of all.</summary>
    /// <param name="ids">[batch, tokens] int64</param>
    /// <returns>[batch, vocabulary]</returns>
    public Tensor NextLogits(Tensor ids) => Head(model.forward(Checked(ids)).select(1, ids.shape[1] - 1));

    /// <summary>Mean cross entropy of predicting each label from the tokens before it, in nats.</summary>
    /// <param name="ids">[batch, tokens] int64</param>
    /// <param name="labels">[batch, tokens] int64, not shifted; -100 is left out; null: <paramref name="ids"/>.</param>
    /// <returns>A scalar; NaN when no label is left to predict, as the mean of nothing is.</returns>
    public Tensor Loss(Tensor ids, Tensor? labels = null)
    {
        labels ??= ids;
        if (!labels.shape.SequenceEqual(ids.shape))
            throw new ArgumentException($"labels are [{string.Join(", ", labels.shape)}]; they must have the ids' shape, [{string.Join(", ", ids.shape)}]");
        using var scope = NewDisposeScope();
        var hidden = model.forward(Checked(ids));                 // [batch, tokens, hidden]
        var following = full_like(labels, NextTokenLoss.Ignored);
        following.narrow(1, 0, labels.shape[1] - 1).copy_(labels.narrow(1, 1, labels.shape[1] - 1));
        var targets = following.flatten();                        // the label after each place; none after the last
        var loss = lm_head is null && model.Embedding is { HasActiveAdapters: false, Weight.Parameter: { } weight }
            ? NextTokenLoss.OfHidden(hidden.flatten(0, 1), weight, targets)
            : NextTokenLoss.OfLogits(Head(hidden).flatten(0, 1), targets);
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>The embedding's output, then each layer's, the last one after the final norm: [batch, tokens, hidden] each.</summary>
    public IReadOnlyList<Tensor> HiddenStates(Tensor ids) => [.. model.States(Checked(ids))];

    // [batch, tokens, hidden] x [hidden, vocabulary] -> [batch, tokens, vocabulary]
    private Tensor Head(Tensor hidden) => (lm_head ?? model.Embedding).forward(hidden);

    internal static Tensor Checked(Tensor ids) => ids.dtype == ScalarType.Int64 && ids.ndim == 2 && ids.shape[1] > 0
        ? ids
        : throw new ArgumentException($"ids are {ids.dtype} [{string.Join(", ", ids.shape)}]; they must be Int64 [batch, tokens]");

    private void Initialize(long seed)
    {
        using var _ = no_grad();
        using var generator = new Generator((ulong)seed, model.Embedding.Weight.Device);
        foreach (var (name, parameter) in named_parameters())
            if (parameter.ndim >= 2)
                parameter.normal_(0, Config.InitializerRange, generator);
            else if (name.EndsWith("bias", StringComparison.Ordinal))
                parameter.zero_();
    }
}
