// The ledger of adapters on the embedding, whose rows are looked up and which may be the head too, and of classifiers, against the
// allocator's count.
using LowRank.Tests.Methods;
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

public sealed partial class MemoryLedgerTests
{
    /// <summary>Which methods have rows of ΔW decides what a look-up keeps.</summary>
    [Theory, MemberData(nameof(MethodNames))]
    public void RowsAreAsTheUpdatesHaveThem(string method)
    {
        using var scope = NewDisposeScope();
        var config = MethodList.All[method].Config;
        if (config is LoraConfig { Bias: true }) return;                        // refused on an embedding
        var layer = AdaptedLinear.Embedding(13, 5);
        layer.Adapt(config, ".*");
        using var ids = tensor(new long[] { 1, 0 });
        Assert.Equal(layer.Find("default")!.Update.DeltaRows(ids) is not null, new LayerPlan(new("", 5, 13), config, false, false, true).HasRows);
    }

#if LIBTORCH
    private static Dictionary<string, (ModelConfig Model, long Batch, long Tokens, ScalarType Type)> EmbeddingShapes => new()
    {
        ["tied, few places"] = (Tied, 2, 7, ScalarType.Float32),
        ["tied, many places"] = (Tied, 5, 40, ScalarType.Float32),
        ["own head"] = (Tied with { TiedEmbeddings = false }, 3, 50, ScalarType.Float32),
        ["tied, many words"] = (Tied with { VocabularySize = 1700, Layers = 2 }, 2, 26, ScalarType.Float32),
        ["own head, many words"] = (Tied with { VocabularySize = 1700, Layers = 2, TiedEmbeddings = false }, 2, 26, ScalarType.Float32),
        ["tied, 16 bits"] = (Tied with { Layers = 2 }, 2, 40, ScalarType.BFloat16),
        ["tied, Gemma"] = (Families["gemma"], 5, 40, ScalarType.Float32),
        ["tied, GPT-2"] = (Families["gpt2"], 5, 40, ScalarType.Float32),
    };

    public static TheoryData<string, string, string> EmbeddingCases =>
        [.. from shape in EmbeddingShapes from method in Methods from targets in new[] { "", "|q_proj|down_proj", "|lm_head" }
            where method.Config is { Targets.IsAllLinear: true, Layers: null }
                && (targets == "" || method.Name is "LoRA" or "DoRA" or "VeRA" or "LoHa" or "MoRA with dropout" or "DoRA with dropout")
                && (targets == "" || shape.Value.Model is LlamaConfig { TiedEmbeddings: var tied } && (targets != "|lm_head" || !tied))
                // There x is filled up to the side, five times its width, which is more than all else.
                && (shape.Value.Model.VocabularySize < 100 || method.Name != "MoRA, rotation, side above in and out")
            select new TheoryDataRow<string, string, string>(method.Name, shape.Key, targets)];

    [Theory, MemberData(nameof(EmbeddingCases))]
    public void ItAgreesWithTheAllocatorForAdaptersOnTheEmbedding(string method, string shape, string targets)
    {
        var (config, batch, tokens, type) = EmbeddingShapes[shape];
        Agree(config, batch, tokens, type, Methods.Single(m => m.Name == method).Config! with { Targets = config.Embedding.Path.Split('.')[^1] + targets });
    }

    public static TheoryData<string, string, string, bool> WholeCases =>
        [.. from family in new[] { "tied, many places", "own head", "own head, many words", "tied, Gemma", "tied, GPT-2" } from method in new[] { "LoRA", "DoRA", "VeRA" }
            from whole in new[] { "embedding", "norms", "head", "mlp", "head|embedding|norms", "positions" } from again in new[] { false, true }
            where (whole != "head" || family.StartsWith("own", StringComparison.Ordinal)) && (whole != "positions" || family == "tied, GPT-2")
            select new TheoryDataRow<string, string, string, bool>(family, method, whole, again)];

    /// <summary>Modules that train whole beside an adapter: their copies, gradients and moments, and what backward needs to reach them.</summary>
    [Theory, MemberData(nameof(WholeCases))]
    public void ItAgreesWithTheAllocatorForModulesThatTrainWhole(string shape, string method, string whole, bool again)
    {
        var (config, batch, tokens, type) = EmbeddingShapes[shape];
        var gpt2 = config is Gpt2Config;
        var modules = string.Join('|', whole.Split('|').Select(part => part switch
        {
            "embedding" => config.Embedding.Path,
            "norms" => gpt2 ? "ln_1|ln_2|ln_f" : "norm|input_layernorm|post_attention_layernorm",
            "head" => config.TiedEmbeddings ? null : "lm_head",
            "positions" => "wpe",
            _ => part,
        }).OfType<string>());
        Agree(config, batch, tokens, type, Methods.Single(m => m.Name == method).Config! with { ModulesToSave = modules, Targets = gpt2 ? "c_attn" : "q_proj|v_proj" }, again: again);
    }

    [Theory, InlineData("llama", 25), InlineData("qwen3", 10), InlineData("gemma", 100), InlineData("gpt2", 50)]
    public void ItAgreesWithTheAllocatorForPackedRows(string family, int text)
    {
        const int rows = 3, tokens = 100;
        var config = family == "llama" ? Tied with { MaxPositions = 128 } : Families[family] with { MaxPositions = 128 };
        var (packed, whole) = (MemoryLedger.OfTraining(config, Adapter.Lora(2), rows, tokens, longestText: text), MemoryLedger.OfTraining(config, Adapter.Lora(2), rows, tokens));
        using var model = new CausalLm(config, seed: 3);
        model.Adapt(Adapter.Lora(2));
        using var ids = randint(0, config.VocabularySize, [rows, tokens], ScalarType.Int64);
        var segments = new Segments([.. Enumerable.Repeat(Enumerable.Repeat(text, tokens / text).ToArray(), rows)]);
        long Peak()
        {
            foreach (var parameter in model.parameters()) using (parameter.grad) parameter.grad = null!;
            var before = Live();
            LibTorch.Memory.ResetPeak();
            using (var loss = model.Loss(ids, null, segments)) loss.backward();
            return LibTorch.Memory.PeakBytes - before;
        }
        Peak();                                                                 // makes the tables
        Assert.InRange(Peak() / (double)(packed.Peak - packed.Resident), 0.92, 1.15);
        Assert.True(packed.Activations <= whole.Activations && packed.Peak <= whole.Peak + 4 * rows * tokens * 2 * config.Heads * config.HeadSize * 2);
    }

    public static TheoryData<string, string, bool> ClassifierCases =>
        [.. from method in new[] { "full", "LoRA", "DoRA", "VeRA", "DoRA with dropout" } from shape in Shapes.Keys from again in new[] { false, true }
            where !again || shape == "many places" select new TheoryDataRow<string, string, bool>(method, shape, again)];

    /// <summary>A head over a few labels, which trains beside every adapter, in the place of one over the vocabulary.</summary>
    [Theory, MemberData(nameof(ClassifierCases))]
    public void ItAgreesWithTheAllocatorForClassifiers(string method, string shape, bool again)
    {
        var (config, batch, tokens, type) = Shapes[shape];
        Agree(config with { Labels = ["a", "b", "c"], PaddingToken = 0 }, batch, tokens, type, Methods.Single(m => m.Name == method).Config, again: again);
    }

    [Fact]
    public void ItAgreesWithTheAllocatorForClassifiersOfOtherFamiliesOverCodesAndWithTheEmbeddingAdapted()
    {
        ModelConfig Labelled(string family) => Families[family] with { Labels = ["a", "b"], PaddingToken = 0 };
        Agree(Labelled("gpt2"), 5, 40, ScalarType.Float32, Adapter.Lora(3));
        Agree(Labelled("qwen2"), 5, 40, ScalarType.Float32, Adapter.Dora(3), Nf4.WithDoubleQuantization);
        Agree(Labelled("gemma"), 5, 40, ScalarType.Float32, Adapter.Dora(3) with { Targets = "embed_tokens|q_proj" });
    }
#endif
}
