// What this process can still take of the machine's memory: what the kernel calls available, or less where a control group (a container, a job)
// limits it. A group's page cache counts as its use and goes when it has to, so it counts as free.
using System.Globalization;

namespace LowRank;

internal static class FreeMemory
{
    /// <summary>Bytes, of the host's memory.</summary>
    public static long Bytes() => OperatingSystem.IsLinux() && Bytes("/") is { } known ? known
        : GC.GetGCMemoryInfo() is var info ? Math.Max(0, info.TotalAvailableMemoryBytes - Math.Max(info.MemoryLoadBytes, Environment.WorkingSet)) : 0;

    /// <summary>The same from the files of a Linux kernel under a folder; null where they are not there.</summary>
    internal static long? Bytes(string root)
    {
        if (Number(Path.Combine(root, "proc/meminfo"), "MemAvailable:") is not { } kilobytes) return null;
        var free = kilobytes * 1024;
        foreach (var line in Lines(Path.Combine(root, "proc/self/cgroup")))
            if (line.Split(':', 3) is [var number, var controllers, var path])
            {
                if (number == "0" && controllers.Length == 0)
                    free = Math.Min(free, OfGroup(Path.Combine(root, "sys/fs/cgroup"), path, "memory.max", "memory.current", "inactive_file"));
                else if (controllers.Split(',').Contains("memory"))
                    free = Math.Min(free, OfGroup(Path.Combine(root, "sys/fs/cgroup/memory"), path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"));
            }
        return Math.Max(0, free);
    }

    /// <summary>The least that a group or one above it leaves. In a container the path may be the host's: its own files are then at the mount.</summary>
    private static long OfGroup(string mount, string path, string limit, string use, string cache)
    {
        var least = long.MaxValue;
        for (var group = path.Trim('/'); ; group = Path.GetDirectoryName(group) ?? "")
        {
            var folder = Path.Combine(mount, group);
            if (Number(Path.Combine(folder, limit)) is { } most && Number(Path.Combine(folder, use)) is { } used)
                least = Math.Min(least, most - used + (Number(Path.Combine(folder, "memory.stat"), cache) ?? 0));
            if (group.Length == 0) return least;
        }
    }

    /// <summary>The number that a file is, or that stands behind a name in it; null for "max" and where there is none.</summary>
    private static long? Number(string file, string? name = null)
    {
        foreach (var line in Lines(file))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (name is not null && (words.Length < 2 || words[0] != name)) continue;
            return long.TryParse(words.ElementAtOrDefault(name is null ? 0 : 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        return null;
    }

    private static IEnumerable<string> Lines(string file)
    {
        try { return File.Exists(file) ? File.ReadAllLines(file) : []; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return []; }
    }
}
