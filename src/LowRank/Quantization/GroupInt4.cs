// Integers of 4 bits in groups of neighbouring inputs, with zero points in floating point (QA-LoRA, arXiv 2309.14717, section 3.2):
//   scale = (max - min) / 15,  zero = -min / scale,  q = round(w / scale + zero) in 0 … 15,  w ≈ scale (q - zero)
// An adapter that is constant over each group merges into the zeros exactly, whatever the codes.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>4-bit integers with a scale and a zero point for each group of a row. The error of a number is at most half its group's scale.</summary>
public sealed unsafe record GroupInt4 : StorageFormat
{
    /// <summary>Neighbouring inputs that share a scale and a zero; a row's last group may have fewer.</summary>
    public int GroupSize { get; init; } = 32;

    /// <summary>A weight [out, in] in groups of int4. Errors as <see cref="StorageFormat.Encode"/>.</summary>
    public static GroupInt4Tensor Quantize(Tensor weight, int groupSize = 32, string? name = null) =>
        (GroupInt4Tensor)new GroupInt4 { GroupSize = groupSize }.Encode(weight, name);

    internal override string Kind => OwnLayout.Groups;

    public override long BytesOf(long outFeatures, long inFeatures) =>
        outFeatures * ((inFeatures + 1) / 2 + ((inFeatures - 1) / GroupSize + 1) * 2 * sizeof(float));

    private protected override void Check()
    {
        if (GroupSize < 1) throw new ArgumentException($"a group has at least one input; asked for {GroupSize}");
    }

    private protected override QuantizedTensor MakeByKernels(Tensor weight, string? name)
    {
        CheckShape(weight, name);
        return CudaStorage.Quantize(this, weight, name);
    }

    private static void CheckShape(Tensor weight, string? name)
    {
        if (weight.dim() != 2) throw new ArgumentException($"{Blocks.Named(name)} is [{string.Join(", ", weight.shape)}]; groups run along the inputs of a matrix [out, in]");
    }

    private protected override QuantizedTensor Make(Tensor weight, string? name)
    {
        CheckShape(weight, name);
        var width = checked((int)weight.shape[1]);
        var (groups, bytes, size) = ((width + GroupSize - 1) / GroupSize, (width + 1) / 2, GroupSize);
        var codes = empty([weight.shape[0], bytes], ScalarType.Byte);
        var scales = empty([weight.shape[0], groups], ScalarType.Float32);
        var zeros = empty([weight.shape[0], groups], ScalarType.Float32);
        var to = Elements.Bytes(codes);
        float* scale = Elements.Singles(scales), zero = Elements.Singles(zeros);
        try
        {
            Blocks.Run(weight, width, name, (start, count, x) =>
            {
                if (FourBitKernels.AbsMaxBits(x, count, FourBitKernels.Best) >= Blocks.NotFinite) return false;
                var row = start / width;
                var packed = to + row * bytes;
                new Span<byte>(packed, bytes).Clear();
                for (var group = 0; group < groups; group++)
                {
                    var (first, last) = (group * size, Math.Min(width, (group + 1) * size));
                    var (step, point) = (scale[row * groups + group], zero[row * groups + group]) = GroupInt4Kernels.Range(x + first, last - first, FourBitKernels.Best);
                    GroupInt4Kernels.Quantize(x + first, first, last - first, step, point, packed, FourBitKernels.Best);
                }
                return true;
            });
        }
        catch
        {
            codes.Dispose();
            scales.Dispose();
            zeros.Dispose();
            throw;
        }
        return new GroupInt4Tensor(this, weight.shape, weight.dtype, codes, scales, zeros);
    }
}

/// <summary>A weight in <see cref="GroupInt4"/>.</summary>
public sealed unsafe class GroupInt4Tensor : QuantizedTensor
{
    internal GroupInt4Tensor(GroupInt4 format, IReadOnlyList<long> shape, ScalarType sourceType, Tensor codes, Tensor scales, Tensor zeros) : base(shape, sourceType) =>
        (Format, Codes, Scales, Zeros) = (format, codes, scales, zeros);

    public override GroupInt4 Format { get; }

    /// <summary>uint8 [out, in / 2 rounded up]: two codes each, the first input in the high nibble.</summary>
    public override Tensor Codes { get; }

    /// <summary>float32 [out, groups]. Belongs to this object.</summary>
    public Tensor Scales { get; }

    /// <summary>float32 [out, groups], in units of the scale; a merge moves them off the integers. Belongs to this object.</summary>
    public Tensor Zeros { get; }

    public override IReadOnlyList<Tensor> Tensors => [Codes, Scales, Zeros];

    public override Dictionary<string, Tensor> ToTensors(string prefix) => OwnLayout.Write(this, prefix);

    /// <summary>The same codes with other scales and zeros [out, groups], which are copied: what merging an adapter of QA-LoRA makes.</summary>
    public GroupInt4Tensor With(Tensor scales, Tensor zeros)
    {
        foreach (var (what, tensor) in new[] { ("scales", scales), ("zeros", zeros) })
        {
            if (!tensor.shape.SequenceEqual(Scales.shape))
                throw new ArgumentException($"the {what} are [{string.Join(", ", Scales.shape)}]; the new ones are [{string.Join(", ", tensor.shape)}]");
            using var finite = tensor.isfinite();
            using var all = finite.all();
            if (!all.item<bool>()) throw new ArgumentException($"the new {what} are not all finite");
        }
        using var guard = no_grad();
        return new(Format, Shape, SourceType, Codes.clone(), Own(scales), Own(zeros));

        Tensor Own(Tensor tensor)
        {
            using var narrow = tensor.detach();
            using var single = narrow.to(ScalarType.Float32);
            var copy = empty(tensor.shape, ScalarType.Float32, Codes.device);
            copy.copy_(single);
            return copy;
        }
    }

    private protected override QuantizedTensor Moved(Func<Tensor, Tensor> move) => new GroupInt4Tensor(Format, Shape, SourceType, move(Codes), move(Scales), move(Zeros));

    private protected override void DecodeByKernels(long start, Tensor into) => CudaStorage.Dequantize(this, start, into);

    private static readonly float[] Integers = [.. Enumerable.Range(0, 16).Select(code => (float)code)];

    internal override CodeRows? Rows()
    {
        if (!int.IsPow2(Format.GroupSize)) return null;
        var (scales, zeros) = ((nint)LowRank.Elements.Singles(Scales), (nint)LowRank.Elements.Singles(Zeros));
        return new()
        {
            Codes = LowRank.Elements.Start(Codes), BytesPerRow = Codes.shape[1], Table = Integers, BlockShift = int.Log2(Format.GroupSize), BlocksPerRow = Scales.shape[1],
            Scales = (first, count, to, _) => Copy(scales, first, count, to), Zeros = (first, count, to, _) => Copy(zeros, first, count, to),
        };

        static void Copy(nint from, long first, int count, float* to) => new ReadOnlySpan<float>((float*)from + first, count).CopyTo(new Span<float>(to, count));
    }

    private protected override Decoder Open(CpuRung rung)
    {
        var codes = LowRank.Elements.Bytes(Codes);
        float* scales = LowRank.Elements.Singles(Scales), zeros = LowRank.Elements.Singles(Zeros);
        var (size, width, groups, bytes) = (Format.GroupSize, Shape[1], Scales.shape[1], Codes.shape[1]);
        return (start, count, to) =>
        {
            var (row, first) = ((int)(start / width), (int)(start % width));
            var (group, end) = (first / size, (int)Math.Min(width, (first / size + 1L) * size));
            for (var done = 0; done < count;)
            {
                var part = Math.Min(end - first, count - done);
                var at = row * groups + group;
                GroupInt4Kernels.Dequantize(codes + row * bytes, first, part, scales[at], zeros[at], to + done, rung);
                (done, first, group) = (done + part, end, group + 1);
                if (first == width) (row, first, group) = (row + 1, 0, 0);
                end = (int)Math.Min(width, first + (long)size);
            }
        };
    }
}
