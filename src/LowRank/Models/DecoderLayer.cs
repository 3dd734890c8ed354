using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One layer: attention and MLP, each behind a norm and added to the residual stream.</summary>
internal abstract class DecoderLayer(string name) : nn.Module<Tensor, AttentionSegments?, Tensor>(name)
{
    protected abstract Attention Attention { get; }

    protected abstract nn.Module<Tensor, Tensor> Mlp { get; }

    protected abstract nn.Module<Tensor, Tensor> AttentionNorm { get; }

    protected abstract nn.Module<Tensor, Tensor> MlpNorm { get; }

    /// <summary>Bottleneck adapters behind attention and MLP; null: none.</summary>
    public BottleneckBlock? AfterAttention { get; set; }

    /// <inheritdoc cref="AfterAttention"/>
    public BottleneckBlock? AfterMlp { get; set; }

    /// <summary>Attention's prefix; null: none.</summary>
    public LayerPrefix? Prefix { get => Attention.Prefix; set => Attention.Prefix = value; }

    /// <summary>Attention's memory of earlier places; null: none.</summary>
    public LayerCache? Cache { set => Attention.Cache = value; }

    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="segments">The texts in its rows; null: each row is one.</param>
    public override Tensor forward(Tensor input, AttentionSegments? segments)
    {
        // When the scope ends, only what backward needs is left, in the graph's own hands.
        using var scope = NewDisposeScope();
        var mixed = Attention.forward(AttentionNorm.forward(input), segments);
        var attended = input + (AfterAttention?.forward(mixed) ?? mixed);
        var fed = Mlp.forward(MlpNorm.forward(attended));
        return (attended + (AfterMlp?.forward(fed) ?? fed)).MoveToOuterDisposeScope();
    }
}
