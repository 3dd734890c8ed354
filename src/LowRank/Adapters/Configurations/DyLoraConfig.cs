// DyLoRA's numbers. A file holds all ranks (peft_type "DYLORA", LoRA's tensor names); DyLoraRanks.ExportRank makes a plain LoRA of one.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of DyLoRA (arXiv 2210.07558); ranks are drawn by <see cref="DyLoraPolicy"/> while it trains.</summary>
public sealed record DyLoraConfig : AdapterConfig
{
    /// <summary>R, the largest rank.</summary>
    public long MaximumRank { get; init; } = 8;

    /// <summary>α: the scale at rank b is α/b.</summary>
    public double Alpha { get; init; } = 16;

    internal static PeftMethod Peft { get; } = new("DYLORA", fields => new DyLoraConfig
    {
        MaximumRank = fields.Get("r", 8L), Alpha = fields.Get("lora_alpha", 8.0), Dropout = fields.Get("lora_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        fields["lora_alpha"] = PeftFields.Number(Alpha);
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["r"] = MaximumRank;
        fields["use_dora"] = Decomposed;
    }

    internal override void Validate()
    {
        base.Validate();
        if (MaximumRank < 1) throw new ArgumentException($"the rank must be at least 1; it is {MaximumRank}");
        if (!double.IsFinite(Alpha)) throw new ArgumentException($"alpha must be a finite number; it is {Alpha}");
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new SampledRankUpdate(inFeatures, outFeatures, MaximumRank, Alpha, dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("lora_A.weight", [MaximumRank, inFeatures]), ("lora_B.weight", [outFeatures, MaximumRank])];
}
