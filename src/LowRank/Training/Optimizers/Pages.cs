// Where moments lie while they are off the device. For a GPU that is pinned memory of the host, copied on torch's stream and so in order
// with the kernels. For the CPU it is a file: read and written, not mapped, so that a full disk is an exception and not the end of the
// process, and so that what is in memory is what the allocator counts. The system's file cache holds it while there is room.
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A place off the device for the numbers of one tensor.</summary>
internal abstract class Page(Tensor like) : IDisposable
{
    public long[] Shape { get; } = like.shape;

    public ScalarType Type { get; } = like.dtype;

    public Device Device { get; } = like.device;

    public abstract void Write(Tensor from);

    /// <summary>Into a contiguous tensor of that shape and type.</summary>
    public abstract void Read(Tensor to);

    public virtual void Dispose() { }
}

/// <summary>Pinned host memory, for a tensor of a GPU. Nothing on the CPU reads it but by way of the GPU, so copies need no waiting.</summary>
internal sealed class HostPage : Page
{
    private readonly Tensor host;

    public HostPage(Tensor like) : base(like)
    {
        using var pageable = empty(like.shape, like.dtype, CPU);
        host = pageable.pin_memory().DetachFromDisposeScope();
    }

    public override void Write(Tensor from) => host.copy_(from, true);

    public override void Read(Tensor to) => to.copy_(host, true);

    public override void Dispose() => host.Dispose();
}

/// <summary>A part of a <see cref="PageFile"/>, for a tensor of the CPU.</summary>
internal sealed class FilePage(PageFile file, Tensor like) : Page(like)
{
    private readonly long at = file.Reserve(like.NumberOfElements * like.ElementSize);

    public override void Write(Tensor from)
    {
        using var flat = from.contiguous();
        file.Write(at, flat);
    }

    public override void Read(Tensor to) => file.Read(at, to);
}

/// <summary>A temporary file. Its name is taken away as soon as it is open (on Windows when it is closed), so the system frees it with the
/// process, however that ends.</summary>
internal sealed unsafe class PageFile : IDisposable
{
    /// <summary>Of the disk, and of a part that one thread copies: parts begin at whole pages.</summary>
    private const int Alignment = 4096, Part = 1 << 18;

    private readonly SafeFileHandle handle;
    private long length;

    public PageFile(string? folder)
    {
        folder ??= Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } chosen ? chosen
            : Directory.Exists("/var/tmp") ? "/var/tmp" : Path.GetTempPath();
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"moments are to be paged to {folder}, which is not there; set PageFolder or TMPDIR");
        if (OperatingSystem.IsLinux() && new DriveInfo(folder).DriveFormat is "tmpfs" or "ramfs")
            throw new IOException($"moments are to be paged to {folder}, which lies in memory itself; set PageFolder or TMPDIR to a folder on a disk");
        var path = Path.Combine(folder, $"lowrank-moments-{Guid.NewGuid():N}.tmp");
        handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);
        if (!OperatingSystem.IsWindows()) File.Delete(path);
    }

    /// <summary>A part of the file for so many bytes; they are on the disk when they have been written.</summary>
    public long Reserve(long bytes)
    {
        var at = length;
        length += (bytes + Alignment - 1) / Alignment * Alignment;
        return at;
    }

    public void Write(long at, Tensor from) => InParts(from, (memory, offset) => RandomAccess.Write(handle, memory, at + offset));

    public void Read(long at, Tensor to) => InParts(to, (memory, offset) =>
    {
        for (var done = 0; done < memory.Length;)
            done += RandomAccess.Read(handle, memory[done..], at + offset + done) is > 0 and var count ? count
                : throw new EndOfStreamException("the file of paged moments is shorter than what was written to it");
    });

    public void Dispose() => handle.Dispose();

    private delegate void Copy(Span<byte> memory, long offset);

    /// <summary>On several threads: copying to and from the system's file cache is work for the processor.</summary>
    private static void InParts(Tensor tensor, Copy copy)
    {
        var (start, bytes) = (Elements.Start(tensor), tensor.NumberOfElements * tensor.ElementSize);
        CpuRows.For((bytes + Part - 1) / Part, Part, (begin, end) =>
        {
            for (var offset = begin * Part; offset < Math.Min(end * Part, bytes); offset += Part)
                copy(new Span<byte>((byte*)start + offset, (int)Math.Min(Part, bytes - offset)), offset);
        });
        GC.KeepAlive(tensor);
    }
}
