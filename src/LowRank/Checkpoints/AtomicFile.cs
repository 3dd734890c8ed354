// Whole or not at all: a reader of `path` sees the old file or the new one, never half of one, whatever stops the writer.
// The new bytes go to a temporary file in the same folder (a rename is atomic only within a file system), are flushed to
// the disk, and then take the name.

namespace LowRank;

/// <summary>Writes files atomically.</summary>
public static class AtomicFile
{
    /// <summary>Replaces <paramref name="path"/> by what <paramref name="write"/> writes; makes the folder if it is missing.
    /// If <paramref name="write"/> throws, the old file stays as it was and the temporary one is removed.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(target) ?? throw new IOException($"{path}: not the name of a file");
        Directory.CreateDirectory(folder);
        var temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Replaces <paramref name="path"/> by <paramref name="text"/> in UTF-8 without a byte-order mark.</summary>
    public static void Write(string path, string text) => Write(path, stream => stream.Write(PlainJson.Utf8.GetBytes(text)));
}
