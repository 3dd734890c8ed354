// LoHa and LoKr: ranks and scales of the two methods that multiply small matrices in another way.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of LoHa (FedPara, arXiv 2108.06098); both of its products have the rank.</summary>
public sealed record LohaConfig : ScaledConfig
{
    internal static PeftMethod Peft { get; } = new("LOHA", fields => new LohaConfig
    {
        Rank = fields.Get("r", 8L), Alpha = fields.Get("alpha", 8.0), Dropout = fields.Get("input_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false), RankPattern = fields.Table<long>("rank_pattern"), AlphaPattern = fields.Table<double>("alpha_pattern"),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        base.WriteFields(fields);
        LyCoris.Write(fields, this);
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new HadamardUpdate(inFeatures, outFeatures, RankOf(path), ScaleOf(path), dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("hada_w1_a", [outFeatures, RankOf(path)]), ("hada_w1_b", [RankOf(path), inFeatures]),
            ("hada_w2_a", [outFeatures, RankOf(path)]), ("hada_w2_b", [RankOf(path), inFeatures])];
}

/// <summary>The configuration of LoKr (LyCORIS, arXiv 2309.14859); a factor whose larger side is at most
/// 2r stays whole, so that a large rank makes it KronA.</summary>
public sealed record LokrConfig : ScaledConfig
{
    /// <summary>May the first factor be thin too?</summary>
    public bool DecomposesBoth { get; init; }

    internal static PeftMethod Peft { get; } = new("LOKR", fields =>
    {
        fields.Refuse("decompose_factor", "-1");
        return new LokrConfig
        {
            Rank = fields.Get("r", 8L), Alpha = fields.Get("alpha", 8.0), DecomposesBoth = fields.Get("decompose_both", false),
            Dropout = fields.Get("input_dropout", 0.0), Decomposed = fields.Get("use_dora", false),
            RankPattern = fields.Table<long>("rank_pattern"), AlphaPattern = fields.Table<double>("alpha_pattern"),
        };
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        base.WriteFields(fields);
        LyCoris.Write(fields, this);
        fields["decompose_both"] = DecomposesBoth;
        fields["decompose_factor"] = -1;
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new KroneckerUpdate(KroneckerShape.Of(inFeatures, outFeatures, RankOf(path), DecomposesBoth), ScaleOf(path), dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures)
    {
        var shape = KroneckerShape.Of(inFeatures, outFeatures, RankOf(path), DecomposesBoth);
        foreach (var tensor in Factor("lokr_w1", RankOf(path), shape.Out1, shape.In1, shape.FirstIsThin)) yield return tensor;
        foreach (var tensor in Factor("lokr_w2", RankOf(path), shape.Out2, shape.In2, shape.SecondIsThin)) yield return tensor;
    }

    private (string Name, long[] Shape)[] Factor(string name, long rank, long rows, long columns, bool isThin) =>
        isThin ? [(name + "_a", [rows, rank]), (name + "_b", [rank, columns])] : [(name, [rows, columns])];
}

/// <summary>What both have in common.</summary>
internal static class LyCoris
{
    /// <summary>PEFT's two dropouts of these methods drop other things than the input; ours has a field of its own.</summary>
    public static void Write(JsonObject fields, ScaledConfig config)
    {
        fields["alpha"] = PeftFields.Number(config.Alpha);
        fields["init_weights"] = true;
        fields["module_dropout"] = 0.0;
        fields["rank_dropout"] = 0.0;
        if (config.Dropout > 0) fields["input_dropout"] = PeftFields.Real(config.Dropout);
        if (config.Decomposed) fields["use_dora"] = true;
    }
}
