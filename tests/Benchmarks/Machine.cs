using System.Diagnostics;

namespace Benchmarks;

/// <summary>What the numbers were measured on, and whether the machine was idle.</summary>
internal static class Machine
{
    public static string Processor =>
        File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor"
            : "unknown processor";

    /// <summary>Null when under 10 % of a core was used by others during half a second.</summary>
    public static string? Busy()
    {
        if (!File.Exists("/proc/stat")) return null;
        var before = BusyTicks();
        var watch = Stopwatch.StartNew();
        Thread.Sleep(500);
        var cores = (BusyTicks() - before) / 100.0 / watch.Elapsed.TotalSeconds;
        return cores > 0.1 ? $"{cores:0.0} cores are busy with something else" : null;
    }

    /// <summary>Milliseconds that a call takes.</summary>
    public static double Once(Action body)
    {
        var start = Stopwatch.GetTimestamp();
        body();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public static double Median(IEnumerable<double> times)
    {
        var sorted = times.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    // user + nice + system of all cores, in ticks of 10 ms
    static long BusyTicks() => File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(3).Sum(long.Parse);
}
