// The baselines without any new parameter that papers compare adapters with: full fine-tuning of a part of the model, of its last
// layers (as "FT-Top2" in LoRA's tables, arXiv 2106.09685), or of its biases (BitFit, arXiv 2106.10199). Each only says what requires a
// gradient; Trainer.Fit trains that.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Fine-tuning of a part of a model's own parameters.</summary>
public static class SubsetTraining
{
    /// <summary>Trains exactly these parameters of the base model; all others, and all adapters, are frozen.</summary>
    /// <param name="model">Any module.</param>
    /// <param name="parameters">Names of modules or parameters, joined by "|", with "*" for any text: "layers.3", "q_proj|v_proj",
    /// "model.layers.3.*", "*norm.weight"; "*" is full fine-tuning. Any other text is a regular expression for the whole path.</param>
    /// <returns>What trains now.</returns>
    /// <exception cref="ArgumentException">Nothing matches, or one of the names is nobody's; nothing is changed.</exception>
    public static TrainableParameters TrainOnly(this nn.Module model, string parameters) =>
        Train(model, new ParameterPattern(parameters).In([.. Own(model)]), withHead: false);

    /// <summary>Trains the last layers of the stack, and a classifier's head beside them.</summary>
    /// <param name="model">A model with numbered layers.</param>
    /// <param name="count">How many.</param>
    /// <returns>What trains now.</returns>
    /// <exception cref="ArgumentException">The model has fewer layers, or none; nothing is changed.</exception>
    public static TrainableParameters TrainLastLayers(this nn.Module model, int count)
    {
        var numbered = Own(model).Select(path => (Path: path, Index: IndexOf(path))).Where(p => p.Index is not null).ToList();
        var layers = numbered.Count == 0 ? 0 : numbered.Max(p => p.Index!.Value) + 1;
        if (count < 1 || count > layers)
            throw new ArgumentException($"the model has {layers} numbered layers; the last {count} of them can't be trained");
        return Train(model, [.. numbered.Where(p => p.Index >= layers - count).Select(p => p.Path)], withHead: true);
    }

    /// <summary>Trains the biases alone (BitFit), and a classifier's head beside them.</summary>
    /// <param name="model">A model with biases.</param>
    /// <returns>What trains now.</returns>
    /// <exception cref="InvalidOperationException">The model has no biases; nothing is changed.</exception>
    public static TrainableParameters TrainBiases(this nn.Module model)
    {
        var biases = Own(model).Where(path => path.Split('.')[^1] == "bias").ToHashSet();
        return biases.Count > 0 ? Train(model, biases, withHead: true)
            : throw new InvalidOperationException("the model has no biases, so BitFit has nothing to train; a Llama has them with " +
                $"{nameof(LlamaConfig.AttentionBias)} or {nameof(LlamaConfig.MlpBias)}");
    }

    private static IEnumerable<string> Own(nn.Module model) => model.BaseParameters().Select(p => p.Name);

    private static TrainableParameters Train(nn.Module model, HashSet<string> paths, bool withHead)
    {
        foreach (var (name, parameter) in model.named_parameters()) parameter.requires_grad = paths.Contains(name);
        if (withHead && model is SequenceClassifier classifier) classifier.TrainHead(true);
        return TrainableParameters.Of(model);
    }

    /// <summary>The first number in a path: its layer in the stack.</summary>
    private static int? IndexOf(string path)
    {
        foreach (var part in path.Split('.'))
            if (int.TryParse(part, out var index)) return index;
        return null;
    }
}
