// What every family of models has in common. A family (Families/*.cs) is a record of its own: it says what is different about it, and
// how Hugging Face's config.json has it.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// The shape of a decoder: what Hugging Face's <c>config.json</c> says of one, under plain names. Two are equal when their files are.
/// Make one of a family, as <see cref="LlamaConfig"/> or <see cref="Gpt2Config"/>, or read one with <see cref="Load"/>.
/// </summary>
public abstract record ModelConfig
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

    /// <summary>Width of one head; <c>HiddenSize / Heads</c> unless said. <c>Heads × HeadSize</c> need not be <see cref="HiddenSize"/>.</summary>
    public long HeadSize { get => headSize ?? (Heads > 0 ? HiddenSize / Heads : 0); init => headSize = value; }

    /// <summary>The longest sequence the model was made for, in tokens.</summary>
    public long MaxPositions { get; init; } = 2048;

    /// <summary>ε in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The head uses the embedding's weight.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Standard deviation of a fresh model's weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Id of the token that begins a text, if there is one.</summary>
    public int? BeginToken { get; init; }

    /// <summary>Id of the token that ends a text: generation stops there.</summary>
    public int? EndToken { get; init; }

    /// <summary>Ids of further tokens that end a text: chat models have several.</summary>
    public IReadOnlyList<int> FurtherEndTokens { get; init; } = [];

    /// <summary>Id of the token that fills short rows up, if there is one.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>Names of the classes in the order of a classifier's outputs; null for a language model.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>The type that the weights are stored in.</summary>
    public ScalarType StoredType { get; init; } = ScalarType.Float32;

    /// <summary>The shape that a model's folder has in its config.json.</summary>
    /// <param name="path">The folder, or the file.</param>
    /// <exception cref="InvalidDataException">Not JSON, of a family that is not supported, or a field missing or wrong; names file and field.</exception>
    public static ModelConfig Load(string path) => File.Exists(path) ? ConfigFile.Read(path) : ModelFolder.ConfigOf(path);

    /// <summary>Weights of the whole model (a tied head counts once).</summary>
    public long ParameterCount => Parameters().Sum(p => p.Shape.Aggregate(1L, (product, n) => product * n));

    /// <summary>The linear layers of such a model with their paths, the embedding first and the head last where it is one of its own: what
    /// <see cref="LayerShapes.CountTrainable"/> counts without making the model.</summary>
    public IReadOnlyList<LayerShape> LinearLayers() => [Embedding, .. Products()];

    /// <summary>Does this token end a text?</summary>
    internal bool Ends(long token) => token == EndToken || FurtherEndTokens.Contains((int)token);

    // What a family decides. The names are those of modules, which are the tensors' in files.

    /// <summary>The file's "model_type".</summary>
    internal abstract string ModelType { get; }

    /// <summary>The family's name in front of transformers' classes, as "Llama" in LlamaForSequenceClassification.</summary>
    internal abstract string ClassPrefix { get; }

    /// <summary>Transformers' class of the language model.</summary>
    internal virtual string LanguageClass => $"{ClassPrefix}ForCausalLM";

    /// <summary>Everything but the head.</summary>
    internal abstract string BodyName { get; }

    /// <summary>The table that is read by rows.</summary>
    internal abstract LayerShape Embedding { get; }

    /// <summary>The path of a decoder layer.</summary>
    internal abstract string LayerPath(int layer);

    /// <summary>Attention and MLP within a layer.</summary>
    internal abstract string AttentionName { get; }

    /// <inheritdoc cref="AttentionName"/>
    internal virtual string MlpName => "mlp";

    /// <summary>A layer's products in the order of its forward.</summary>
    internal abstract IReadOnlyList<LayerShape> ProductsOf(int layer);

    /// <summary>A layer's other parameters, all of norms, with their lengths.</summary>
    internal abstract IReadOnlyList<(string Name, long Size)> NormsOf(int layer);

    /// <summary>The parameters beside embedding, layers and head.</summary>
    internal abstract IReadOnlyList<(string Name, long[] Shape)> BodyParameters { get; }

    /// <summary>How many tokens back a layer's attention sees, the token itself counted; null: all.</summary>
    internal virtual long? WindowOf(int layer) => null;

    /// <summary>What the embedding's rows are multiplied with.</summary>
    internal virtual double EmbeddingScale => 1;

    /// <summary>Does a file hold this weight as [in, out]? The model has all of them as [out, in].</summary>
    internal virtual bool IsStoredTurned(string weight) => false;

    /// <summary>Names in old checkpoints that hold no weights.</summary>
    internal virtual bool IsNoWeight(string name) => false;

    /// <summary>The family's fields of config.json.</summary>
    internal abstract void Write(JsonObject json);

    /// <summary>The layers that multiply: those of the stack, then the head where it is one of its own.</summary>
    internal IReadOnlyList<LayerShape> Products()
    {
        List<LayerShape> layers = [.. Enumerable.Range(0, Layers).SelectMany(ProductsOf)];
        if (HeadRows > 0) layers.Add(new(Labels is null ? "lm_head" : SequenceClassifier.HeadName, HiddenSize, HeadRows));
        return layers;
    }

    /// <summary>Every parameter, under its name in a state dict.</summary>
    internal IEnumerable<(string Name, long[] Shape)> Parameters()
    {
        static IEnumerable<(string, long[])> Of(LayerShape layer) => layer.HasBias
            ? [($"{layer.Path}.weight", [layer.OutFeatures, layer.InFeatures]), ($"{layer.Path}.bias", [layer.OutFeatures])]
            : [($"{layer.Path}.weight", [layer.OutFeatures, layer.InFeatures])];
        return Of(Embedding)
            .Concat(Enumerable.Range(0, Layers).SelectMany(i => ProductsOf(i).SelectMany(Of).Concat(NormsOf(i).Select(n => (n.Name, new[] { n.Size })))))
            .Concat(BodyParameters)
            .Concat(Products().Skip(Layers * ProductsOf(0).Count).SelectMany(Of));
    }

    /// <summary>Rows of a head of its own, 0 where it is the embedding.</summary>
    private long HeadRows => Labels?.Count ?? (TiedEmbeddings ? 0 : VocabularySize);

    /// <inheritdoc/>
    public virtual bool Equals(ModelConfig? other) => other is not null && ConfigFile.Write(this) == ConfigFile.Write(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ConfigFile.Write(this).GetHashCode(StringComparison.Ordinal);

    /// <summary>Refuses what no model can be built from.</summary>
    /// <exception cref="ArgumentException">A size is not positive, or the heads do not divide; names the field.</exception>
    public virtual void Validate()
    {
        foreach (var (name, value) in new (string, long)[]
        {
            ("vocab_size", VocabularySize), ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize),
            ("num_hidden_layers", Layers), ("num_attention_heads", Heads), ("num_key_value_heads", KeyValueHeads),
            ("head_dim", HeadSize), ("max_position_embeddings", MaxPositions),
        })
            RequirePositive(name, value);
        foreach (var (name, value) in new[] { ("the norms' epsilon", NormEpsilon), ("initializer_range", InitializerRange) })
            if (!(value >= 0 && double.IsFinite(value))) throw new ArgumentException($"{name} is {value}; it must be a number from 0 on");
        if (Heads % KeyValueHeads != 0)
            throw new ArgumentException($"num_attention_heads ({Heads}) must be a multiple of num_key_value_heads ({KeyValueHeads})");
        if (Labels is not null && (Labels.Count == 0 || Labels.Any(string.IsNullOrWhiteSpace) || Labels.Distinct().Count() < Labels.Count))
            throw new ArgumentException($"the labels are {string.Join(", ", Labels.Select(l => $"\"{l}\""))}; a classifier needs at least one, each with a name of its own");
    }

    private protected static void RequirePositive(string name, long? value)
    {
        if (value <= 0) throw new ArgumentException($"{name} is {value}; it must be at least 1");
    }
}
