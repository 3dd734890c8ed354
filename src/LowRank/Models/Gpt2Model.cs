using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>GPT-2's decoder. Fields are named as in a state dict. The dropout that its files may ask for in training is not applied.</summary>
internal sealed class Gpt2Model : Decoder
{
    private readonly AdaptedLinear wte;
    private readonly PositionTable wpe;
    private readonly ModuleList<Gpt2Layer> h;
    private readonly LayerNorm ln_f;

    /// <inheritdoc cref="LlamaModel(LlamaStyleConfig, bool, ModelBuild)"/>
    public Gpt2Model(Gpt2Config config, bool tied, ModelBuild build) : base(nameof(Gpt2Model), config)
    {
        wte = build.Embedding(config, tied);
        wpe = new(config.MaxPositions, config.HiddenSize, build);
        h = new(Enumerable.Range(0, config.Layers).Select(index => new Gpt2Layer(config, build)).ToArray());
        ln_f = build.LayerNorm(config.HiddenSize, config);
        RegisterComponents();
    }

    public override AdaptedLinear Embedding => wte;

    public override IReadOnlyList<DecoderLayer> Layers => [.. h];

    protected override nn.Module<Tensor, Tensor> FinalNorm => ln_f;

    /// <summary>A prefix takes up the first positions.</summary>
    protected override Tensor WithPositions(Tensor hidden, AttentionSegments? segments)
    {
        var start = h[0].Prefix?.Tokens ?? 0;
        return Cache is { } cache ? wpe.AddTo(hidden, cache.Positions) : segments is null ? wpe.AddTo(hidden, start) : wpe.AddTo(hidden, segments, start);
    }
}

/// <summary>A layer of it.</summary>
internal sealed class Gpt2Layer : DecoderLayer
{
    private readonly LayerNorm ln_1;
    private readonly Gpt2Attention attn;
    private readonly LayerNorm ln_2;
    private readonly Gpt2Mlp mlp;

    public Gpt2Layer(Gpt2Config config, ModelBuild build) : base(nameof(Gpt2Layer))
    {
        ln_1 = build.LayerNorm(config.HiddenSize, config);
        attn = new(config, build);
        ln_2 = build.LayerNorm(config.HiddenSize, config);
        mlp = new(config, build);
        RegisterComponents();
    }

    protected override Attention Attention => attn;

    protected override nn.Module<Tensor, Tensor> Mlp => mlp;

    protected override nn.Module<Tensor, Tensor> AttentionNorm => ln_1;

    protected override nn.Module<Tensor, Tensor> MlpNorm => ln_2;
}

/// <summary>A learned vector for each position.</summary>
internal sealed class PositionTable : nn.Module
{
    private readonly Parameter weight;              // [positions, hidden]
    private readonly RowTable reader = new();

    public PositionTable(long positions, long hidden, ModelBuild build) : base(nameof(PositionTable))
    {
        weight = new(zeros(positions, hidden, build.DType, build.Device));
        RegisterComponents();
    }

    /// <summary>hidden [batch, tokens, hidden], whose first token is at a position.</summary>
    /// <exception cref="ArgumentException">There are more tokens than positions.</exception>
    public Tensor AddTo(Tensor hidden, long start)
    {
        Require(start + hidden.shape[1]);
        return hidden.add(weight.narrow(0, start, hidden.shape[1]));
    }

    /// <summary>hidden [rows, tokens, hidden], the texts in whose rows each begin at a position.</summary>
    /// <exception cref="ArgumentException">A text has more tokens than positions.</exception>
    public Tensor AddTo(Tensor hidden, AttentionSegments segments, long start)
    {
        Require(start + segments.Longest);
        using var scope = NewDisposeScope();
        return hidden.add(reader.Of(weight, segments.Positions.add(start))).MoveToOuterDisposeScope();
    }

    /// <summary>hidden [rows, tokens, hidden], each token at a position of its own, [rows, tokens]; all of them are in the table.</summary>
    public Tensor AddTo(Tensor hidden, Tensor positions) => hidden.add(weight.index_select(0, positions.flatten()).view(hidden.shape));

    private void Require(long end)
    {
        var positions = weight.shape[0];
        if (end > positions) throw new ArgumentException($"the model has {positions} positions, and the last token would be at the {end}th; cut the text, or the prompt or prefix before it");
    }
}
