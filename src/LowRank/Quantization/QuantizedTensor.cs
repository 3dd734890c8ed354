// A weight as codes and scales, and the formats that make one. A format is a small record (Nf4, Fp4, Nf3, Int8Dynamic, Int8Rows, GroupInt4);
// what it makes knows its shape and source type, counts its bytes, and gives back the weight or some of its rows.
using System.Buffers;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How a weight is stored.</summary>
public abstract record StorageFormat
{
    /// <summary>The weight in this format, on its own device: a float32, bfloat16 or float16 tensor on the CPU or, by kernels, on a GPU (a view
    /// that is not contiguous is copied first).</summary>
    /// <param name="weight">[out, in], or of any other shape where blocks run over the flat weight.</param>
    /// <param name="name">What errors call the tensor.</param>
    /// <exception cref="ArgumentException">A number is NaN or infinite, or the type, device or block size does not fit.</exception>
    /// <exception cref="NotSupportedException">The weight is on a GPU, and the format has no kernels, or they can't be compiled there.</exception>
    public QuantizedTensor Encode(Tensor weight, string? name = null)
    {
        Check();
        Blocks.CheckSource(weight, name);
        using var guard = no_grad();
        using var source = weight.contiguous();
        return KernelLauncher.Has(source) ? MakeByKernels(source, name) : Make(source, name);
    }

    /// <summary>Bytes of a weight [out, in] in this format, scales included: its <see cref="QuantizedTensor.Bytes"/> before it is made.</summary>
    public abstract long BytesOf(long outFeatures, long inFeatures);

    /// <summary>The same for a layer, null for heads and embeddings, which <see cref="ModelQuantization.Quantize"/> leaves dense unless told:
    /// what <see cref="MemoryLedger"/> asks for as storage.</summary>
    public long? BytesOf(LayerShape layer) => TargetPattern.AllLinear.Matches(layer.Path) ? BytesOf(layer.OutFeatures, layer.InFeatures) : null;

    /// <summary>Whose layout it has in files and its name there, as "bitsandbytes__nf4".</summary>
    internal abstract string Kind { get; }

    /// <summary>Refuses options that make no format.</summary>
    private protected abstract void Check();

    /// <summary>The codes of a contiguous weight of a fit type.</summary>
    private protected abstract QuantizedTensor Make(Tensor weight, string? name);

    /// <summary>The same on a GPU.</summary>
    private protected virtual QuantizedTensor MakeByKernels(Tensor weight, string? name) => throw NoKernels();

    internal NotSupportedException NoKernels() => new($"{GetType().Name} has no CUDA kernels; keep weights of this format on the CPU: .cpu() first, or take Nf4, Nf3, Fp4, Int8Rows, Int8Dynamic or GroupInt4");
}

/// <summary>A weight in a <see cref="StorageFormat"/>; it does not change. Dispose it, or leave it to a dispose scope.</summary>
public abstract class QuantizedTensor : IDisposable
{
    private protected QuantizedTensor(IReadOnlyList<long> shape, ScalarType sourceType)
    {
        Shape = [.. shape];
        SourceType = sourceType;
        Elements = Shape.Aggregate(1L, (product, size) => product * size);
    }

    /// <summary>Writes elements [start, start + count) of the flat weight as float32; count is at most <see cref="Blocks.Unit"/>.</summary>
    private protected unsafe delegate void Decoder(long start, int count, float* to);

    /// <summary>What made it.</summary>
    public abstract StorageFormat Format { get; }

    /// <summary>The weight's shape.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The weight's number of elements.</summary>
    public long Elements { get; }

    /// <summary>The weight's type before it was quantized: what <see cref="Dequantize"/> gives unless told.</summary>
    public ScalarType SourceType { get; }

    /// <summary>The codes: uint8, two a byte where they have 4 bits, eight in three where they have 3 (int8 for <see cref="Int8Rows"/>). Belongs to this object.</summary>
    public abstract Tensor Codes { get; }

    /// <summary>Codes, scales and what else there is of this weight's own.</summary>
    public abstract IReadOnlyList<Tensor> Tensors { get; }

    /// <summary>Bytes of all of <see cref="Tensors"/>. The tables of values are the format's, once for all weights.</summary>
    public virtual long Bytes => Tensors.Sum(tensor => tensor.numel() * tensor.ElementSize);

    /// <summary>The weight again, a new tensor of <see cref="Shape"/> on the codes' device, in float32, bfloat16, float16 or float64.</summary>
    public Tensor Dequantize(ScalarType? dtype = null)
    {
        var result = empty([.. Shape], dtype ?? SourceType, Codes.device);
        try
        {
            DequantizeRows(0, result);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Writes rows [first, first + m) of the weight into a contiguous tensor [m, …] on the codes' device: float32, bfloat16,
    /// float16 or float64. On the CPU nothing else of their size is made; on a GPU rows that do not begin and end with a block are copied once.</summary>
    public void DequantizeRows(long first, Tensor into) => DequantizeRows(first, into, CpuRung.AllCores);

    internal unsafe void DequantizeRows(long first, Tensor into, CpuRung rung)
    {
        if (into.dtype is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16 or ScalarType.Float64))
            throw new ArgumentException($"a weight is dequantized to float32, bfloat16, float16 or float64; asked for {into.dtype}");
        if (into.device_type != Codes.device_type || into.device_index != Codes.device_index || !into.is_contiguous())
            throw new ArgumentException($"rows are written into a contiguous tensor on {Codes.device}, where the codes are");
        var shape = into.shape;
        if (shape.Length != Shape.Count || !shape.Skip(1).SequenceEqual(Shape.Skip(1)) || first < 0 || (shape.Length > 0 && first + shape[0] > Shape[0]))
            throw new ArgumentException($"the weight is [{string.Join(", ", Shape)}]; rows from {first} on were asked for in a tensor [{string.Join(", ", shape)}]");

        const int Unit = Blocks.Unit;
        var (type, total) = (into.dtype, into.numel());
        if (total == 0) return;
        var start = first * (total / (shape.Length == 0 ? 1 : shape[0]));
        if (KernelLauncher.Has(Codes))
        {
            DecodeByKernels(start, into, type);
            return;
        }
        var (to, decode) = (LowRank.Elements.Start(into), Open(rung == CpuRung.AllCores ? FourBitKernels.Best : rung));
        var units = (start + total - 1) / Unit - start / Unit + 1;
        if (rung == CpuRung.AllCores) CpuRows.For(units, Unit, Some);
        else Some(0, units);
        GC.KeepAlive((this, into));

        void Some(long begin, long end)
        {
            var rented = type == ScalarType.Float32 ? null : ArrayPool<float>.Shared.Rent(Unit);
            fixed (float* buffer = rented)
                for (var unit = start / Unit + begin; unit < start / Unit + end; unit++)
                {
                    var from = Math.Max(start, unit * Unit);
                    var count = (int)(Math.Min(start + total, (unit + 1) * Unit) - from);
                    decode(from, count, rented is null ? (float*)to + (from - start) : buffer);
                    if (rented is not null) LowRank.Elements.Write(buffer, to, type, from - start, count);
                }
            if (rented is not null) ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>The tensors to save, which share this object's memory and belong to the caller: bitsandbytes' layout for 4 bits, its
    /// 8-bit one for rows of int8, and one after its pattern for the other formats.</summary>
    /// <param name="prefix">The weight's own name, as "model.layers.0.self_attn.q_proj.weight".</param>
    public abstract Dictionary<string, Tensor> ToTensors(string prefix);

    /// <summary>Does a set of tensors have a quantized weight of this name?</summary>
    public static bool IsIn(IReadOnlyDictionary<string, Tensor> tensors, string prefix) =>
        QuantState.Marks(prefix, tensors) || BitsAndBytesLayout.HasRows(prefix, tensors);

    /// <summary>A weight out of the tensors of a file. It shares their memory; further tensors are left alone.</summary>
    /// <param name="prefix">The weight's name.</param>
    /// <param name="tensors">The file's, or those of <see cref="NamesIn"/> alone.</param>
    /// <param name="sourceType">The weight's type before it was quantized where the file does not say, as for rows of int8.</param>
    /// <exception cref="InvalidDataException">A tensor is missing, of another type or shape, or the state beside it makes no sense.</exception>
    public static QuantizedTensor FromTensors(string prefix, IReadOnlyDictionary<string, Tensor> tensors, ScalarType sourceType = ScalarType.Float32)
    {
        using var guard = no_grad();
        if (BitsAndBytesLayout.HasRows(prefix, tensors)) return BitsAndBytesLayout.ReadRows(prefix, tensors, sourceType);
        var state = QuantState.Read(prefix, tensors);
        return BitsAndBytesLayout.Is(state) ? BitsAndBytesLayout.Read(state) : OwnLayout.Read(state);
    }

    /// <summary>The names of a file that belong to a quantized weight, beside the weight's own; none for a dense weight.</summary>
    internal static IReadOnlyList<string> NamesIn(IEnumerable<string> names, string prefix) =>
        [.. names.Where(name => name.StartsWith(prefix + ".", StringComparison.Ordinal) || BitsAndBytesLayout.IsOfRows(prefix, name))];

    /// <summary>The weight on another device, its bytes as they are: a new object, or this one where it lies there already.</summary>
    /// <exception cref="NotSupportedException">The format has no kernels for that device.</exception>
    public QuantizedTensor To(Device device)
    {
        if (device.type == Codes.device_type && (device.index < 0 || device.index == Codes.device_index)) return this;
        using var guard = no_grad();
        return Moved(tensor => tensor.to(device));
    }

    /// <summary>The same weight from tensors that are moved one by one.</summary>
    private protected virtual QuantizedTensor Moved(Func<Tensor, Tensor> move) => throw Format.NoKernels();

    /// <summary>y [n, out] = x [n, in] Wᵀ, or added to y, without the dense weight. False: nothing was done, multiply with the dense one.</summary>
    internal virtual bool TryMultiply(Tensor x, Tensor y, bool accumulate) => false;

    /// <summary>Writes elements [start, start + n) of the flat weight, of whole rows, into n float32, bfloat16 or float16 numbers on the codes' GPU.</summary>
    private protected virtual void DecodeByKernels(long start, Tensor into) => throw Format.NoKernels();

    private void DecodeByKernels(long start, Tensor into, ScalarType type)
    {
        if (type != ScalarType.Float64)
        {
            DecodeByKernels(start, into);
            return;
        }
        using var single = empty(into.shape, ScalarType.Float32, into.device);
        DecodeByKernels(start, single);
        into.copy_(single);
    }

    /// <summary>Keeps the tensors when the dispose scope ends that is open now.</summary>
    public QuantizedTensor DetachFromDisposeScope()
    {
        foreach (var tensor in Tensors) tensor.DetachFromDisposeScope();
        return this;
    }

    public void Dispose()
    {
        foreach (var tensor in Tensors) tensor.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>How kernels of the product read a matrix's rows, or null where they do not know the format. Valid while this object is
    /// alive.</summary>
    internal virtual CodeRows? Rows() => null;

    /// <summary>Looks the tensors up once; what it gives may be called from several threads while this object is alive.</summary>
    private protected abstract Decoder Open(CpuRung rung);
}
