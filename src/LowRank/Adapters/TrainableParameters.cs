// How much trains: the line that every lesson prints.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Parameters of a model, and how many of them train. Merged or inactive adapters count among all.</summary>
/// <param name="Trainable">Elements of tensors that require a gradient.</param>
/// <param name="Total">Elements of all parameters, and of weights that are stored as codes.</param>
/// <param name="TrainableBytes">Bytes of the former: about what an adapter file takes.</param>
public sealed record TrainableParameters(long Trainable, long Total, long TrainableBytes)
{
    /// <summary>Trainable / Total.</summary>
    public double Share => Total == 0 ? 0 : (double)Trainable / Total;

    public static TrainableParameters Of(nn.Module model)
    {
        long trainable = 0, total = 0, bytes = 0;
        foreach (var (_, parameter) in model.named_parameters())
        {
            var count = parameter.numel();
            total += count;
            if (!parameter.requires_grad) continue;
            trainable += count;
            bytes += count * parameter.ElementSize;
        }
        return new(trainable, total + model.QuantizedParameters(), bytes);
    }

    public override string ToString() => $"trainable: {Trainable:N0} of {Total:N0} parameters ({Share:P2})";
}
