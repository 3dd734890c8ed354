using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The decoder without its head: embedding, layers, final norm.</summary>
internal sealed class LlamaModel : nn.Module<Tensor, Tensor>
{
    private readonly AdaptedLinear embed_tokens;
    private readonly ModuleList<DecoderLayer> layers;
    private readonly RmsNorm norm;

    /// <param name="config">The shape.</param>
    /// <param name="tied">Is the embedding the model's head too?</param>
    /// <param name="dtype">Of the weights.</param>
    /// <param name="device">Where they lie.</param>
    public LlamaModel(LlamaConfig config, bool tied, ScalarType? dtype, Device? device) : base(nameof(LlamaModel))
    {
        var rotary = new RotaryTable(config.HeadSize, config.RopeTheta);
        embed_tokens = AdaptedLinear.Embedding(config.VocabularySize, config.HiddenSize, tied, dtype, device);
        layers = new(Enumerable.Range(0, config.Layers).Select(_ => new DecoderLayer(config, rotary, dtype, device)).ToArray());
        norm = new(config.HiddenSize, config.NormEpsilon, dtype, device);
        RegisterComponents();
    }

    /// <summary>[vocabulary, hidden]; a tied head is its forward.</summary>
    public AdaptedLinear Embedding => embed_tokens;

    public IReadOnlyList<DecoderLayer> Layers => [.. layers];

    /// <summary>Trained vectors before the embedded tokens (prompt tuning); null: none. Their places are left out of what comes back.</summary>
    public SoftPrompt? SoftPrompt { get; set; }

    /// <summary>Told at each boundary between layers; null: nobody.</summary>
    public Action<LayerMoment>? Watch { get; set; }

    /// <param name="ids">[batch, tokens] int64</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public override Tensor forward(Tensor ids)
    {
        using var scope = NewDisposeScope();
        Tensor? hidden = null;
        foreach (var state in States(ids))
        {
            hidden?.Dispose();                      // without gradients one layer's output is alive, not all of them
            hidden = state;
        }
        return hidden!.MoveToOuterDisposeScope();
    }

    /// <summary>The embedding's output, then each layer's, the last one after the final norm.</summary>
    public IEnumerable<Tensor> States(Tensor ids)
    {
        var hidden = embed_tokens.Lookup(ids);   // [batch, tokens] -> [batch, tokens, hidden]
        if (SoftPrompt is { } prompt) hidden = prompt.Before(hidden);
        for (var i = 0; i < layers.Count; i++)
        {
            yield return OfTokens(hidden);
            hidden = layers[i].forward(Marked(hidden, i));
        }
        yield return norm.forward(OfTokens(Marked(hidden, layers.Count)));
    }

    private Tensor Marked(Tensor hidden, int layer) => Watch is { } watch ? LayerMark.Apply(hidden, layer, watch) : hidden;

    private Tensor OfTokens(Tensor hidden) => SoftPrompt is { } prompt ? prompt.Without(hidden) : hidden;
}
