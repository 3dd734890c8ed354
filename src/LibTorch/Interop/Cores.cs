// How many threads libtorch should start with. libtorch takes the number of cores from a library that reads the processor's own
// description; under some hypervisors that finds 1 where the kernel knows better, and everything runs on one core.
namespace LibTorch;

internal static class Cores
{
    /// <summary>Gives libtorch one thread a physical core, if it found fewer and the user's environment does not decide.</summary>
    public static void UseAll()
    {
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is not null
            || Environment.GetEnvironmentVariable("MKL_NUM_THREADS") is not null) return;
        var cores = Math.Min(Physical("/sys/devices/system/cpu"), Environment.ProcessorCount);     // the latter knows of quotas
        if (cores > Native.wt_threads()) Native.Check(Native.wt_set_threads(cores));
    }

    /// <summary>Physical cores as the kernel lists them: processors that share a core share a line. 1 where it lists none.</summary>
    internal static int Physical(string folder)
    {
        try
        {
            var siblings = from cpu in Directory.GetDirectories(folder, "cpu*")
                           let file = Path.Combine(cpu, "topology", "thread_siblings_list")
                           where File.Exists(file)
                           select File.ReadAllText(file).Trim();
            return Math.Max(1, siblings.Distinct().Count());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return 1; }
    }
}
