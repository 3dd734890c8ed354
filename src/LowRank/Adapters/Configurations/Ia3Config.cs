// IA³: a factor for every output, or for every input of the layers named as feed-forward ones.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of IA³ (arXiv 2205.05638).</summary>
public sealed record Ia3Config : AdapterConfig
{
    /// <summary>Layers whose input is scaled instead of their output; null for none.</summary>
    public TargetPattern? FeedForward { get; init; }

    internal static PeftMethod Peft { get; } = new("IA3", fields => new Ia3Config { FeedForward = fields.Modules("feedforward_modules") });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        fields["fan_in_fan_out"] = false;
        fields["feedforward_modules"] = FeedForward is null ? new JsonArray() : PeftConfig.Modules(FeedForward);
        fields["init_ia3_weights"] = true;
    }

    internal override void Validate()
    {
        base.Validate();
        if (Decomposed)
            throw new ArgumentException("IA³ scales each row of the weight already; a magnitude over it would undo that. Leave out the magnitude");
        if (Dropout > 0) throw new ArgumentException("IA³ has no dropout: its files have no place for one. Leave it 0");
    }

    internal override IReadOnlyList<Update> CreateUpdates(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        FeedForward?.RequireIn([.. targets.Select(t => t.Path)]);               // a name that is nobody's would be another method
        return [.. targets.Select(t => new ScalingUpdate(t.Layer, ScalesInput(t.Path)))];
    }

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("ia3_l", ScalesInput(path) ? [1, inFeatures] : [outFeatures, 1])];

    private bool ScalesInput(string path) => FeedForward?.Matches(path) == true;
}
