// QA-LoRA's numbers. PEFT's option of that name pools in another way that cannot be merged, so a file of ours says peft_type "QALORA".
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of QA-LoRA's update (arXiv 2309.14717).</summary>
public sealed record QaLoraConfig : ScaledConfig
{
    /// <summary>Neighbouring inputs that share one column of A; the group of the int4 storage that the adapter shall merge into.</summary>
    public long GroupSize { get; init; } = 32;

    internal static PeftMethod Peft { get; } = new("QALORA", fields => new QaLoraConfig
    {
        Rank = fields.Get("r", 8L), Alpha = fields.Get("lora_alpha", 8.0), GroupSize = fields.Get("group_size", 32L),
        Dropout = fields.Get("lora_dropout", 0.0), Decomposed = fields.Get("use_dora", false),
        RankPattern = fields.Table<long>("rank_pattern"), AlphaPattern = fields.Table<double>("alpha_pattern"),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        base.WriteFields(fields);
        fields["group_size"] = GroupSize;
        fields["lora_alpha"] = PeftFields.Number(Alpha);
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["use_dora"] = Decomposed;
    }

    internal override void Validate()
    {
        base.Validate();
        if (GroupSize < 1) throw new ArgumentException($"a group has at least one input; asked for {GroupSize}");
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new PooledUpdate(inFeatures, outFeatures, RankOf(path), GroupSize, ScaleOf(path), dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("lora_A.weight", [RankOf(path), (inFeatures + GroupSize - 1) / GroupSize]), ("lora_B.weight", [outFeatures, RankOf(path)])];
}
