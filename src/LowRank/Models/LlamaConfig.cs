using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// The shape of a Llama-style decoder: what Hugging Face's <c>config.json</c> says of one, under plain names. Two are equal when their
/// files are.
/// </summary>
public sealed record LlamaConfig
{
    private readonly long? headSize;

    /// <summary>Tokens in the vocabulary: rows of the embedding and of the head.</summary>
    public required long VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required long HiddenSize { get; init; }

    /// <summary>Width between the MLP's products.</summary>
    public required long IntermediateSize { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads of a layer.</summary>
    public required long Heads { get; init; }

    /// <summary>Key and value heads; each serves <c>Heads / KeyValueHeads</c> query heads (grouped-query attention).</summary>
    public required long KeyValueHeads { get; init; }

    /// <summary>Width of one head, even; <c>HiddenSize / Heads</c> unless said. <c>Heads × HeadSize</c> need not be <see cref="HiddenSize"/>.</summary>
    public long HeadSize { get => headSize ?? (Heads > 0 ? HiddenSize / Heads : 0); init => headSize = value; }

    /// <summary>The longest sequence the model was made for, in tokens.</summary>
    public long MaxPositions { get; init; } = 2048;

    /// <summary>ε in RMSNorm.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Base of the rotary embedding's frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>The head uses the embedding's weight.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>q, k, v and o have biases.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>gate, up and down have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Standard deviation of a fresh model's weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Id of the token that begins a text, if there is one.</summary>
    public int? BeginToken { get; init; }

    /// <summary>Id of the token that ends a text: generation stops there.</summary>
    public int? EndToken { get; init; }

    /// <summary>Id of the token that fills short rows up, if there is one.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>Names of the classes in the order of a classifier's outputs; null for a language model.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>The type that the weights are stored in.</summary>
    public ScalarType StoredType { get; init; } = ScalarType.Float32;

    /// <summary>Weights of the whole model (a tied head counts once).</summary>
    public long ParameterCount
    {
        get
        {
            long q = Heads * HeadSize, kv = KeyValueHeads * HeadSize;
            var attention = HiddenSize * (2 * q + 2 * kv) + (AttentionBias ? q + 2 * kv + HiddenSize : 0);
            var mlp = 3 * HiddenSize * IntermediateSize + (MlpBias ? 2 * IntermediateSize + HiddenSize : 0);
            var embeddings = (VocabularySize + HeadRows) * HiddenSize;
            return embeddings + Layers * (attention + mlp + 2 * HiddenSize) + HiddenSize;
        }
    }

    /// <summary>The linear layers of such a model with their paths, the embedding first and the head last where it is one of its own: what
    /// <see cref="LayerShapes.CountTrainable"/> counts without making the model.</summary>
    public IReadOnlyList<LayerShape> LinearLayers() => [Embedding, .. Products()];

    /// <summary>The table that is read by rows.</summary>
    internal LayerShape Embedding => new("model.embed_tokens", HiddenSize, VocabularySize);

    /// <summary>The layers that multiply: seven for each of the stack, then the head where it is one of its own.</summary>
    internal IReadOnlyList<LayerShape> Products()
    {
        long q = Heads * HeadSize, kv = KeyValueHeads * HeadSize;
        var layers = new List<LayerShape>();
        for (var i = 0; i < Layers; i++)
        {
            var (attention, mlp) = ($"model.layers.{i}.self_attn.", $"model.layers.{i}.mlp.");
            layers.AddRange([new(attention + "q_proj", HiddenSize, q), new(attention + "k_proj", HiddenSize, kv),
                new(attention + "v_proj", HiddenSize, kv), new(attention + "o_proj", q, HiddenSize), new(mlp + "gate_proj", HiddenSize, IntermediateSize),
                new(mlp + "up_proj", HiddenSize, IntermediateSize), new(mlp + "down_proj", IntermediateSize, HiddenSize)]);
        }
        if (HeadRows > 0) layers.Add(new(Labels is null ? "lm_head" : SequenceClassifier.HeadName, HiddenSize, HeadRows));
        return layers;
    }

    /// <summary>Rows of a head of its own, 0 where it is the embedding.</summary>
    private long HeadRows => Labels?.Count ?? (TiedEmbeddings ? 0 : VocabularySize);

    /// <inheritdoc/>
    public bool Equals(LlamaConfig? other) => other is not null && LlamaConfigFile.Write(this) == LlamaConfigFile.Write(other);

    /// <inheritdoc/>
    public override int GetHashCode() => LlamaConfigFile.Write(this).GetHashCode(StringComparison.Ordinal);

    /// <summary>Refuses what no model can be built from.</summary>
    /// <exception cref="ArgumentException">A size is not positive, the heads do not divide, or a head is odd; names the field.</exception>
    public void Validate()
    {
        foreach (var (name, value) in new (string, long)[]
        {
            ("vocab_size", VocabularySize), ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize),
            ("num_hidden_layers", Layers), ("num_attention_heads", Heads), ("num_key_value_heads", KeyValueHeads),
            ("head_dim", HeadSize), ("max_position_embeddings", MaxPositions),
        })
            if (value <= 0)
                throw new ArgumentException($"{name} is {value}; it must be at least 1");
        if (Heads % KeyValueHeads != 0)
            throw new ArgumentException($"num_attention_heads ({Heads}) must be a multiple of num_key_value_heads ({KeyValueHeads})");
        if (HeadSize % 2 != 0)
            throw new ArgumentException($"head_dim is {HeadSize}; the rotary embedding needs an even one");
        if (Labels is not null && (Labels.Count == 0 || Labels.Any(string.IsNullOrWhiteSpace) || Labels.Distinct().Count() < Labels.Count))
            throw new ArgumentException($"the labels are {string.Join(", ", Labels.Select(l => $"\"{l}\""))}; a classifier needs at least one, each with a name of its own");
    }
}
