using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How a model's parts are made.</summary>
/// <param name="DType">Type of the weights, float32 unless said.</param>
/// <param name="Device">Where they lie, the CPU unless said.</param>
/// <param name="IsEmpty">Do the linear layers' weights have a shape and no memory, for a file's to be put in their place one by one?</param>
internal sealed record ModelBuild(ScalarType? DType, Device? Device, bool IsEmpty = false)
{
    public AdaptedLinear Linear(long inFeatures, long outFeatures, bool hasBias) =>
        IsEmpty ? AdaptedLinear.Empty(inFeatures, outFeatures, hasBias, DType, Device) : new(inFeatures, outFeatures, hasBias, DType, Device);

    /// <param name="config">The shape.</param>
    /// <param name="tied">Is it the model's head too?</param>
    public AdaptedLinear Embedding(ModelConfig config, bool tied) => IsEmpty
        ? AdaptedLinear.EmptyEmbedding(config.VocabularySize, config.HiddenSize, tied, DType, Device)
        : AdaptedLinear.Embedding(config.VocabularySize, config.HiddenSize, tied, DType, Device);

    public RmsNorm RmsNorm(long size, LlamaStyleConfig config) => new(size, config.NormEpsilon, DType, Device, config.NormsAddOne);

    public LayerNorm LayerNorm(long size, ModelConfig config) => nn.LayerNorm(size, config.NormEpsilon, device: Device, dtype: DType);

    /// <summary>A decoder of the configuration's family.</summary>
    public Decoder Decoder(ModelConfig config, bool tied) => config switch
    {
        LlamaStyleConfig llama => new LlamaModel(llama, tied, this),
        Gpt2Config gpt2 => new Gpt2Model(gpt2, tied, this),
        _ => throw new NotSupportedException($"no decoder is built here for a {config.GetType().Name}"),
    };
}
