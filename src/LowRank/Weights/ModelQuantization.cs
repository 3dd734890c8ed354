// A whole model's weights in another form: the first of the four axes. Everything is looked at before anything is changed.
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What quantizing a model has saved.</summary>
/// <param name="Layers">Layers whose weight is stored in another form now.</param>
/// <param name="Parameters">Numbers in those weights.</param>
/// <param name="BytesBefore">Bytes that they took.</param>
/// <param name="BytesAfter">Bytes that their codes and scales take.</param>
public sealed record QuantizationSummary(int Layers, long Parameters, long BytesBefore, long BytesAfter)
{
    /// <summary>Bytes a parameter: 0.5159 for NF4 with double quantization in blocks of 64.</summary>
    public double BytesPerParameter => Parameters == 0 ? 0 : (double)BytesAfter / Parameters;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Layers} weights of {Parameters:N0} parameters: {BytesBefore / 1048576.0:N1} MiB, now {BytesAfter / 1048576.0:N1} ({BytesPerParameter:F4} bytes a parameter)");
}

/// <summary>Quantizing a model's linear layers.</summary>
public static class ModelQuantization
{
    /// <summary>Numbers in the weights that are stored as codes, which are no parameters of the module.</summary>
    internal static long QuantizedParameters(this nn.Module model) =>
        model.LinearLayers().Where(l => l.Layer.Weight is QuantizedWeight).Sum(l => l.Layer.InFeatures * l.Layer.OutFeatures);

    /// <summary>The linear layers that a pattern chooses, at least one.</summary>
    internal static IReadOnlyList<(string Path, AdaptedLinear Layer)> LayersIn(this TargetPattern pattern, nn.Module model)
    {
        var layers = model.LinearLayers();
        pattern.RequireIn([.. layers.Select(l => l.Path)]);
        return [.. layers.Where(l => pattern.Matches(l.Path))];
    }

    /// <summary>Stores the weights of linear layers in another form, layer by layer, so that no second copy of the model exists. They train no
    /// more; adapters go on top as on dense weights (QLoRA, arXiv 2305.14314).</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers.</param>
    /// <param name="format">As <see cref="Nf4.WithDoubleQuantization"/>.</param>
    /// <param name="targets">Which layers; every linear layer but heads and embeddings if not given.</param>
    /// <exception cref="ArgumentException">No layer matches, or a weight has a NaN or infinity or does not fit the format; nothing is
    /// changed.</exception>
    /// <exception cref="InvalidOperationException">A layer is quantized already, an embedding, or has a merged adapter; nothing is
    /// changed.</exception>
    public static QuantizationSummary Quantize(this nn.Module model, StorageFormat format, TargetPattern? targets = null)
    {
        var chosen = (targets ?? TargetPattern.AllLinear).LayersIn(model);
        foreach (var (path, layer) in chosen)
        {
            layer.CheckQuantize(path);
            if (WholeModules.Of(model).Covers($"{path}.weight")) throw new InvalidOperationException($"{path} trains whole beside an adapter; leave it out, or quantize before adapting");
            using var grad = no_grad();
            using var weight = layer.Weight.Dequantize();
            OriginalWeights.RequireFinite(path, weight);
        }
        var before = chosen.Sum(l => l.Layer.Weight.Bytes);
        foreach (var (path, layer) in chosen) layer.Quantize(format, path + ".weight");
        return new(chosen.Count, chosen.Sum(l => l.Layer.Weight.OutFeatures * l.Layer.Weight.InFeatures), before, chosen.Sum(l => l.Layer.Weight.Bytes));
    }
}
