using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>The function between GPT-2's products.</summary>
public enum Gpt2Activation
{
    /// <summary>The tanh form of GELU, in files "gelu_new".</summary>
    GeluTanh,

    /// <summary>x Φ(x), with the error function.</summary>
    Gelu,
}

/// <summary>
/// A GPT-2 (Radford et al. 2019): LayerNorm, learned positions, one product for q, k and v, biases everywhere, and an MLP without a gate.
/// Its files hold the layers' weights as [in, out] (transformers' Conv1D); the model has them as [out, in], as every other. The dropout
/// that files ask for in training is not applied.
/// </summary>
public sealed record Gpt2Config : ModelConfig
{
    /// <summary>The function between the MLP's products.</summary>
    public Gpt2Activation Activation { get; init; }

    private static readonly Dictionary<string, Gpt2Activation> Activations = new()
    {
        ["gelu_new"] = Gpt2Activation.GeluTanh, ["gelu_pytorch_tanh"] = Gpt2Activation.GeluTanh, ["gelu"] = Gpt2Activation.Gelu,
    };

    internal override string ModelType => "gpt2";

    internal override string ClassPrefix => "GPT2";

    internal override string LanguageClass => "GPT2LMHeadModel";

    internal override string BodyName => "transformer";

    internal override LayerShape Embedding => new("transformer.wte", HiddenSize, VocabularySize);

    internal override string LayerPath(int layer) => $"transformer.h.{layer}";

    internal override string AttentionName => "attn";

    internal override IReadOnlyList<LayerShape> ProductsOf(int layer)
    {
        var (attention, mlp) = ($"{LayerPath(layer)}.{AttentionName}.", $"{LayerPath(layer)}.{MlpName}.");
        return
        [
            new(attention + "c_attn", HiddenSize, 3 * HiddenSize, true), new(attention + "c_proj", HiddenSize, HiddenSize, true),
            new(mlp + "c_fc", HiddenSize, IntermediateSize, true), new(mlp + "c_proj", IntermediateSize, HiddenSize, true),
        ];
    }

    internal override IReadOnlyList<(string Name, long Size)> NormsOf(int layer) =>
        [.. from norm in new[] { "ln_1", "ln_2" } from part in new[] { "weight", "bias" } select ($"{LayerPath(layer)}.{norm}.{part}", HiddenSize)];

    internal override IReadOnlyList<(string Name, long[] Shape)> BodyParameters =>
        [("transformer.wpe.weight", [MaxPositions, HiddenSize]), ("transformer.ln_f.weight", [HiddenSize]), ("transformer.ln_f.bias", [HiddenSize])];

    internal override bool IsStoredTurned(string weight) => weight.StartsWith("transformer.h.", StringComparison.Ordinal)
        && (weight.EndsWith(".c_attn.weight", StringComparison.Ordinal) || weight.EndsWith(".c_proj.weight", StringComparison.Ordinal) || weight.EndsWith(".c_fc.weight", StringComparison.Ordinal));

    // Old checkpoints hold attention's masks.
    internal override bool IsNoWeight(string name) => name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal);

    public override void Validate()
    {
        base.Validate();
        if (KeyValueHeads != Heads || Heads * HeadSize != HiddenSize)
            throw new ArgumentException($"a GPT-2 of width {HiddenSize} has {Heads} heads and {KeyValueHeads} key heads of {HeadSize}; all must be as many, and together as wide as the model");
    }

    internal static Gpt2Config Read(ConfigFields file)
    {
        file.Demand("add_cross_attention", false);
        file.Demand("scale_attn_by_inverse_layer_idx", false);
        file.Demand("scale_attn_weights", true);
        var function = file.Text("activation_function") ?? "gelu_new";
        var (hidden, heads) = (file.Whole("n_embd"), file.Whole("n_head"));
        return new()
        {
            VocabularySize = file.Whole("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = file.Whole("n_inner", 4 * hidden),
            Layers = file.Int("n_layer"),
            Heads = heads,
            KeyValueHeads = heads,
            MaxPositions = file.Whole("n_positions", 1024),
            NormEpsilon = file.Real("layer_norm_epsilon") ?? 1e-5,
            Activation = Activations.TryGetValue(function, out var known) ? known
                : throw file.Bad($"activation_function is \"{function}\"; supported are {string.Join(", ", Activations.Keys.Select(key => $"\"{key}\""))}"),
            TiedEmbeddings = true, BeginToken = 50_256, EndToken = 50_256,
        };
    }

    internal override void Write(JsonObject json)
    {
        json["activation_function"] = Activation == Gpt2Activation.GeluTanh ? "gelu_new" : "gelu";
        foreach (var dropout in new[] { "attn_pdrop", "embd_pdrop", "resid_pdrop" }) json[dropout] = ConfigFile.Real(0);
        json["layer_norm_epsilon"] = ConfigFile.Real(NormEpsilon);
        json["n_embd"] = HiddenSize;
        json["n_head"] = Heads;
        json["n_inner"] = IntermediateSize;
        json["n_layer"] = Layers;
        json["n_positions"] = MaxPositions;
        json["scale_attn_by_inverse_layer_idx"] = false;
        json["scale_attn_weights"] = true;
    }
}
