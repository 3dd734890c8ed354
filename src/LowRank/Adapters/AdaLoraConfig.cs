// AdaLoRA's numbers. The budget over singular values is a training policy; here is the update and what its files hold.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of AdaLoRA (arXiv 2303.10512).</summary>
public sealed record AdaLoraConfig : AdapterConfig
{
    /// <summary>r of every matrix before the budget shrinks: 1.5 times the target's average, as the paper.</summary>
    public long InitialRank { get; init; } = 12;

    /// <summary>The average rank that the budget ends at.</summary>
    public long TargetRank { get; init; } = 8;

    /// <summary>α: the scale is α/(directions kept + 1e-5).</summary>
    public double Alpha { get; init; } = 16;

    internal static PeftMethod Peft { get; } = new("ADALORA", fields => new AdaLoraConfig
    {
        InitialRank = fields.Get("init_r", 12L),
        TargetRank = fields.Get("target_r", 8L),
        Alpha = fields.Get("lora_alpha", 8.0),
        Dropout = fields.Get("lora_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        fields["fan_in_fan_out"] = false;
        fields["init_lora_weights"] = true;
        fields["init_r"] = InitialRank;
        fields["lora_alpha"] = PeftFields.Number(Alpha);
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["target_r"] = TargetRank;
        fields["use_dora"] = Decomposed;
    }

    internal override void Validate()
    {
        base.Validate();
        if (TargetRank < 1 || InitialRank < TargetRank)
            throw new ArgumentException($"the target rank must be at least 1 and at most the initial rank; they are {TargetRank} and {InitialRank}");
        if (!double.IsFinite(Alpha)) throw new ArgumentException($"alpha must be a finite number; it is {Alpha}");
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new SvdUpdate(inFeatures, outFeatures, InitialRank, Alpha, dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("lora_A", [InitialRank, inFeatures]), ("lora_B", [outFeatures, InitialRank]), ("lora_E", [InitialRank, 1])];
}
