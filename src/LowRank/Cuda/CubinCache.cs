// Machine code kept between runs: a file named by a hash of all that went into it (source, headers, options, architecture, NVRTC's version),
// so that nothing old is ever used. A file is the SHA-256 of the code and the code: a damaged one is compiled again.
using System.Security.Cryptography;
using System.Text;

namespace LowRank;

/// <summary>A folder of compiled kernels.</summary>
/// <param name="folder">Where; made when something is first kept.</param>
public sealed class CubinCache(string folder)
{
    /// <summary>The user's: $XDG_CACHE_HOME/lowrank/cubin, else ~/.cache/lowrank/cubin.</summary>
    public static CubinCache User { get; } = new(Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } named && Path.IsPathRooted(named) ? named
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "lowrank", "cubin"));

    /// <summary>The code of a source for an architecture, kept or compiled now.</summary>
    public byte[] Get(Nvrtc nvrtc, CudaSource source, int architecture)
    {
        var file = FileOf(nvrtc, source, architecture);
        if (Read(file) is { } kept) return kept;
        var image = nvrtc.Compile(source, architecture).Image;
        try
        {
            AtomicFile.Write(file, stream =>
            {
                stream.Write(SHA256.HashData(image));
                stream.Write(image);
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A home that can't be written to costs a compilation a run, no more.
        }
        return image;
    }

    /// <summary>The file that keeps it.</summary>
    internal string FileOf(Nvrtc nvrtc, CudaSource source, int architecture)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in (string[])[source.Name, source.Text, .. source.Headers.OrderBy(h => h.Key, StringComparer.Ordinal).SelectMany(h => (string[])[h.Key, h.Value]),
                     .. Nvrtc.Always, $"sm_{architecture}", nvrtc.Version.ToString()])
        {
            hash.AppendData(BitConverter.GetBytes(Encoding.UTF8.GetByteCount(part)));        // so that moving a border between two parts changes the hash
            hash.AppendData(Encoding.UTF8.GetBytes(part));
        }
        return Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(source.Name)}-sm_{architecture}-{Convert.ToHexStringLower(hash.GetHashAndReset())[..32]}.cubin");
    }

    private static byte[]? Read(string file)
    {
        try
        {
            var bytes = File.ReadAllBytes(file);
            return bytes.Length > SHA256.HashSizeInBytes && SHA256.HashData(bytes.AsSpan(SHA256.HashSizeInBytes)).AsSpan().SequenceEqual(bytes.AsSpan(0, SHA256.HashSizeInBytes))
                ? bytes[SHA256.HashSizeInBytes..] : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }
}
