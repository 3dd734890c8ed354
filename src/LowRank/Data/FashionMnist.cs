// Reads Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747): 70,000 grey pictures of clothes, 28 × 28, in ten classes. An idx
// file is gzipped: two zero bytes, the type (8: bytes), the number of dimensions, each dimension big-endian in 4 bytes, the bytes.

using System.Buffers.Binary;
using System.IO.Compression;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Fashion-MNIST, from Debian's package dataset-fashion-mnist or a folder that the environment variable FASHION_MNIST names.</summary>
public static class FashionMnist
{
    private const string DebianFolder = "/usr/share/datasets/fashion-mnist";

    /// <summary>What the labels 0 to 9 stand for.</summary>
    public static IReadOnlyList<string> Classes { get; } =
        ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    /// <summary>Pictures float32 [n, 28, 28], 0 black to 1 white, and labels int64 [n]: 60,000 to train with or 10,000 to test with.</summary>
    /// <param name="train">The training part.</param>
    /// <param name="folder">Where the four .gz files lie; FASHION_MNIST or Debian's folder if left out.</param>
    /// <exception cref="FileNotFoundException">A file is missing; says how to install it.</exception>
    /// <exception cref="InvalidDataException">A file is not what its name says; names it.</exception>
    public static (Tensor Pictures, Tensor Labels) Load(bool train = true, string? folder = null)
    {
        folder ??= Environment.GetEnvironmentVariable("FASHION_MNIST") is { Length: > 0 } named ? named : DebianFolder;
        var part = train ? "train" : "t10k";
        var (pictures, shape) = Read(Path.Combine(folder, $"{part}-images-idx3-ubyte.gz"), 3);
        var (labels, count) = Read(Path.Combine(folder, $"{part}-labels-idx1-ubyte.gz"), 1);
        if (count[0] != shape[0]) throw new InvalidDataException($"{folder} has {shape[0]} pictures to {part} and {count[0]} labels");
        if (Array.FindIndex(labels, label => label >= Classes.Count) is >= 0 and var wrong)
            throw new InvalidDataException($"{folder}: label {wrong} of {part} is {labels[wrong]}; there are ten classes");
        using var bytes = tensor(pictures, ScalarType.Byte);
        using var numbers = bytes.to(ScalarType.Float32);
        using var names = tensor(labels, ScalarType.Byte);
        return (numbers.div(255).reshape(shape), names.to(ScalarType.Int64));
    }

    private static (byte[] Bytes, long[] Shape) Read(string path, int dimensions)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path} is missing: install Fashion-MNIST with `apt-get install dataset-fashion-mnist`, or set FASHION_MNIST to the folder that holds it", path);
        try
        {
            using var file = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            Span<byte> header = stackalloc byte[4 + 4 * dimensions];
            file.ReadExactly(header);
            if (header[..4] is not [0, 0, 8, var d] || d != dimensions) throw new InvalidDataException($"{path} is no idx file of bytes in {dimensions} dimensions");
            var shape = new long[dimensions];
            for (var i = 0; i < dimensions; i++) shape[i] = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
            var size = shape.Aggregate(1L, (product, side) => product > int.MaxValue ? product : product * side);
            if (size is 0 or > 1 << 28) throw new InvalidDataException($"{path} says that it is [{string.Join(", ", shape)}], which Fashion-MNIST is not");
            var bytes = new byte[size];
            file.ReadExactly(bytes);
            if (file.ReadByte() >= 0) throw new InvalidDataException($"{path} has more bytes than its header says");
            return (bytes, shape);
        }
        catch (EndOfStreamException error) { throw new InvalidDataException($"{path} is cut off", error); }
        catch (InvalidDataException error) when (!error.Message.StartsWith(path, StringComparison.Ordinal)) { throw new InvalidDataException($"{path}: {error.Message}", error); }
    }
}
