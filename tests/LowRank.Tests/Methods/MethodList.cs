// Every method and combination that the common suite checks, and what of them tests/Benchmarks measures. A new method is one line here.
namespace LowRank.Tests.Methods;

/// <summary>A method under a name for test output, small enough for finite differences.</summary>
/// <param name="Config">Its configuration.</param>
/// <param name="StartsAtBase">Does an untrained adapter leave the layer's output as it was?</param>
/// <param name="HasDropout">Can its input be dropped in part? A method without says so in a sentence.</param>
/// <param name="Measured">The configuration whose training step is measured, or null.</param>
public sealed record Method(AdapterConfig Config, bool StartsAtBase = true, bool HasDropout = true, AdapterConfig? Measured = null);

public static class MethodList
{
    public static IReadOnlyDictionary<string, Method> All { get; } = new Dictionary<string, Method>
    {
        ["LoRA"] = new(Adapter.Lora(rank: 3, alpha: 5), Measured: Adapter.Lora(rank: 8, alpha: 16)),
        ["rsLoRA"] = new(Adapter.Lora(rank: 3, alpha: 5, rsLora: true)),
        ["LoRA with a bias"] = new(Adapter.Lora(rank: 3, alpha: 5, bias: true)),
        ["LoRA, rank above in and out"] = new(Adapter.Lora(rank: 17, alpha: 5, init: LoraInit.Gaussian)),
        ["LoRA, orthogonal"] = new(Adapter.Lora(rank: 2, alpha: 5, init: LoraInit.Orthogonal)),
        ["PiSSA"] = new(Adapter.Lora(rank: 1, alpha: 2, init: LoraInit.Pissa), Measured: Adapter.Lora(rank: 8, alpha: 16, init: LoraInit.Pissa)),
        ["OLoRA"] = new(Adapter.Lora(rank: 1, alpha: 2, init: LoraInit.Olora)),
        ["PiSSA with a magnitude"] = new(Adapter.Dora(rank: 1, alpha: 2, init: LoraInit.Pissa)),
        ["DoRA"] = new(Adapter.Dora(rank: 3, alpha: 5), Measured: Adapter.Dora(rank: 8, alpha: 16)),
        ["VeRA"] = new(Adapter.Vera(rank: 2, seed: 5), Measured: Adapter.Vera(rank: 256)),
        ["VeRA, r above in and out"] = new(Adapter.Vera(rank: 19, initialD: 1)),
        ["DVoRA"] = new(Adapter.Dvora(rank: 2, seed: 5), Measured: Adapter.Dvora(rank: 256)),
        ["DVoRA, r above in and out"] = new(Adapter.Dvora(rank: 19, initialD: 1)),
        ["MoRA, truncation"] = new(Adapter.Mora(rank: 1, MoraOperator.Truncation), Measured: Adapter.Mora(rank: 8, MoraOperator.Truncation)),
        ["MoRA, strided"] = new(Adapter.Mora(rank: 1, MoraOperator.Strided), Measured: Adapter.Mora(rank: 8, MoraOperator.Strided)),
        ["MoRA, contiguous"] = new(Adapter.Mora(rank: 1, MoraOperator.Contiguous), Measured: Adapter.Mora(rank: 8, MoraOperator.Contiguous)),
        ["MoRA, contiguous to strided"] = new(Adapter.Mora(rank: 1, MoraOperator.ContiguousToStrided)),
        ["MoRA, strided to contiguous"] = new(Adapter.Mora(rank: 1, MoraOperator.StridedToContiguous)),
        ["MoRA, decoupling"] = new(Adapter.Mora(rank: 1, MoraOperator.Decoupling), Measured: Adapter.Mora(rank: 8, MoraOperator.Decoupling)),
        ["MoRA, rotation"] = new(Adapter.Mora(rank: 1, MoraOperator.Rotation), Measured: Adapter.Mora(rank: 8)),
        ["MoRA, side above in and out"] = new(Adapter.Mora(rank: 30, MoraOperator.Strided)),
        ["MoRA, rotation, side above in and out"] = new(Adapter.Mora(rank: 30)),
        ["MoRA with a magnitude"] = new(Adapter.Mora(rank: 1).WithMagnitude(), Measured: Adapter.Mora(rank: 8).WithMagnitude()),
        ["QA-LoRA"] = new(Adapter.QaLora(rank: 2, groupSize: 4), Measured: Adapter.QaLora(rank: 8)),
        ["QA-LoRA with a magnitude"] = new(Adapter.QaLora(rank: 2, groupSize: 3).WithMagnitude()),
        ["LoHa"] = new(Adapter.Loha(rank: 2, alpha: 1), Measured: Adapter.Loha(rank: 8)),
        ["LoHa with a magnitude"] = new(Adapter.Loha(rank: 2, alpha: 1).WithMagnitude()),
        ["LoKr"] = new(Adapter.Lokr(rank: 1), Measured: Adapter.Lokr(rank: 8)),
        ["LoKr, both thin"] = new(Adapter.Lokr(rank: 1, decomposesBoth: true)),
        ["KronA with a magnitude"] = new(Adapter.Lokr(rank: 20).WithMagnitude()),
        ["LoHa with patterns"] = new(Patterned(Adapter.Loha(rank: 2, alpha: 1))),
        ["LoKr with patterns"] = new(Patterned(Adapter.Lokr(rank: 1))),
        ["QA-LoRA with patterns"] = new(Patterned(Adapter.QaLora(rank: 2, groupSize: 4))),
        ["MoRA with a pattern"] = new(Adapter.Mora(rank: 1) with { RankPattern = Ranks }),
        ["DyLoRA"] = new(Adapter.DyLora(maximumRank: 3), Measured: Adapter.DyLora(maximumRank: 8)),
        ["DyDoRA"] = new(Adapter.DyLora(maximumRank: 3).WithMagnitude(), Measured: Adapter.DyLora(maximumRank: 8).WithMagnitude()),
        ["AdaLoRA"] = new(Adapter.AdaLora(targetRank: 3), Measured: Adapter.AdaLora(targetRank: 8)),
        ["AdaLoRA with a magnitude"] = new(Adapter.AdaLora(targetRank: 3).WithMagnitude()),
        ["IA³ on outputs"] = new(Adapter.Ia3(), HasDropout: false, Measured: Adapter.Ia3(feedForward: "down_proj")),
        ["IA³ on inputs"] = new(Adapter.Ia3(feedForward: ".*"), HasDropout: false),
        ["a method of one's own"] = new(Outer, Measured: Outer),
        ["DoRA, rank 1, large scale"] = new(Adapter.Dora(rank: 1, alpha: 40)),
    };

    private static IReadOnlyDictionary<string, long> Ranks => new Dictionary<string, long> { ["v_proj|down_proj"] = 3 };

    private static T Patterned<T>(T config) where T : ScaledConfig =>
        (T)((ScaledConfig)config with { RankPattern = Ranks, AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 7, ["v_proj"] = -2.5 } });

    private static OwnConfig Outer => Adapter.Own("OUTER", (inFeatures, outFeatures, dtype, device) => new OuterUpdate(inFeatures, outFeatures, dtype, device));
}
