// The GPU's name and second-level cache, from the driver, and times of queued work.
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>The first CUDA device.</summary>
internal static class GpuDevice
{
    private const int L2CacheSize = 38;

    public static Device Device { get; } = new(TorchSharp.DeviceType.CUDA, 0);

    public static string Name
    {
        get
        {
            Check(Init(0));
            Check(Get(out var device, 0));
            var name = new byte[256];
            Check(GetName(name, name.Length, device));
            return Encoding.UTF8.GetString(name).TrimEnd('\0');
        }
    }

    /// <summary>Bytes of the second-level cache.</summary>
    public static long CacheBytes
    {
        get
        {
            Check(Init(0));
            Check(Get(out var device, 0));
            Check(GetAttribute(out var bytes, L2CacheSize, device));
            return bytes;
        }
    }

    /// <summary>Milliseconds of a call among <paramref name="calls"/> that are queued one behind the other: the launches overlap with the work.</summary>
    public static double Queued(int calls, Action<int> call)
    {
        cuda.synchronize();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < calls; i++) call(i);
        cuda.synchronize();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / calls;
    }

    private static void Check(int code)
    {
        if (code != 0) throw new InvalidOperationException($"the CUDA driver answers with error {code}");
    }

    [DllImport("libcuda.so.1", EntryPoint = "cuInit")]
    private static extern int Init(uint flags);

    [DllImport("libcuda.so.1", EntryPoint = "cuDeviceGet")]
    private static extern int Get(out int device, int ordinal);

    [DllImport("libcuda.so.1", EntryPoint = "cuDeviceGetName")]
    private static extern int GetName(byte[] name, int length, int device);

    [DllImport("libcuda.so.1", EntryPoint = "cuDeviceGetAttribute")]
    private static extern int GetAttribute(out int value, int attribute, int device);
}
