// The ledger of generating against the allocator's count of Generation.GenerateBatch.
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

public sealed partial class MemoryLedgerTests
{
    [Fact]
    public void TheCacheIsAKeyAndAValueOfEachPlace()
    {
        var ledger = MemoryLedger.OfInference(Llama7B, null, batch: 3, tokens: 512, dtype: ScalarType.BFloat16, prompt: 100);
        Assert.Equal(2L * 32 * 3 * 512 * 4096 * 2, ledger.Cache);
        Assert.Equal(ledger.Cache + ledger.Weights + ledger.Tables, ledger.Resident);
        Assert.Contains("cache", ledger.ToString());
        Assert.True(ledger.Peak < MemoryLedger.OfInference(Llama7B, null, 3, 512, dtype: ScalarType.BFloat16).Peak);          // a shorter prompt takes less in passing
        Assert.Equal(2L * 32 * 2048 * 4096 * 4, MemoryLedger.OfInference(Llama7B, null, 1, 5000).Cache);                      // no more than the positions
        Assert.Equal(ledger.Cache / 8, MemoryLedger.OfInference(Llama7B with { KeyValueHeads = 4 }, null, 3, 512, dtype: ScalarType.BFloat16).Cache);
        Assert.Contains("cache", Refused(ledger, 8L << 30));
        static string Refused(MemoryLedger of, long bytes) => Assert.Throws<InsufficientMemoryException>(() => of.Require(bytes)).Message;
    }

    [Fact]
    public void GeneratingNonsenseIsRefused()
    {
        Assert.Contains("generates no text", Assert.Throws<ArgumentException>(() => MemoryLedger.OfInference(Llama7B with { Labels = ["a", "b"] }, null, 1, 8)).Message);
        foreach (var prompt in new[] { 0, 9 })
            Assert.Contains($"given {prompt}", Assert.Throws<ArgumentException>(() => MemoryLedger.OfInference(Llama7B, null, 1, 8, prompt: prompt)).Message);
    }

#if LIBTORCH
    private static Dictionary<string, ModelConfig> Generators => new(Families)
    {
        ["llama"] = Tied, ["own head, biases"] = Shapes["own head, biases"].Model, ["few positions"] = Tied with { MaxPositions = 40 },
        ["large"] = Tied with { HiddenSize = 192, IntermediateSize = 512, HeadSize = 32, VocabularySize = 500 },
    };

    public static TheoryData<string, string, int, int, int> GeneratingCases =>
        [.. from family in Generators.Keys from method in new[] { "none", "LoRA", "DoRA" }
            from size in new (int Rows, int Prompt, int Tokens)[] { (1, 3, 60), (5, 40, 60), (3, 60, 61), (1, 58, 60) }
            where method == "none" || family is "llama" or "own head, biases"
            select new TheoryDataRow<string, string, int, int, int>(family, method, size.Rows, size.Prompt, size.Tokens)];

    [Theory, MemberData(nameof(GeneratingCases))]
    public void GeneratingPeaksWhereTheLedgerSays(string family, string method, int rows, int prompt, int tokens)
    {
        var (config, adapter) = (Generators[family], method == "none" ? null : Methods.Single(m => m.Name == method).Config);
        var ledger = MemoryLedger.OfInference(config, adapter, rows, tokens, prompt: prompt);
        var start = Live();
        using var model = new CausalLm(config, seed: 3);
        if (adapter is not null) model.Adapt(adapter);
        var prompts = Enumerable.Range(0, rows).Select(row => (IReadOnlyList<int>)[.. Enumerable.Range(0, prompt).Select(i => (7 * i + row) % 60)]).ToList();
        var options = GenerationOptions.Greedy with { MaxNewTokens = tokens - prompt };
        Assert.All(model.GenerateBatch(prompts, options), added => Assert.Equal(tokens - prompt, added.Count));
        Between(ledger.Resident - ledger.Cache, Live() - start, model.parameters().Count() + 4 * model.LinearLayers().Count + 8, "resident");

        var before = Live();
        LibTorch.Memory.ResetPeak();
        model.GenerateBatch(prompts, options);
        var (least, most) = rows * prompt < 50 ? (0.85, 1.7) : (0.95, 1.1);
        Assert.InRange((LibTorch.Memory.PeakBytes - before) / (double)(ledger.Peak - ledger.Resident + ledger.Cache), least, most);
    }
#endif
}
