// Bottleneck adapters (arXiv 1902.00751, figure 2): what attention or the MLP gives goes through
//   h + up(act(down(h)))
// before it is added to the residual stream. In sequence, not beside a weight: a model keeps their cost when it is used.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The bottleneck adapters of a whole model.</summary>
public sealed class Bottleneck : BaselineModule
{
    private readonly ModuleDict<BottleneckBlock> blocks = new();
    private readonly BottleneckConfig config;
    private readonly ModelConfig shape;

    internal Bottleneck(BottleneckConfig config, CausalLm model) : base(config)
    {
        (this.config, shape) = (config, model.Config);
        for (var layer = 0; layer < shape.Layers; layer++)
            foreach (var place in config.PlacesIn(shape))
                blocks.Add(Key(layer, place), new(model.Config.HiddenSize, config.Size, config.Activation, model.TrainedType, model.Embedding.Device));
        RegisterComponents();
    }

    /// <summary>The one behind a layer's attention; null where the placement has none.</summary>
    public BottleneckBlock? AfterAttention(int layer) => blocks.TryGetValue(Key(layer, shape.AttentionName), out var block) ? block : null;

    /// <summary>The one behind a layer's MLP.</summary>
    public BottleneckBlock AfterMlp(int layer) => blocks[Key(layer, shape.MlpName)];

    internal override IEnumerable<(string Name, Tensor Value)> ToFile() =>
        from layer in Enumerable.Range(0, shape.Layers)
        from place in config.PlacesIn(shape)
        from tensor in blocks[Key(layer, place)].Tensors
        select (BottleneckConfig.NameOf(shape, layer, place, tensor.Name), (Tensor)tensor.Value);

    internal override void FromFile(IReadOnlyDictionary<string, Tensor> tensors)
    {
        foreach (var (name, value) in ToFile()) value.copy_(tensors[name]);
    }

    private static string Key(int layer, string place) => $"{layer}-{place}";
}

/// <summary>One bottleneck adapter: h [..., hidden] to [..., hidden].</summary>
public sealed class BottleneckBlock : nn.Module<Tensor, Tensor>
{
    private readonly Parameter down_weight, down_bias, up_weight, up_bias;
    private readonly BottleneckActivation activation;

    /// <summary>down starts uniform in ±1/√hidden; up and the biases start at 0, so that nothing changes at first.</summary>
    internal BottleneckBlock(long hidden, long size, BottleneckActivation activation, ScalarType dtype, Device device) : base(nameof(BottleneckBlock))
    {
        this.activation = activation;
        var bound = 1 / Math.Sqrt(hidden);
        down_weight = new Parameter(empty(size, hidden, dtype, device).uniform_(-bound, bound));
        down_bias = new Parameter(zeros(size, dtype, device));
        up_weight = new Parameter(zeros(hidden, size, dtype, device));
        up_bias = new Parameter(zeros(hidden, dtype, device));
        RegisterComponents();
    }

    /// <summary>down.weight [m, hidden], down.bias [m], up.weight [hidden, m], up.bias [hidden].</summary>
    public IReadOnlyList<(string Name, Parameter Value)> Tensors =>
        [("down.weight", down_weight), ("down.bias", down_bias), ("up.weight", up_weight), ("up.bias", up_bias)];

    /// <param name="h">[..., hidden]</param>
    public override Tensor forward(Tensor h)
    {
        using var scope = NewDisposeScope();
        Tensor Linear(Tensor x, Tensor weight, Tensor bias) => nn.functional.linear(x, weight.to(h.dtype), bias.to(h.dtype));
        var narrow = Linear(h, down_weight, down_bias);                         // [..., hidden] x [hidden, m] -> [..., m]
        var bent = activation == BottleneckActivation.Gelu ? narrow.gelu() : narrow.relu();
        return (h + Linear(bent, up_weight, up_bias)).MoveToOuterDisposeScope();   // [..., m] x [m, hidden] -> [..., hidden]
    }
}
