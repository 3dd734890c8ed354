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

    /// <summary>α: the scale is α/(initial rank + 1e-5), whatever the budget leaves.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>Which of a layer's initial directions a file holds, by the layer's path: PEFT leaves out those that the budget took away.
    /// A layer that is not named has all of them.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<bool>> RankPattern { get; init; } = new Dictionary<string, IReadOnlyList<bool>>();

    /// <summary>r of the layer at that path.</summary>
    public long RankOf(string path) => RankPattern.TryGetValue(path, out var kept) ? kept.Count(k => k) : InitialRank;

    internal static PeftMethod Peft { get; } = new("ADALORA", fields => new AdaLoraConfig
    {
        InitialRank = fields.Get("init_r", 12L),
        TargetRank = fields.Get("target_r", 8L),
        Alpha = fields.Get("lora_alpha", 8.0),
        Dropout = fields.Get("lora_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false),
        RankPattern = fields.Lists<bool>("rank_pattern").ToDictionary(p => PathOf(p.Key), p => p.Value),
    });

    private const string PatternSuffix = "lora_E";

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        fields["fan_in_fan_out"] = false;
        fields["init_lora_weights"] = true;
        fields["init_r"] = InitialRank;
        fields["lora_alpha"] = PeftFields.Number(Alpha);
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["rank_pattern"] = RankPattern.Count == 0 ? null
            : PeftFields.Object(RankPattern.ToDictionary(p => $"{p.Key}.{PatternSuffix}", p => p.Value), kept => new JsonArray([.. kept.Select(k => (JsonNode)k)]));
        fields["target_r"] = TargetRank;
        fields["use_dora"] = Decomposed;
    }

    internal override void Validate()
    {
        base.Validate();
        if (TargetRank < 1 || InitialRank < TargetRank)
            throw new ArgumentException($"the target rank must be at least 1 and at most the initial rank; they are {TargetRank} and {InitialRank}");
        foreach (var (path, kept) in RankPattern)
            if (kept.Count != InitialRank)
                throw new ArgumentException($"the rank pattern of {path} has {kept.Count} entries; the initial rank is {InitialRank}");
        if (!double.IsFinite(Alpha)) throw new ArgumentException($"alpha must be a finite number; it is {Alpha}");
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new SvdUpdate(inFeatures, outFeatures, RankOf(path), Alpha, InitialRank, dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("lora_A", [RankOf(path), inFeatures]), ("lora_B", [outFeatures, RankOf(path)]), ("lora_E", [RankOf(path), 1])];

    internal override (long Rows, bool Trains) ReaderOf(string path, long inFeatures, long outFeatures) => (RankOf(path), true);

    /// <summary>"model.layers.0.self_attn.q_proj.lora_E" to the layer's path.</summary>
    private static string PathOf(string key)
    {
        const string Prefix = "base_model.model.";
        if (key.StartsWith(Prefix, StringComparison.Ordinal)) key = key[Prefix.Length..];
        return key.EndsWith("." + PatternSuffix, StringComparison.Ordinal) ? key[..^(PatternSuffix.Length + 1)] : key;
    }
}
