// The folder of a run's checkpoints, whole or not at all:
//   out/run/step-50/state.safetensors    every tensor
//   out/run/step-50/checkpoint.json      what is no tensor, and what the run is told by
//   out/run/step-50/SHA256SUMS           of both, written last; `sha256sum -c SHA256SUMS` checks them too
// A checkpoint is written into a folder whose name begins with a dot, its files and that folder are flushed to the disk, and then it takes its
// name. Whatever stops the writer, a folder "step-…" is complete; what a failing disk does to it later, the sums tell.
using System.Globalization;
using System.Security.Cryptography;

namespace LowRank;

/// <summary>Checkpoints in a folder that this process alone uses while the object lives.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    private const string Prefix = "step-", Temporary = ".step-", SumsFile = "SHA256SUMS", LockFile = ".lock";
    private const int LongestSums = 4096;

    private readonly FileStream guard;
    private readonly List<string> broken = [];

    /// <exception cref="IOException">Another process uses it.</exception>
    public CheckpointFolder(string path)
    {
        FullPath = Path.GetFullPath(path);
        Directory.CreateDirectory(FullPath);
        try
        {
            guard = new(Path.Combine(FullPath, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(Path.Combine(FullPath, LockFile)))
        {
            throw new IOException($"{path} is in use by another run; wait for it or give this one a folder of its own", e);
        }
        foreach (var left in Directory.GetDirectories(FullPath, Temporary + "*")) Remove(left);      // by a process that was killed
    }

    public string FullPath { get; }

    /// <summary>The newest checkpoint that is whole, or null; <paramref name="tell"/> is called with a sentence for each that is not and would have
    /// come before it.</summary>
    public (string Path, CheckpointManifest Manifest)? Newest(Action<string> tell)
    {
        broken.Clear();
        var told = new List<(string Path, CheckpointManifest Manifest)>();
        foreach (var path in Directory.GetDirectories(FullPath, Prefix + "*"))
            Try(path, () =>
            {
                CheckSums(path, all: false);                                    // what the order goes by has to be right
                told.Add((path, CheckpointManifest.Read(path)));
            });
        foreach (var one in told.OrderByDescending(one => one.Manifest.Number))
            if (Try(one.Path, () => CheckSums(one.Path, all: true))) return one;
        return null;

        bool Try(string path, Action check)
        {
            try
            {
                check();
                return true;
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                broken.Add(path);
                tell($"the checkpoint {path} is not whole: {e.Message}");
                return false;
            }
        }
    }

    /// <summary>Writes a checkpoint and removes those that are too many.</summary>
    /// <param name="manifest">Goes into the checkpoint, with the next number.</param>
    /// <param name="write">Writes further files into a folder.</param>
    /// <param name="keep">How many stay.</param>
    /// <param name="alone">Remove all others.</param>
    /// <returns>Its path.</returns>
    public string Write(CheckpointManifest manifest, Action<string> write, int keep, bool alone)
    {
        var others = Directory.GetDirectories(FullPath, Prefix + "*").Except(broken).Select(path => (Path: path, Number: CheckpointManifest.NumberOf(path)))
            .OrderByDescending(one => one.Number).ToList();
        var number = others.Count == 0 ? 1 : others[0].Number + 1;
        var name = Prefix + manifest.Step.ToString(CultureInfo.InvariantCulture);
        if (Directory.Exists(Path.Combine(FullPath, name))) name += $"-{number}";                    // never in place of one that is there
        var path = Path.Combine(FullPath, name);
        var temporary = Path.Combine(FullPath, $".{name}.{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(temporary);
            write(temporary);
            (manifest with { Number = number }).Write(temporary);
            var sums = Directory.GetFiles(temporary).Order(StringComparer.Ordinal).Select(file => $"{Sum(file)}  {Path.GetFileName(file)}\n");
            AtomicFile.Write(Path.Combine(temporary, SumsFile), string.Concat(sums));
            DiskFolder.Flush(temporary);
            Directory.Move(temporary, path);
            DiskFolder.Flush(FullPath);
        }
        catch (Exception e)
        {
            try { Remove(temporary); } catch (IOException) { }
            if (e is IOException or UnauthorizedAccessException)
                throw new IOException($"the checkpoint of step {manifest.Step} could not be written to {FullPath}: {e.Message} Those before it are as they were.", e);
            throw;
        }
        foreach (var old in broken.Concat(others.Skip(alone ? 0 : keep - 1).Select(one => one.Path)).ToList()) Remove(old);
        broken.Clear();
        return path;
    }

    public void Dispose() => guard.Dispose();

    /// <summary>Under another name first: one that is half gone is none.</summary>
    private void Remove(string path)
    {
        if (!Directory.Exists(path)) return;
        if (!Path.GetFileName(path).StartsWith('.'))
        {
            var gone = Path.Combine(FullPath, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}");
            Directory.Move(path, gone);
            path = gone;
        }
        Directory.Delete(path, recursive: true);
    }

    /// <summary>Reads every file once, or checkpoint.json alone; memory does not depend on their size.</summary>
    private static void CheckSums(string path, bool all)
    {
        var sums = Path.Combine(path, SumsFile);
        if (!File.Exists(sums)) throw new InvalidDataException($"{SumsFile} is missing");
        if (new FileInfo(sums).Length > LongestSums) throw new InvalidDataException($"{SumsFile} is longer than {LongestSums} bytes");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(sums))
        {
            if (line.Split("  ", 2) is not [{ Length: 64 } sum, var name] || name != Path.GetFileName(name) || !seen.Add(name))
                throw new InvalidDataException($"{SumsFile} has a line that is not a sum and a file's name");
            var file = Path.Combine(path, name);
            if (!File.Exists(file)) throw new InvalidDataException($"{name} is missing");
            if ((all || name == CheckpointManifest.FileName) && Sum(file) != sum) throw new InvalidDataException($"{name} is not what was written: its SHA-256 differs from the one in {SumsFile}");
        }
        foreach (var name in new[] { CheckpointManifest.FileName, RunKeeper.StateFile })
            if (!seen.Contains(name)) throw new InvalidDataException($"{SumsFile} has no sum of {name}");
    }

    private static string Sum(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
