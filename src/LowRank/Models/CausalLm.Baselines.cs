// Where baselines (src/LowRank/Baselines) meet the model: the layers and the embedding hold references to what is at work, null for
// nothing, so a model without baselines does what it did.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class CausalLm
{
    private readonly ModuleDict<BaselineModule> baselines = new();
    private bool baselinesEnabled = true;

    /// <summary>All baselines, in the order in which they were added.</summary>
    public IReadOnlyList<BaselineModule> Baselines => [.. baselines.values()];

    /// <summary>[vocabulary, hidden]</summary>
    internal FrozenWeight Embedding => Body.Embedding.Weight;

    /// <summary>Rows of the embedding as they enter the first layer.</summary>
    internal Tensor Embedded(Tensor rows) => Body.Scaled(rows);

    /// <summary>The type of what trains beside the weights: theirs, or float32 beside 16-bit ones.</summary>
    internal ScalarType TrainedType => Precision.Wide(Embedding.DataType);

    /// <summary>Positions that soft prompts and prefixes take up before the first token.</summary>
    internal long VirtualTokens => Working.Sum(b => b.VirtualTokens);

    /// <summary>What prefix tuning has put before each layer's keys and values.</summary>
    internal IEnumerable<LayerPrefix?> Prefixes => Body.Layers.Select(layer => layer.Prefix);

    private IEnumerable<BaselineModule> Working => baselinesEnabled ? baselines.values().Where(b => b.IsActive) : [];

    internal void Add(BaselineModule baseline)
    {
        baseline.train(training);
        baselines.Add(baseline.BaselineName, baseline);
    }

    internal void Remove(BaselineModule baseline)
    {
        baselines.Remove(baseline.BaselineName);
        ConnectBaselines();
        baseline.Dispose();
    }

    internal void EnableBaselines(bool enabled)
    {
        baselinesEnabled = enabled;
        ConnectBaselines();
    }

    /// <summary>Hands to each part of the model what is at work there.</summary>
    internal void ConnectBaselines()
    {
        var (prefix, bottleneck) = (Working.OfType<Prefix>().SingleOrDefault(), Working.OfType<Bottleneck>().SingleOrDefault());
        Body.SoftPrompt = Working.OfType<SoftPrompt>().SingleOrDefault();
        foreach (var (index, layer) in Body.Layers.Index())
            (layer.Prefix, layer.AfterAttention, layer.AfterMlp) =
                (prefix?.Layer(index), bottleneck?.AfterAttention(index), bottleneck?.AfterMlp(index));
    }

    internal void RefuseToMergeBaselines()
    {
        if (Working.FirstOrDefault() is { } baseline)
            throw new InvalidOperationException($"the {baseline.Config.Kind} \"{baseline.BaselineName}\" can't be merged into a weight: " +
                $"{baseline.Config.WhyNotMerged}. Call RemoveBaseline, or SetBaseline without it, first");
    }
}
