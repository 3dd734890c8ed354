// Bottleneck adapters' numbers. PEFT has none of these: a file says peft_type "BOTTLENECK", with AdapterHub's words for the placement
// (mh_adapter: behind attention, output_adapter: behind the MLP), and holds down.weight [m, hidden], down.bias [m],
// up.weight [hidden, m] and up.bias [hidden] under "model.layers.N.self_attn.bottleneck." and "model.layers.N.mlp.bottleneck.", or
// what the family calls its layers' parts.
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>Where in a layer bottleneck adapters go.</summary>
public enum BottleneckPlacement
{
    /// <summary>Behind attention and behind the MLP, each before it is added to the residual stream (arXiv 1902.00751).</summary>
    Houlsby,

    /// <summary>Behind the MLP alone (arXiv 2005.00247).</summary>
    Pfeiffer,
}

/// <summary>The nonlinearity between down and up.</summary>
public enum BottleneckActivation
{
    /// <summary>x Φ(x), with the error function.</summary>
    Gelu,

    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>The configuration of bottleneck adapters (arXiv 1902.00751). The norms, which the paper trains too, stay as they are.</summary>
public sealed record BottleneckConfig : BaselineConfig
{
    private const string Type = "BOTTLENECK";

    /// <summary>m, the width between down and up.</summary>
    public long Size { get; init; } = 16;

    /// <summary>Where they go.</summary>
    public BottleneckPlacement Placement { get; init; }

    /// <summary>The nonlinearity.</summary>
    public BottleneckActivation Activation { get; init; }

    internal static BaselineMethod Peft { get; } = new(Type, (fields, model) =>
    {
        fields.Refuse("output_adapter", "true");
        var activation = fields.Get("non_linearity", "gelu");
        return new BottleneckConfig
        {
            Size = fields["bottleneck_size"] is null ? throw fields.Bad("\"bottleneck_size\" is missing") : fields.Get("bottleneck_size", 0L),
            Placement = fields.Get("mh_adapter", true) ? BottleneckPlacement.Houlsby : BottleneckPlacement.Pfeiffer,
            Activation = activation switch
            {
                "gelu" => BottleneckActivation.Gelu,
                "relu" => BottleneckActivation.Relu,
                _ => throw fields.Bad($"\"non_linearity\" is \"{activation}\"; known are gelu, relu"),
            },
        };
    });

    internal override string Kind => "bottleneck";

    internal override string WhyNotMerged => "a nonlinearity lies between its two products";

    internal override string PeftType => Type;

    internal override void Validate(ModelConfig model)
    {
        if (Size < 1) throw new ArgumentException($"a bottleneck's size must be at least 1; it is {Size}");
    }

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(ModelConfig model)
    {
        for (var layer = 0; layer < model.Layers; layer++)
            foreach (var place in PlacesIn(model))
            {
                yield return (NameOf(model, layer, place, "down.weight"), [Size, model.HiddenSize]);
                yield return (NameOf(model, layer, place, "down.bias"), [Size]);
                yield return (NameOf(model, layer, place, "up.weight"), [model.HiddenSize, Size]);
                yield return (NameOf(model, layer, place, "up.bias"), [model.HiddenSize]);
            }
    }

    internal override BaselineModule Create(CausalLm model) => new Bottleneck(this, model);

    internal override void WriteFields(JsonObject fields, ModelConfig model)
    {
        fields["bottleneck_size"] = Size;
        fields["mh_adapter"] = Placement == BottleneckPlacement.Houlsby;
        fields["non_linearity"] = Activation == BottleneckActivation.Gelu ? "gelu" : "relu";
        fields["output_adapter"] = true;
    }

    /// <summary>The modules of a layer that one comes behind.</summary>
    internal IEnumerable<string> PlacesIn(ModelConfig model) =>
        Placement == BottleneckPlacement.Houlsby ? [model.AttentionName, model.MlpName] : [model.MlpName];

    internal static string NameOf(ModelConfig model, int layer, string place, string tensor) =>
        $"base_model.model.{model.LayerPath(layer)}.{place}.bottleneck.{tensor}";
}
