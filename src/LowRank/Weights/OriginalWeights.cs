// Weights from before they were quantized: what going back to a finer storage, or knowing what the codes lost, needs. They stay in host
// memory, or in the model's own file, which is mapped and takes none; a layer that lies on a GPU gets them there one at a time.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The weights of a model's linear layers as they were before quantizing, by the layers' paths.</summary>
public sealed class OriginalWeights : IDisposable
{
    private readonly IReadOnlyDictionary<string, Tensor> kept;
    private readonly ModelWeights? file;

    private OriginalWeights(IReadOnlyDictionary<string, Tensor> kept, ModelWeights? file) => (this.kept, this.file) = (kept, file);

    /// <summary>Keeps dense weights when they are quantized next: on the CPU their memory is not copied and not given back, of a GPU's they are
    /// copies.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers.</param>
    /// <param name="targets">Which of its layers; every linear layer but heads and embeddings if not given.</param>
    /// <exception cref="InvalidOperationException">A layer is quantized already.</exception>
    public static OriginalWeights InMemory(nn.Module model, TargetPattern? targets = null)
    {
        return InMemory((targets ?? TargetPattern.AllLinear).LayersIn(model));
    }

    internal static OriginalWeights InMemory(IReadOnlyList<(string Path, AdaptedLinear Layer)> layers)
    {
        if (layers.FirstOrDefault(l => l.Layer.Weight is QuantizedWeight) is { Layer: not null } gone)
            throw new InvalidOperationException($"{gone.Path} is quantized already, and its original weight is not here; OriginalWeights.InFile reads it from a folder or file");
        using var grad = no_grad();
        return new(layers.ToDictionary(l => l.Path, l => OnHost(l.Layer.Weight.Parameter!)), null);

        static Tensor OnHost(Tensor weight)
        {
            using var constant = weight.detach();
            return constant.cpu().DetachFromDisposeScope();
        }
    }

    /// <summary>Reads weights from a .safetensors file, or a model's folder, whenever they are needed.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static OriginalWeights InFile(string path)
    {
        if (Directory.Exists(path)) return new(new Dictionary<string, Tensor>(), ModelWeights.Open(path, ModelFolder.ConfigOf(path)));
        return File.Exists(path) ? new(new Dictionary<string, Tensor>(), ModelWeights.OpenFile(path))
            : throw new FileNotFoundException($"{path} does not exist; original weights are read from a model's folder or a .safetensors file", path);
    }

    /// <summary>Bytes of host memory that they hold: none for a file.</summary>
    public long Bytes => kept.Values.Sum(tensor => tensor.numel() * tensor.ElementSize);

    /// <summary>Where they are, for messages.</summary>
    public override string ToString() => file?.Path ?? "the weights kept in memory";

    /// <summary>A layer's weight [out, in] in the given type, on the CPU. It may share the memory of the one that is kept: read it only, and dispose it.</summary>
    /// <exception cref="KeyNotFoundException">There is none for that layer; says which are near.</exception>
    public Tensor Read(string path, ScalarType dtype)
    {
        if (file is not null) return file.Read(NameOf(path), dtype);
        if (!kept.TryGetValue(path, out var tensor)) throw new KeyNotFoundException($"no original weight of \"{path}\" is kept{NearestNames.Suggest(path, kept.Keys)}");
        return tensor.to(dtype);
    }

    /// <summary>The same in the type and on the device of what the layer has now.</summary>
    internal Tensor Read(string path, FrozenWeight like)
    {
        using var host = Read(path, like.DataType);
        return host.to(like.Device);
    }

    /// <summary>Throws unless a layer's weight is this original, or what its storage format makes of it, bit for bit.</summary>
    internal void RequireOf(string path, FrozenWeight weight)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        if (file is not null && file.Contains(NameOf(path)) && !ModelWeights.IsDense(file.TypeOf(NameOf(path))))
            throw new ArgumentException($"{file.Path} holds codes for {NameOf(path)}, not its original numbers; name the dense model's file");
        var original = Read(path, weight);
        if (!original.shape.SequenceEqual([weight.OutFeatures, weight.InFeatures]))
            throw new ArgumentException($"{this}: the weight of {path} is [{string.Join(", ", original.shape)}], the model's [{weight.OutFeatures}, {weight.InFeatures}]");
        RequireFinite(path, original);
        var same = weight is QuantizedWeight { Stored: var stored }
            ? IsMadeOf(original, stored) || (original.device_type != DeviceType.CPU && IsMadeOf(original.cpu(), stored.To(CPU)))     // and moved then
            : Same(original, weight.Dequantize());
        if (!same)
            throw new ArgumentException($"{this}: the weight of {path} is not what the model's " + (weight is QuantizedWeight ? "codes were made from" : "is") +
                "; another model's, rounded, or the model's has been merged into or restarted since");
    }

    internal static void RequireFinite(string path, Tensor weight)
    {
        using var finite = weight.isfinite();
        using var all = finite.all();
        if (!all.item<bool>()) throw new ArgumentException($"{path}.weight has a NaN or infinity, which no code stands for");
    }

    public void Dispose()
    {
        foreach (var tensor in kept.Values) tensor.Dispose();
        file?.Dispose();
    }

    private static string NameOf(string path) => path.Length == 0 ? "weight" : $"{path}.weight";

    private static bool IsMadeOf(Tensor original, QuantizedTensor stored) =>
        stored.Format.Encode(original).Tensors.Zip(stored.Tensors).All(pair => Same(pair.First, pair.Second));

    private static bool Same(Tensor left, Tensor right) => left.shape.SequenceEqual(right.shape) && left.eq(right).all().item<bool>();
}
