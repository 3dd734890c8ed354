// The ledger of layers that are computed again in backward, against the allocator's count.
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

#if LIBTORCH
public sealed partial class MemoryLedgerTests
{
    public static TheoryData<string, string, string?> RecomputedCases =>
        [.. from method in new[] { "full", "LoRA", "DoRA", "VeRA", "DoRA with dropout", "LoRA on q and down", "DoRA on the last layer" }
            from shape in new[] { "many places", "own head, biases" } from format in new[] { null, "NF4, double" }
            where format is null || (method == "LoRA" && shape == "many places")
            select new TheoryDataRow<string, string, string?>(method, shape, format)];

    /// <summary>And where layers are computed again: their inputs are kept, and backward has one layer's activations at a time.</summary>
    [Theory, MemberData(nameof(RecomputedCases))]
    public void ItAgreesWithTheAllocatorWhereLayersAreComputedAgain(string method, string shape, string? format)
    {
        var (config, batch, tokens, type) = Shapes[shape];
        Agree(config with { Layers = Math.Max(config.Layers, 3) }, batch, tokens, type, Methods.Single(m => m.Name == method).Config, format is null ? null : Formats[format], again: true);
    }

    public static TheoryData<string, string> RecomputedFamilyCases =>
        [.. from family in Families.Keys from method in new[] { "full", "LoRA" } select new TheoryDataRow<string, string>(family, method)];

    [Theory, MemberData(nameof(RecomputedFamilyCases))]
    public void ItAgreesWithTheAllocatorForEveryFamilyComputedAgain(string family, string method) =>
        Agree(Families[family], 5, 40, ScalarType.Float32, Methods.Single(m => m.Name == method).Config, again: true);
}
#endif
