// VeRA (and, decomposed, DVoRA). Its layers share A and B, so all updates of a model are made together.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of VeRA (arXiv 2310.11454), or of DVoRA when <see cref="AdapterConfig.Decomposed"/>.</summary>
public sealed record VeraConfig : AdapterConfig
{
    private const string GeneratorField = "projection_generator";

    /// <summary>r of the shared projections.</summary>
    public long Rank { get; init; } = 256;

    /// <summary>What every element of d starts as.</summary>
    public double InitialD { get; init; } = 0.1;

    /// <summary>Of the projections.</summary>
    public long Seed { get; init; }

    /// <summary>What draws the projections.</summary>
    public VeraGenerator Generator { get; init; }

    /// <summary>Does a file hold A and B in full? Without them it holds the seed, which PEFT can follow only with
    /// <see cref="VeraGenerator.Torch"/>.</summary>
    public bool SavesProjections { get; init; } = true;

    internal static PeftMethod Peft { get; } = new("VERA", fields => new VeraConfig
    {
        Rank = fields.Get("r", 256L),
        InitialD = fields.Get("d_initial", 0.1),
        Seed = fields.Get("projection_prng_key", 0L),
        Generator = fields.Get(GeneratorField, "torch") switch
        {
            "torch" => VeraGenerator.Torch,
            "philox4x32-10" => VeraGenerator.Philox,
            var other => throw fields.Bad($"\"{GeneratorField}\" is \"{other}\"; known are \"torch\" and \"philox4x32-10\""),
        },
        SavesProjections = fields.Get("save_projection", true),
        Dropout = fields.Get("vera_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        fields["d_initial"] = PeftFields.Real(InitialD);
        fields["fan_in_fan_out"] = false;
        fields["init_weights"] = true;
        fields["projection_prng_key"] = Seed;
        fields["r"] = Rank;
        fields["save_projection"] = SavesProjections;
        fields["vera_dropout"] = PeftFields.Real(Dropout);
        if (Generator == VeraGenerator.Philox) fields[GeneratorField] = "philox4x32-10";
        if (Decomposed) fields["use_dora"] = true;      // PEFT has no DVoRA and refuses the field: better than leaving m out
    }

    internal override void Validate()
    {
        base.Validate();
        if (Rank < 1) throw new ArgumentException($"the rank must be at least 1; it is {Rank}");
        if (Seed < 0) throw new ArgumentException($"the seed must not be negative; it is {Seed}");
    }

    internal override IReadOnlyList<Update> CreateUpdates(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        var projections = new VeraProjections(Rank, targets.Max(t => t.Layer.InFeatures), targets.Max(t => t.Layer.OutFeatures), Seed,
            Generator, FrozenWeight.Wide(targets[0].Layer.Weight.DataType));
        return [.. targets.Select(t => new VeraUpdate(t.Layer.InFeatures, t.Layer.OutFeatures, projections, InitialD,
            FrozenWeight.Wide(t.Layer.Weight.DataType), t.Layer.Weight.Device))];
    }

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("vera_lambda_b", [outFeatures]), ("vera_lambda_d", [Rank])];

    internal override IEnumerable<(string Name, long[] Shape)> SharedTensorsOf(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets) =>
        !SavesProjections ? []
        : new[] { "vera_A", "vera_B" }.Zip(SharedShapesOf([.. targets.Select(t => new LayerShape(t.Path, t.Layer.InFeatures, t.Layer.OutFeatures))]));

    internal override IEnumerable<long[]> SharedShapesOf(IReadOnlyList<LayerShape> targets) =>
        [[Rank, targets.Max(t => t.InFeatures)], [targets.Max(t => t.OutFeatures), Rank]];

    internal override (long Rows, bool Trains) ReaderOf(string path, long inFeatures, long outFeatures) =>
        (VeraUpdate.Reads(Rank, inFeatures, outFeatures) ? Rank : 0, false);
}
