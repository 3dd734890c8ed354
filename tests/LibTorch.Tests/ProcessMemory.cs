// What the system says this process occupies, and collections that really free what nobody holds.
namespace LibTorch.Tests;

static class ProcessMemory
{
    /// <summary>Resident bytes.</summary>
    public static long Resident => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;

    /// <summary>Collects twice: a finalizer may hold the next object.</summary>
    public static void Collect()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    /// <summary>Bytes of tensors after everything unreachable is gone.</summary>
    public static long LiveTensors
    {
        get
        {
            Collect();
            return Memory.LiveBytes;
        }
    }

    /// <summary>
    /// No more alive than <paramref name="live"/>, but for what a stack slot of the test itself may still hold: each of these tests
    /// makes hundreds of tensors or more, so that a leak of one a round is far above it.
    /// </summary>
    internal static void AssertBackAt(long live) => Assert.InRange(LiveTensors - live, -64 * 1024, 64 * 1024);
}
