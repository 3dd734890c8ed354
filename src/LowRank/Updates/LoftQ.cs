// LoftQ (arXiv 2310.08659, algorithm 1): W is stored as codes Q, and A and B begin at the leading part of what the codes lost. T times, from
// A = B = 0:
//   Q = quantize(W − s·BA);   U S Vᵀ = W − Q;   B = U √(S/s),  A = √(S/s) Vᵀ,  the first r of each
// so that Q + s·BA is nearer to W than Q alone. The paper has no s, and PEFT leaves it out: there Q = quantize(W − BA) and BA is all of the
// part, so that at s = 2 the leading part is as wrong as it was, with the other sign, and beyond that the start is worse than Q alone. Here
// s·BA is the part unless PEFT's numbers are asked for; at s = 1 both are the same.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How <see cref="LoraInit.LoftQ"/> begins.</summary>
public sealed partial record LoftQ
{
    /// <summary>How the base weight is stored from then on.</summary>
    public StorageFormat Format { get; init; } = Nf4.WithDoubleQuantization;

    /// <summary>T; each takes an SVD of every target. With one, Q is what quantizing W gives; with more it is not, so save the model beside
    /// the adapter, or load the adapter onto the dense model, which becomes the same Q.</summary>
    public int Iterations { get; init; } = 1;

    /// <summary>Is s·BA the part that Q lost? Otherwise BA is, as in PEFT.</summary>
    public bool DividesByScale { get; init; } = true;

    /// <summary>A model's folder or a .safetensors file with the weights from before quantizing, for a model that is quantized already.</summary>
    public string? Originals { get; init; }

    internal void Validate(double scale)
    {
        if (Iterations < 1) throw new ArgumentException($"LoftQ needs at least one iteration; it has {Iterations}");
        if (DividesByScale && scale <= 0) throw new ArgumentException($"LoftQ divides by the scale, which must be positive; it is {scale}");
    }

    /// <summary>Refuses targets that it can't begin on: quantized ones whose original weights nobody gave.</summary>
    internal void CheckStart(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets)
    {
        foreach (var (path, layer) in targets)
            if (layer.Weight is QuantizedWeight { Stored.Format: var format } && Originals is null)
                throw new InvalidOperationException($"{path} is stored as {format.GetType().Name} already, and LoftQ begins with what that lost of the weight: " +
                    "load the dense model and leave the quantizing to LoftQ, or name the folder of the dense model (WithLoftQ(…, originals: \"folder\"))");
    }

    /// <summary>Gives every update its start, and the codes that its layer takes with it; nothing of the model is changed. Quantized layers
    /// without originals are left as they are, for a file's A and B.</summary>
    internal void Start(IReadOnlyList<(string Path, AdaptedLinear Layer)> targets, IReadOnlyList<Update> updates)
    {
        using var file = Originals is null ? null : OriginalWeights.InFile(Originals);
        foreach (var ((path, layer), update) in targets.Zip(updates))
        {
            if (layer.IsEmbedding) throw new ArgumentException($"{path} is an embedding, which is read by rows and can't be quantized; leave it out of LoftQ's targets");
            if (layer.Weight is QuantizedWeight { Stored.Format: var format } && format != Format)
                throw new ArgumentException($"{path} is stored as {format}; LoftQ was asked for {Format}. Name the format that the model has");
            file?.RequireOf(path, layer.Weight);
            if (file is null && layer.Weight is QuantizedWeight) continue;
            using var original = file?.Read(path, layer.Weight) ?? layer.Weight.Dequantize();
            ((LowRankUpdate)update).StartFromQuantizing(original, this, path + ".weight");
        }
    }

    /// <summary>A [r, in], B [out, r] and the codes of W [out, in]; by float64, A and B in float32 or wider.</summary>
    internal (Tensor A, Tensor B, QuantizedTensor Codes) Of(Tensor weight, long rank, double scale, string? name)
    {
        using var scope = NewDisposeScope();
        var divisor = DividesByScale ? scale : 1;
        var exact = weight.to(ScalarType.Float64);
        Tensor a = null!, b = null!;
        QuantizedTensor? codes = null;
        for (var i = 0; i < Iterations; i++)
        {
            codes?.Dispose();
            codes = Format.Encode(i == 0 ? weight : exact.sub(b.mm(a).mul(divisor)).to(weight.dtype), name);        // [out, r] x [r, in]
            (a, b) = LoraStart.Leading(LoraInit.Pissa, exact.sub(codes.Dequantize(ScalarType.Float64)), rank, divisor);
        }
        var wide = FrozenWeight.Wide(weight.dtype);
        return (a.to(wide, copy: true).MoveToOuterDisposeScope(), b.to(wide, copy: true).MoveToOuterDisposeScope(), codes!.DetachFromDisposeScope());
    }
}
