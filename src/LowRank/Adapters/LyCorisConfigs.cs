// LoHa and LoKr: ranks and scales of the two methods that multiply small matrices in another way.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of LoHa (FedPara, arXiv 2108.06098).</summary>
public sealed record LohaConfig : AdapterConfig
{
    /// <summary>r of both low-rank matrices.</summary>
    public long Rank { get; init; } = 8;

    /// <summary>α: the scale is α/r.</summary>
    public double Alpha { get; init; } = 16;

    internal static PeftMethod Peft { get; } = new("LOHA", fields => new LohaConfig
    {
        Rank = fields.Get("r", 8L), Alpha = fields.Get("alpha", 8.0), Dropout = fields.Get("input_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields) => LyCoris.Write(fields, this, Rank, Alpha);

    internal override void Validate()
    {
        base.Validate();
        LyCoris.Check(Rank, Alpha);
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new HadamardUpdate(inFeatures, outFeatures, Rank, Alpha / Rank, dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("hada_w1_a", [outFeatures, Rank]), ("hada_w1_b", [Rank, inFeatures]), ("hada_w2_a", [outFeatures, Rank]), ("hada_w2_b", [Rank, inFeatures])];
}

/// <summary>The configuration of LoKr (LyCORIS, arXiv 2309.14859); with a rank above the factors' sides it is KronA.</summary>
public sealed record LokrConfig : AdapterConfig
{
    /// <summary>r of the thin factors; a factor whose larger side is at most 2r stays whole.</summary>
    public long Rank { get; init; } = 8;

    /// <summary>α: the scale is α/r.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>May the first factor be thin too?</summary>
    public bool DecomposesBoth { get; init; }

    internal static PeftMethod Peft { get; } = new("LOKR", fields =>
    {
        fields.Refuse("decompose_factor", "-1");
        return new LokrConfig
        {
            Rank = fields.Get("r", 8L), Alpha = fields.Get("alpha", 8.0), DecomposesBoth = fields.Get("decompose_both", false),
            Dropout = fields.Get("input_dropout", 0.0), Decomposed = fields.Get("use_dora", false),
        };
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        LyCoris.Write(fields, this, Rank, Alpha);
        fields["decompose_both"] = DecomposesBoth;
        fields["decompose_factor"] = -1;
    }

    internal override void Validate()
    {
        base.Validate();
        LyCoris.Check(Rank, Alpha);
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new KroneckerUpdate(KroneckerShape.Of(inFeatures, outFeatures, Rank, DecomposesBoth), Alpha / Rank, dtype, device);

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures)
    {
        var shape = KroneckerShape.Of(inFeatures, outFeatures, Rank, DecomposesBoth);
        foreach (var tensor in Factor("lokr_w1", shape.Out1, shape.In1, shape.FirstIsThin)) yield return tensor;
        foreach (var tensor in Factor("lokr_w2", shape.Out2, shape.In2, shape.SecondIsThin)) yield return tensor;
    }

    private (string Name, long[] Shape)[] Factor(string name, long rows, long columns, bool isThin) =>
        isThin ? [(name + "_a", [rows, Rank]), (name + "_b", [Rank, columns])] : [(name, [rows, columns])];
}

/// <summary>What both have in common.</summary>
internal static class LyCoris
{
    public static void Check(long rank, double alpha)
    {
        if (rank < 1) throw new ArgumentException($"the rank must be at least 1; it is {rank}");
        if (!double.IsFinite(alpha)) throw new ArgumentException($"alpha must be a finite number; it is {alpha}");
    }

    /// <summary>PEFT's two dropouts of these methods drop other things than the input; ours has a field of its own.</summary>
    public static void Write(JsonObject fields, AdapterConfig config, long rank, double alpha)
    {
        fields["alpha"] = PeftFields.Number(alpha);
        fields["init_weights"] = true;
        fields["module_dropout"] = 0.0;
        fields["r"] = rank;
        fields["rank_dropout"] = 0.0;
        if (config.Dropout > 0) fields["input_dropout"] = PeftFields.Real(config.Dropout);
        if (config.Decomposed) fields["use_dora"] = true;
    }
}
