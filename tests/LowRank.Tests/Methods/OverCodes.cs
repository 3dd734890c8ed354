// The methods that train over codes, at sizes that data/base and data/tiny bear: what tests train and tests/Benchmarks measures.
namespace LowRank.Tests.Methods;

/// <summary>A method over a quantized weight.</summary>
/// <param name="Name">QLoRA and its relatives.</param>
/// <param name="Config">The method.</param>
/// <param name="Format">What it goes over; null for dense weights.</param>
/// <param name="Rates">Learning rates to search through; the middle one does for a test.</param>
/// <param name="Policy">Made anew for each run, or null.</param>
public sealed record OverCodes(string Name, AdapterConfig Config, StorageFormat? Format, double[] Rates, Func<TrainingPolicy>? Policy = null)
{
    public static IReadOnlyList<OverCodes> All { get; } =
    [
        new("QLoRA", Adapter.Lora(rank: 8, alpha: 16), Nf4.WithDoubleQuantization, [3e-3, 1e-2, 3e-2]),
        new("QDoRA", Adapter.Dora(rank: 8, alpha: 16), Nf4.WithDoubleQuantization, [3e-3, 1e-2, 3e-2]),
        new("QVeRA", Adapter.Vera(rank: 256), Nf4.WithDoubleQuantization, [1e-2, 3e-2, 1e-1]),
        new("QDyLoRA", Adapter.DyLora(maximumRank: 8, alpha: 16), Nf4.WithDoubleQuantization, [3e-3, 1e-2, 3e-2], () => new DyLoraPolicy()),
        new("QA-LoRA", Adapter.QaLora(rank: 8, alpha: 16, groupSize: 32), new GroupInt4 { GroupSize = 32 }, [3e-3, 1e-2, 3e-2]),
        new("QMoRA", Adapter.Mora(rank: 8), Nf4.WithDoubleQuantization, [1e-3, 3e-3, 1e-2]),
    ];

    public IReadOnlyList<TrainingPolicy> Policies => Policy is null ? [] : [Policy()];
}
