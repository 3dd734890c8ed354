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

    /// <summary>Most resident memory of this process so far, in MB.</summary>
    public static double PeakResidentMegabytes =>
        File.Exists("/proc/self/status")
            ? double.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', '\t')[^2]) / 1024
            : Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0;

    /// <summary>Shortest and median time of <paramref name="repeats"/> runs, in milliseconds, after two that don't count.</summary>
    public static (double Best, double Median) Time(int repeats, Action body)
    {
        body();
        body();
        var times = new double[repeats];
        for (var i = 0; i < repeats; i++)
        {
            var start = Stopwatch.GetTimestamp();
            body();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        Array.Sort(times);
        return (times[0], times[repeats / 2]);
    }

    // user + nice + system of all cores, in ticks of 10 ms
    static long BusyTicks() => File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(3).Sum(long.Parse);
}
