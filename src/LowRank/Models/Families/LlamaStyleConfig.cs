// What Llama (arXiv 2302.13971) and its descendants share: norms before attention and MLP, rotary positions, a gated MLP, and the names of
// modules and of fields in config.json. A descendant is a record with what it does otherwise.
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>The shape of a decoder in Llama's style.</summary>
public abstract record LlamaStyleConfig : ModelConfig
{
    /// <summary>Base of the rotary embedding's frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>How the frequencies are stretched for longer texts; null: not at all.</summary>
    public Llama3Scaling? RopeScaling { get; init; }

    internal override string BodyName => "model";

    internal override LayerShape Embedding => new("model.embed_tokens", HiddenSize, VocabularySize);

    internal override string LayerPath(int layer) => $"model.layers.{layer}";

    internal override string AttentionName => "self_attn";

    /// <summary>Do q, k and v add biases?</summary>
    internal virtual bool QkvBias => false;

    /// <summary>Does o?</summary>
    internal virtual bool OutputBias => false;

    /// <summary>Do gate, up and down?</summary>
    internal virtual bool GatesBias => false;

    /// <summary>Are q, k and v one product, gate and up another?</summary>
    internal virtual bool IsFused => false;

    /// <summary>Is each head's query and key normalized?</summary>
    internal virtual bool HasHeadNorms => false;

    /// <summary>Do norms multiply with 1 + weight?</summary>
    internal virtual bool NormsAddOne => false;

    /// <summary>The function on the MLP's gate, as config.json names it.</summary>
    internal virtual string Activation => Silu;

    internal const string Silu = "silu", GeluTanh = "gelu_pytorch_tanh";

    internal override IReadOnlyList<LayerShape> ProductsOf(int layer)
    {
        long q = Heads * HeadSize, kv = KeyValueHeads * HeadSize;
        var (attention, mlp) = ($"{LayerPath(layer)}.{AttentionName}.", $"{LayerPath(layer)}.{MlpName}.");
        LayerShape[] reading = IsFused ? [new(attention + "qkv_proj", HiddenSize, q + 2 * kv, QkvBias)] :
            [new(attention + "q_proj", HiddenSize, q, QkvBias), new(attention + "k_proj", HiddenSize, kv, QkvBias), new(attention + "v_proj", HiddenSize, kv, QkvBias)];
        LayerShape[] gates = IsFused ? [new(mlp + "gate_up_proj", HiddenSize, 2 * IntermediateSize, GatesBias)] :
            [new(mlp + "gate_proj", HiddenSize, IntermediateSize, GatesBias), new(mlp + "up_proj", HiddenSize, IntermediateSize, GatesBias)];
        return [.. reading, new(attention + "o_proj", q, HiddenSize, OutputBias), .. gates, new(mlp + "down_proj", IntermediateSize, HiddenSize, GatesBias)];
    }

    internal override IReadOnlyList<(string Name, long Size)> NormsOf(int layer)
    {
        var path = LayerPath(layer);
        (string, long)[] around = [($"{path}.input_layernorm.weight", HiddenSize), ($"{path}.post_attention_layernorm.weight", HiddenSize)];
        return HasHeadNorms ? [($"{path}.self_attn.q_norm.weight", HeadSize), ($"{path}.self_attn.k_norm.weight", HeadSize), .. around] : around;
    }

    internal override IReadOnlyList<(string Name, long[] Shape)> BodyParameters => [("model.norm.weight", [HiddenSize])];

    // Old checkpoints hold the rotary frequencies.
    internal override bool IsNoWeight(string name) => name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal);

    public override void Validate()
    {
        base.Validate();
        if (HeadSize % 2 != 0) throw new ArgumentException($"head_dim is {HeadSize}; the rotary embedding needs an even one");
        if (!(RopeTheta > 0 && double.IsFinite(RopeTheta))) throw new ArgumentException($"rope_theta is {RopeTheta}; it must be a number above 0");
        RopeScaling?.Validate();
    }

    /// <summary>The style's fields of a file over what transformers assumes of the family. The sizes must be there.</summary>
    private protected static LlamaStyleConfig Read(ConfigFields file, LlamaStyleConfig assumed)
    {
        var (theta, scaling) = RotaryFields.Read(file);
        var hidden = file.Whole("hidden_size");
        var heads = file.Whole("num_attention_heads");
        // Heads of a size that does not follow from others are one of a family's assumptions; the others divide the width.
        var headSize = assumed.HeadSize > 0 ? assumed.HeadSize : heads > 0 ? hidden / heads : 0;
        return assumed with
        {
            VocabularySize = file.Whole("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = file.Whole("intermediate_size"),
            Layers = file.Int("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = file.Has("num_key_value_heads") || assumed.KeyValueHeads == 0 ? file.Whole("num_key_value_heads", heads) : assumed.KeyValueHeads,
            HeadSize = file.Whole("head_dim", headSize),
            MaxPositions = file.Whole("max_position_embeddings", assumed.MaxPositions),
            NormEpsilon = file.Real("rms_norm_eps") ?? assumed.NormEpsilon,
            RopeTheta = theta ?? assumed.RopeTheta,
            RopeScaling = scaling,
        };
    }

    internal override void Write(JsonObject json)
    {
        json["attention_dropout"] = ConfigFile.Real(0);
        json["head_dim"] = HeadSize;
        json["hidden_act"] = Activation;
        json["hidden_size"] = HiddenSize;
        json["intermediate_size"] = IntermediateSize;
        json["max_position_embeddings"] = MaxPositions;
        json["num_attention_heads"] = Heads;
        json["num_hidden_layers"] = Layers;
        json["num_key_value_heads"] = KeyValueHeads;
        json["rms_norm_eps"] = ConfigFile.Real(NormEpsilon);
        RotaryFields.Write(json, RopeTheta, RopeScaling);
    }
}
