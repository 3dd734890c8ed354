// Prefix tuning (arXiv 2101.00190, section 4.2): every layer's attention looks at p trained keys and values before those of the tokens.
// As in PEFT, which passes them as a cache: the keys are not turned by rotary angles, and the tokens' positions start at p.
// Files are PEFT's PREFIX_TUNING, one tensor [p, layers · 2 · key heads · d]: layer 0's keys, its values, layer 1's keys …
// The paper's reparametrization is a way to train; PEFT saves what it gives, so files made with it (prefix_projection) load as well.
using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of prefix tuning (arXiv 2101.00190).</summary>
public sealed record PrefixConfig : VirtualTokensConfig
{
    private const string Type = "PREFIX_TUNING";

    /// <summary>Standard deviation of the first keys and values; 0: all 0. Even then the model is not what it was: each token's
    /// attention is shared out over p places more.</summary>
    public double Deviation { get; init; } = 0.02;

    internal static BaselineMethod Peft { get; } = new(Type, (fields, model) => new PrefixConfig
    {
        Tokens = ReadTokens(fields, model, model.KeyValueHeads, Width(model)),
    });

    internal override string Kind => "prefix";

    internal override string WhyNotMerged => "it is further keys and values, not a change of weights";

    internal override string PeftType => Type;

    internal override void Validate(ModelConfig model)
    {
        base.Validate(model);
        if (!(Deviation >= 0 && double.IsFinite(Deviation)))
            throw new ArgumentException($"the deviation of a prefix must be finite and not negative; it is {Deviation}");
    }

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(ModelConfig model) =>
        [(FileTensor, [Tokens, model.Layers * 2 * Width(model)])];

    internal override BaselineModule Create(CausalLm model) => new Prefix(this, model);

    internal override void WriteFields(JsonObject fields, ModelConfig model)
    {
        WriteShape(fields, model, model.KeyValueHeads, Width(model));
        fields["encoder_hidden_size"] = Width(model);
        fields["init_weights"] = null;
        fields["prefix_projection"] = false;
    }

    /// <summary>key heads · d</summary>
    internal static long Width(ModelConfig model) => model.KeyValueHeads * model.HeadSize;
}

/// <summary>The prefix of a whole model.</summary>
public sealed class Prefix : BaselineModule
{
    private readonly ModuleList<LayerPrefix> layers;

    internal Prefix(PrefixConfig config, CausalLm model) : base(config)
    {
        layers = new(Enumerable.Range(0, model.Config.Layers).Select(_ =>
            new LayerPrefix(config.Tokens, PrefixConfig.Width(model.Config), config.Deviation, model.TrainedType, model.Embedding.Device)).ToArray());
        RegisterComponents();
    }

    /// <summary>The keys and values of a layer.</summary>
    public LayerPrefix Layer(int index) => layers[index];

    internal override IEnumerable<(string Name, Tensor Value)> ToFile()
    {
        using var grad = no_grad();
        return [(VirtualTokensConfig.FileTensor, cat([.. layers.SelectMany(l => new Tensor[] { l.Keys, l.Values })], 1))];
    }

    internal override void FromFile(IReadOnlyDictionary<string, Tensor> tensors)
    {
        var parts = tensors[VirtualTokensConfig.FileTensor].chunk(2 * layers.Count, 1);
        foreach (var (index, layer) in layers.Index())
        {
            layer.Keys.copy_(parts[2 * index]);
            layer.Values.copy_(parts[2 * index + 1]);
        }
    }
}

/// <summary>The prefix of one layer, in the layout of what k_proj and v_proj give.</summary>
public sealed class LayerPrefix : nn.Module
{
    private readonly Parameter keys, values;

    internal LayerPrefix(long tokens, long width, double deviation, ScalarType dtype, Device device) : base(nameof(LayerPrefix))
    {
        keys = new Parameter(empty(tokens, width, dtype, device).normal_(0, deviation));
        values = new Parameter(empty(tokens, width, dtype, device).normal_(0, deviation));
        RegisterComponents();
    }

    /// <summary>[p, key heads · d], used as they are: no rotary turn.</summary>
    public Parameter Keys => keys;

    /// <summary>[p, key heads · d]</summary>
    public Parameter Values => values;

    internal long Tokens => keys.shape[0];
}
