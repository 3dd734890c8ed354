// Writing .safetensors files and reading whole ones. Same tensors, same bytes: they are ordered as the format's reference
// writer orders them (by element type, widest first, then by name), so a file of ours equals a file of its.

using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One tensor to be written: <paramref name="WriteData"/> writes exactly the bytes that type and shape call for.</summary>
public sealed record SafeTensorsEntry(string Name, SafeTensorsType Type, IReadOnlyList<long> Shape, Action<Stream> WriteData);

/// <summary>Loads and saves the tensors of .safetensors files.</summary>
public static class SafeTensors
{
    private const long PartBytes = 1 << 28; // a Span holds at most 2^31 bytes; tensors may be larger

    /// <summary>Every tensor of a file, on the CPU, by name.</summary>
    public static Dictionary<string, Tensor> Load(string path)
    {
        using var file = SafeTensorsFile.Open(path);
        return file.Names.ToDictionary(name => name, name => file.Read(name), StringComparer.Ordinal);
    }

    /// <summary>Writes the tensors atomically. Tensors on other devices or not contiguous are copied first; the file holds values
    /// alone, so two names for one tensor become two copies.</summary>
    public static void Save(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        SaveBytes(path, tensors.Select(pair => Entry(path, pair.Key, pair.Value)), metadata);

    /// <summary>Writes tensors given as bytes, atomically.</summary>
    public static void SaveBytes(string path, IEnumerable<SafeTensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = entries.OrderByDescending(entry => entry.Type).ThenBy(entry => entry.Name, Utf8Order).ToList();
        var infos = new List<SafeTensorsInfo>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var end = 0L;
        foreach (var entry in ordered)
        {
            if (entry.Name == SafeTensorsHeader.MetadataName) throw new ArgumentException($"{path}: a tensor cannot be named {entry.Name}");
            if (!names.Add(entry.Name)) throw new ArgumentException($"{path}: tensor \"{entry.Name}\" is given twice");
            infos.Add(new(entry.Name, entry.Type, entry.Shape, end, checked(end += SafeTensorsTypes.ByteCount(entry.Type, entry.Shape))));
        }
        var header = SafeTensorsHeader.Compose(path, infos, metadata);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (var (entry, info) in ordered.Zip(infos))
            {
                entry.WriteData(stream);
                var written = stream.Position - header.Length - info.Begin;
                if (written != info.ByteCount)
                    throw new InvalidOperationException($"{path}: tensor \"{entry.Name}\": {written} bytes were written and its type and shape take {info.ByteCount}");
            }
        });
    }

    /// <summary>The torch type of a stored element type, or null where torch here has none.</summary>
    internal static ScalarType? ScalarTypeOf(SafeTensorsType type) => type switch
    {
        SafeTensorsType.BOOL => ScalarType.Bool,
        SafeTensorsType.U8 => ScalarType.Byte,
        SafeTensorsType.I8 => ScalarType.Int8,
        SafeTensorsType.I16 => ScalarType.Int16,
        SafeTensorsType.I32 => ScalarType.Int32,
        SafeTensorsType.I64 => ScalarType.Int64,
        SafeTensorsType.F16 => ScalarType.Float16,
        SafeTensorsType.BF16 => ScalarType.BFloat16,
        SafeTensorsType.F32 => ScalarType.Float32,
        SafeTensorsType.F64 => ScalarType.Float64,
        SafeTensorsType.C64 => ScalarType.ComplexFloat32,
        _ => null,
    };

    /// <summary>Calls <paramref name="visit"/> with consecutive flat parts of a contiguous CPU tensor and each part's byte offset.</summary>
    internal static void ForEachPart(Tensor tensor, Action<Tensor, long> visit)
    {
        if (tensor.NumberOfElements == 0) return;
        using var flat = tensor.view(-1);
        var step = PartBytes / tensor.ElementSize;
        for (var start = 0L; start < tensor.NumberOfElements; start += step)
        {
            using var part = flat.narrow(0, start, Math.Min(step, tensor.NumberOfElements - start));
            visit(part, start * tensor.ElementSize);
        }
    }

    /// <summary>The stored type of a tensor's; the path and the name are for the error.</summary>
    internal static SafeTensorsType TypeOf(string path, string name, ScalarType dtype)
    {
        var types = Enum.GetValues<SafeTensorsType>().Where(type => ScalarTypeOf(type) == dtype).ToList();
        return types.Count > 0 ? types[0] : throw new NotSupportedException($"{path}: tensor \"{name}\": the format has no type for {dtype}");
    }

    /// <summary>A tensor to be written.</summary>
    internal static SafeTensorsEntry Entry(string path, string name, Tensor tensor) => Entry(path, name, tensor.dtype, tensor.shape, () => tensor.detach());

    /// <summary>A tensor that is made when it is written, in a scope that ends then.</summary>
    internal static SafeTensorsEntry Entry(string path, string name, ScalarType dtype, IReadOnlyList<long> shape, Func<Tensor> make)
    {
        return new(name, TypeOf(path, name, dtype), shape, stream =>
        {
            using var scope = NewDisposeScope();
            ForEachPart(make().cpu().contiguous(), (part, _) => stream.Write(part.bytes));
        });
    }

    /// <summary>Names in the order of their UTF-8 bytes, which is that of their code points.</summary>
    private static readonly IComparer<string> Utf8Order = Comparer<string>.Create((left, right) =>
    {
        using var a = left.EnumerateRunes().GetEnumerator();
        using var b = right.EnumerateRunes().GetEnumerator();
        while (true)
        {
            var (moreA, moreB) = (a.MoveNext(), b.MoveNext());
            if (!moreA || !moreB) return moreA.CompareTo(moreB);
            if (a.Current != b.Current) return a.Current.CompareTo(b.Current);
        }
    });
}
