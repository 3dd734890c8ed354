using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A decoder without its head: embedding, layers, final norm. Families in Llama's style and GPT-2 name and place the parts.</summary>
internal abstract class Decoder : nn.Module<Tensor, Tensor>, IRecomputable
{
    private readonly double embeddingScale;
    private KeyValueCache? cache;

    protected Decoder(string name, ModelConfig config) : base(name) => embeddingScale = config.EmbeddingScale;

    /// <summary>[vocabulary, hidden]; a tied head is its forward.</summary>
    public abstract AdaptedLinear Embedding { get; }

    public abstract IReadOnlyList<DecoderLayer> Layers { get; }

    protected abstract nn.Module<Tensor, Tensor> FinalNorm { get; }

    /// <summary>Trained vectors before the embedded tokens (prompt tuning); null: none. Their places are left out of what comes back.</summary>
    public SoftPrompt? SoftPrompt { get; set; }

    /// <summary>Told at each boundary between layers; null: nobody.</summary>
    public Action<LayerMoment>? Watch { get; set; }

    /// <inheritdoc/>
    public bool Recomputes { get; set; }

    /// <summary>What is remembered of the places before the tokens of a forward; null: nothing, they are the first.</summary>
    public KeyValueCache? Cache
    {
        get => cache;
        set
        {
            cache = value;
            foreach (var (index, layer) in Layers.Index()) layer.Cache = value?.Layer(index);
        }
    }

    /// <param name="ids">[batch, tokens] int64</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public override Tensor forward(Tensor ids) => forward(ids, null);

    /// <param name="ids">[batch, tokens] int64</param>
    /// <param name="segments">The texts in the rows, each of which sees itself alone; null: each row is one.</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public Tensor forward(Tensor ids, Segments? segments)
    {
        using var scope = NewDisposeScope();
        Tensor? hidden = null;
        foreach (var state in States(ids, segments))
        {
            hidden?.Dispose();                      // without gradients one layer's output is alive, not all of them
            hidden = state;
        }
        return hidden!.MoveToOuterDisposeScope();
    }

    /// <summary>The embedding's output, then each layer's, the last one after the final norm.</summary>
    public IEnumerable<Tensor> States(Tensor ids, Segments? segments = null)
    {
        var apart = segments?.For(ids.shape[0], ids.shape[1], PromptNow?.VirtualTokens ?? 0, ids.device);
        var hidden = Embedded(ids, apart);          // [batch, tokens] -> [batch, tokens, hidden]
        var layers = Layers;
        for (var i = 0; i < layers.Count; i++)
        {
            yield return OfTokens(hidden);
            hidden = Recomputes ? Recomputed.Of(layers[i], Marked(hidden, i), apart) : layers[i].forward(Marked(hidden, i), apart);
        }
        yield return FinalNorm.forward(OfTokens(Marked(hidden, layers.Count)));
    }

    /// <summary>The embedded tokens with the positions that are learned: rotary ones come in attention.</summary>
    protected virtual Tensor WithPositions(Tensor hidden, AttentionSegments? segments) => hidden;

    private Tensor Embedded(Tensor ids, AttentionSegments? segments)
    {
        using var scope = NewDisposeScope();
        var hidden = Scaled(Embedding.Lookup(ids));
        if (PromptNow is { } prompt) hidden = prompt.Before(hidden);
        cache?.Begin(hidden.shape[1]);
        return WithPositions(hidden, segments).MoveToOuterDisposeScope();
    }

    /// <summary>Rows of the embedding as they enter the first layer, [..., hidden].</summary>
    public Tensor Scaled(Tensor rows)
    {
        if (embeddingScale == 1) return rows;
        using var rounded = tensor(embeddingScale, rows.dtype);        // as the reference, in the rows' type
        return rows.mul(rounded.to(ScalarType.Float64).item<double>());
    }

    private Tensor Marked(Tensor hidden, int layer) => Watch is { } watch ? LayerMark.Apply(hidden, layer, watch) : hidden;

    /// <summary>The soft prompt, unless it has been read and is remembered.</summary>
    private SoftPrompt? PromptNow => cache is null or { IsEmpty: true } ? SoftPrompt : null;

    private Tensor OfTokens(Tensor hidden) => PromptNow is { } prompt ? prompt.Without(hidden) : hidden;
}
