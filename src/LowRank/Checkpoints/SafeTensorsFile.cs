// Random access to the tensors of one .safetensors file. The file is mapped, so opening costs the header alone and a tensor
// is copied once, from the page cache into the tensor's own memory.

using System.IO.MemoryMappedFiles;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A .safetensors file opened for reading. Tensors that were read stay valid after <see cref="Dispose"/>.</summary>
public sealed class SafeTensorsFile : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly SafeTensorsHeader header;
    private readonly Dictionary<string, SafeTensorsInfo> tensors;

    private SafeTensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, SafeTensorsHeader header)
    {
        (Path, this.map, this.view, this.header) = (path, map, view, header);
        tensors = header.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        Names = [.. header.Tensors.Select(tensor => tensor.Name)];
    }

    public string Path { get; }

    /// <summary>The tensors' names, in the order of their data.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The strings under <c>__metadata__</c>; empty if there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Opens and checks a file. Throws <see cref="FileNotFoundException"/>, or <see cref="InvalidDataException"/> that
    /// names the file, the tensor and the rule of the format that is broken.</summary>
    public static SafeTensorsFile Open(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var length = stream.Length;
        var first8 = new byte[8];
        stream.ReadAtLeast(first8, 8, throwOnEndOfStream: false);
        var dataStart = SafeTensorsHeader.ParseLength(path, first8, length);

        var json = new byte[dataStart - 8];
        stream.ReadExactly(json);
        var header = SafeTensorsHeader.Parse(path, json, length);

        var map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        try
        {
            return new(path, map, map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), header);
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    public bool Contains(string name) => tensors.ContainsKey(name);

    /// <summary>Type, shape and place of a tensor. Throws <see cref="KeyNotFoundException"/> that names the nearest names.</summary>
    public SafeTensorsInfo Info(string name) => tensors.TryGetValue(name, out var info)
        ? info
        : throw new KeyNotFoundException($"{Path}: no tensor \"{name}\"{NearestNames.Suggest(name, Names)}");

    /// <summary>Copies a tensor's bytes from <paramref name="offset"/> on until <paramref name="destination"/> is full.</summary>
    public unsafe void CopyBytes(string name, long offset, Span<byte> destination)
    {
        var info = Info(name);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, info.ByteCount - offset, nameof(destination));
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start); // holds the map while the copy runs, whoever disposes it
        try
        {
            new ReadOnlySpan<byte>(start + view.PointerOffset + header.DataStart + info.Begin + offset, destination.Length).CopyTo(destination);
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    /// <summary>A new tensor with its own memory: of the file's element type and on the CPU unless told otherwise.</summary>
    public Tensor Read(string name, ScalarType? dtype = null, Device? device = null)
    {
        var info = Info(name);
        if (SafeTensors.ScalarTypeOf(info.Type) is not { } stored)
            throw new NotSupportedException($"{Path}: tensor \"{name}\": torch tensors of {info.Type} are not supported");

        using var scope = NewDisposeScope();
        var tensor = empty(info.Shape.ToArray(), dtype: stored, device: CPU);
        SafeTensors.ForEachPart(tensor, (part, offset) => CopyBytes(name, offset, part.bytes));
        if (dtype is { } type && type != stored) tensor = tensor.to(type);
        if (device is not null && device.type != DeviceType.CPU) tensor = tensor.to(device);
        return tensor.MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        view.Dispose();
        map.Dispose();
    }
}
