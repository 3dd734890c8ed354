// MoRA's numbers. PEFT has no MoRA: a file says peft_type "MORA" and holds mora_M; mora_type is the reference code's number, or a word
// for the operators that it lacks.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of MoRA (arXiv 2405.12130); the rank is that of the LoRA that has as many parameters.</summary>
public sealed record MoraConfig : RankedConfig
{
    private static readonly (MoraOperator Operator, string Name)[] Names =
    [
        (MoraOperator.Truncation, "truncation"), (MoraOperator.Strided, "1"), (MoraOperator.Contiguous, "2"),
        (MoraOperator.ContiguousToStrided, "3"), (MoraOperator.StridedToContiguous, "4"), (MoraOperator.Decoupling, "decoupling"),
        (MoraOperator.Rotation, "6"),
    ];

    /// <summary>Rotation for small ranks, sharing for large ones, says the paper.</summary>
    public MoraOperator Operator { get; init; } = MoraOperator.Rotation;

    /// <summary>Round r̂ down, as the paper writes, instead of to nearest, as its code (and so its checkpoints) does.</summary>
    public bool RoundsDown { get; init; }

    /// <summary>r̂ of the layer at that path.</summary>
    public long SideOf(string path, long inFeatures, long outFeatures) => MoraUpdate.SideOf(inFeatures, outFeatures, RankOf(path), Operator, RoundsDown);

    internal static PeftMethod Peft { get; } = new("MORA", fields => new MoraConfig
    {
        Rank = fields.Get("r", 8L),
        Operator = Array.Find(Names, n => n.Name == fields.Get("mora_type", "6")) is { Name: not null } known ? known.Operator
            : throw fields.Bad($"\"mora_type\" is \"{fields.Get("mora_type", "")}\"; known are {string.Join(", ", Names.Select(n => n.Name))}"),
        RoundsDown = fields.Get("rounds_down", false),
        Dropout = fields.Get("lora_dropout", 0.0),
        Decomposed = fields.Get("use_dora", false),
        RankPattern = fields.Table<long>("rank_pattern"),
    });

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        base.WriteFields(fields);
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["mora_type"] = Names.First(n => n.Operator == Operator).Name;
        fields["rounds_down"] = RoundsDown;
        fields["use_dora"] = Decomposed;
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device) =>
        new MoraUpdate(inFeatures, outFeatures, SideOf(path, inFeatures, outFeatures), Operator, dtype, device);

    /// <summary>Cosine and sine of the angles that rotation turns by.</summary>
    internal override long TablesOf(string path, long inFeatures, long outFeatures) => Operator != MoraOperator.Rotation ? 0
        : SideOf(path, inFeatures, outFeatures) is var side ? (inFeatures + side - 1) / side * side : 0;

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures) =>
        [("mora_M", [SideOf(path, inFeatures, outFeatures), SideOf(path, inFeatures, outFeatures)])];
}
