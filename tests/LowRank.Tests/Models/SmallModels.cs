namespace LowRank.Tests.Models;

/// <summary>A small shape of every family, with what is particular to it; widths cannot be taken for each other.</summary>
internal static class SmallModels
{
    public static readonly IReadOnlyDictionary<string, ModelConfig> All = new Dictionary<string, ModelConfig>
    {
        ["llama"] = new LlamaConfig { VocabularySize = 23, HiddenSize = 14, IntermediateSize = 10, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadSize = 6, MaxPositions = 32, InitializerRange = 0.3 },
        ["llama, scaled, biases"] = new LlamaConfig
        {
            VocabularySize = 23, HiddenSize = 14, IntermediateSize = 10, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadSize = 12, MaxPositions = 32, InitializerRange = 0.3,
            RopeTheta = 50, RopeScaling = new(8, 1, 4, 32), AttentionBias = true, MlpBias = true, TiedEmbeddings = true, EndToken = 3, FurtherEndTokens = [5, 9],
        },
        ["mistral"] = new MistralConfig
        {
            VocabularySize = 23, HiddenSize = 14, IntermediateSize = 10, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadSize = 6, MaxPositions = 32, InitializerRange = 0.3, SlidingWindow = 3,
        },
        ["qwen2"] = new Qwen2Config
        {
            VocabularySize = 23, HiddenSize = 14, IntermediateSize = 10, Layers = 3, Heads = 4, KeyValueHeads = 1, HeadSize = 6, MaxPositions = 32, InitializerRange = 0.3,
            SlidingWindow = 4, WindowedLayers = [1], TiedEmbeddings = true,
        },
        ["qwen3"] = new Qwen3Config
        {
            VocabularySize = 23, HiddenSize = 14, IntermediateSize = 10, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadSize = 8, MaxPositions = 32, InitializerRange = 0.3, RopeTheta = 1e6,
        },
        ["gemma"] = new GemmaConfig
        {
            VocabularySize = 23, HiddenSize = 14, IntermediateSize = 10, Layers = 2, Heads = 4, KeyValueHeads = 1, HeadSize = 6, MaxPositions = 32, InitializerRange = 0.3, TiedEmbeddings = true,
        },
        ["phi3"] = new Phi3Config
        {
            VocabularySize = 23, HiddenSize = 24, IntermediateSize = 10, Layers = 2, Heads = 4, KeyValueHeads = 2, MaxPositions = 32, InitializerRange = 0.3, SlidingWindow = 5,
        },
        ["gpt2"] = new Gpt2Config
        {
            VocabularySize = 23, HiddenSize = 12, IntermediateSize = 10, Layers = 2, Heads = 2, KeyValueHeads = 2, MaxPositions = 32, InitializerRange = 0.3, TiedEmbeddings = true,
        },
        ["gpt2, own head, exact gelu"] = new Gpt2Config
        {
            VocabularySize = 23, HiddenSize = 12, IntermediateSize = 10, Layers = 2, Heads = 2, KeyValueHeads = 2, MaxPositions = 32, InitializerRange = 0.3, Activation = Gpt2Activation.Gelu,
        },
    };

    public static TheoryData<string> Names => new(All.Keys);
}
