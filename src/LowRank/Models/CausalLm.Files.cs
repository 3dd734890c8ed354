// A model's folder in Hugging Face's layout: config.json, model.safetensors or shards with an index, tokenizer.json.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class CausalLm
{
    /// <summary>
    /// Loads a language model of a supported family (Llama, Mistral, Qwen2, Qwen3, Gemma, Phi-3, GPT-2) and, where there is one, its
    /// tokenizer. Weights are read one by one from the mapped files, so memory holds the model and one of its tensors; with
    /// <paramref name="quantize"/> the model in that form and one dense weight.
    /// </summary>
    /// <param name="folder">Holds config.json, model.safetensors (or its shards and their index) and perhaps tokenizer.json.</param>
    /// <param name="dtype">Type of the weights in memory, float32 unless said. Of 16 bits bfloat16; products of it were twice as fast as float32 on a CPU with avx512_bf16 (tests/Benchmarks, precision).</param>
    /// <param name="device">Where the model lives, the CPU unless said.</param>
    /// <param name="quantize">What to store linear layers as while they are read, as <see cref="Nf4.WithDoubleQuantization"/>; they train no more
    /// then, and adapters go on top (QLoRA, arXiv 2305.14314).</param>
    /// <param name="targets">Which layers to quantize; every linear layer but head and embedding if not given.</param>
    /// <exception cref="FileNotFoundException">A file is missing; names it.</exception>
    /// <exception cref="InvalidDataException">The family or a field of config.json is not supported, the weights are pickled, or tensors are missing,
    /// unexpected or of another shape; names the file and every such tensor.</exception>
    /// <exception cref="ArgumentException">A weight has a NaN or infinity or does not fit the format, or no layer matches.</exception>
    /// <exception cref="InvalidOperationException">The embedding shall be quantized, which is read by rows.</exception>
    public static CausalLm Load(string folder, ScalarType? dtype = null, Device? device = null, StorageFormat? quantize = null, TargetPattern? targets = null)
    {
        if (targets is not null && quantize is null) throw new ArgumentException("targets say which layers to quantize; say as what (quantize)");
        var config = ModelFolder.ConfigOf(folder) with { Labels = null };
        using var weights = ModelFolder.Open(folder, config);
        var model = new CausalLm(config, new ModelBuild(dtype, device, IsEmpty: true));
        try
        {
            ModelFolder.Read(model, config, weights, quantize, targets);
            model.Tokenizer = ModelFolder.TokenizerOf(folder);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Saves the model without its adapters, in its family's layout and <see cref="ModelConfig.StoredType"/>, so that this library and
    /// transformers load it. Each file is written whole or not at all.
    /// </summary>
    public void Save(string folder) => ModelFolder.Save(this, Config, Tokenizer, folder);
}
