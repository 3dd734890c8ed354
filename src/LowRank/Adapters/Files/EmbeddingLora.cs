// LoRA on an embedding as PEFT has it, so that files interchange. PEFT writes ΔW = s·(BA)ᵀ [vocabulary, hidden] with lora_embedding_A
// [r, vocabulary] and lora_embedding_B [hidden, r]; as a linear layer's s·BA they are each other's place, turned: lora_B is
// lora_embedding_Aᵀ, lora_A is lora_embedding_Bᵀ. There lora_embedding_A starts at 0 and lora_embedding_B normal with deviation 1.
//
// Two things PEFT does otherwise, and files say which is meant:
//   tied head   an adapter acts on the look-up alone unless "ensure_weight_tying"; here always on both uses
//   DoRA        one magnitude for each column of the embedding; here one for each row, as the head's DoRA (field of our own)
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal static class EmbeddingLora
{
    private const string Tying = "ensure_weight_tying", MagnitudeField = "embedding_magnitude", PerRow = "row", Head = "lm_head";
    private const string A = "lora_A.weight", B = "lora_B.weight", EmbeddingA = "lora_embedding_A", EmbeddingB = "lora_embedding_B";

    /// <summary>The name in a file of a layer's tensor, and whether it lies there turned.</summary>
    public static (string Name, bool IsTurned) InFile(AdapterConfig config, AdaptedLinear layer, string name) =>
        !Applies(config, layer) ? (name, false)
        : name == A ? (EmbeddingB, true)
        : name == B ? (EmbeddingA, true)
        : (name, false);

    /// <summary>Puts a fresh update where PEFT starts one on an embedding.</summary>
    public static void Start(AdapterConfig config, AdaptedLinear layer, Update update)
    {
        if (!layer.IsEmbedding || config is not LoraConfig { Init: LoraInit.Kaiming or LoraInit.Gaussian } || update is not LowRankUpdate lora) return;
        using var grad = no_grad();
        lora.A.normal_();
    }

    public static void WriteFields(JsonObject fields, AdapterConfig config, IReadOnlyList<AdaptedLinear> layers)
    {
        if (layers.Any(l => l.IsTiedHead) && fields.ContainsKey(Tying)) fields[Tying] = true;
        if (config.Decomposed && layers.Any(l => Applies(config, l))) fields[MagnitudeField] = PerRow;
    }

    /// <summary>Refuses a file whose adapter means something else on these layers than it would here.</summary>
    public static void Check(PeftFields fields, AdapterConfig config, IReadOnlyList<AdaptedLinear> layers)
    {
        if (layers.Any(l => Applies(config, l) && l.IsTiedHead) && !fields.Get(Tying, false))
            throw fields.Bad($"the adapter was trained on the embedding's look-up alone (\"{Tying}\" is false); this model's head is its " +
                $"embedding, and an adapter acts on both. Load a model whose head is its own, or train with {Tying}");
        if (config.Decomposed && layers.Any(l => Applies(config, l)) && fields.Get(MagnitudeField, "") != PerRow)
            throw fields.Bad("its DoRA has a magnitude for each column of the embedding, as PEFT's; here one belongs to each row, a token, so " +
                "that look-up and head agree. Merge it into the embedding where it was trained");
    }

    /// <summary>Names and values that a file holds a second time for a tied head, which PEFT loads by itself.</summary>
    public static IEnumerable<(string Path, string Name, Tensor Value)> HeadPair(AdapterConfig config, AdaptedLinear layer, LinearAdapter adapter) =>
        Applies(config, layer) && layer.IsTiedHead
            ? adapter.Tensors.Where(t => t.Name is A or B).Select(t => (Head, t.Name, t.Value.clone()))
            : [];

    /// <summary>What a file may hold beside an embedding's adapter: PEFT copies the embedding itself, and the tied head's pair. Each name
    /// under the layer's or the head's path, and what it must equal, made from the file's tensors by their names.</summary>
    public static IEnumerable<(string Path, string Name, Func<Func<string, Tensor>, Tensor> Original)> Copies(
        AdapterConfig config, string path, AdaptedLinear layer)
    {
        if (!Applies(config, layer)) yield break;
        const string Base = "base_layer.weight";
        yield return (path, Base, _ => layer.Weight.Dequantize());
        if (!layer.IsTiedHead) yield break;
        yield return (Head, Base, _ => layer.Weight.Dequantize());
        yield return (Head, A, file => file(EmbeddingB).t());
        yield return (Head, B, file => file(EmbeddingA).t());
    }

    private static bool Applies(AdapterConfig config, AdaptedLinear layer) => layer.IsEmbedding && config is LoraConfig;
}
