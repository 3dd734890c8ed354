// A source's kernels on one device: compiled by NVRTC at first use (or read from the cache), loaded once, kept until the process ends.
using System.Collections.Concurrent;

namespace LowRank;

/// <summary>The kernels of one source, loaded on one device.</summary>
public sealed class CudaModule
{
    private static readonly ConcurrentDictionary<(string Source, int Device), Lazy<CudaModule>> Loaded = new();

    private readonly ConcurrentDictionary<string, CudaKernel> kernels = new();
    private readonly CudaDriver driver;
    private readonly nint context;
    private readonly nint module;

    private CudaModule(CudaSource source, int device)
    {
        driver = CudaDriver.Get();
        (var major, var minor, context) = driver.Device(device);
        var nvrtc = Nvrtc.Find();
        Architecture = nvrtc.Target(major, minor);
        (Name, Device) = (source.Name, device);
        module = driver.Load(context, CubinCache.User.Get(nvrtc, source, Architecture), source.Name);
    }

    /// <summary>The source's name.</summary>
    public string Name { get; }

    /// <summary>The device's number.</summary>
    public int Device { get; }

    /// <summary>What it was compiled for: 80 for sm_80.</summary>
    public int Architecture { get; }

    /// <summary>One of the library's sources (<see cref="CudaSource.Names"/>) on a device.</summary>
    /// <exception cref="NotSupportedException">There is no driver, or the GPU is older than the kernels.</exception>
    /// <exception cref="DllNotFoundException">There is no libnvrtc.</exception>
    public static CudaModule Load(string source, int device)
    {
        // A failure is not kept: whoever sets NVRTC or waits for a busy device may try again.
        var entry = Loaded.GetOrAdd((source, device), key => new(() => new CudaModule(CudaSource.Of(key.Source), key.Device)));
        try { return entry.Value; }
        catch { Loaded.TryRemove(new((source, device), entry)); throw; }
    }

    /// <summary>Compiles and loads a source of your own.</summary>
    public static CudaModule Load(CudaSource source, int device) => new(source, device);

    /// <summary>A kernel by its name in the source, where it is <c>extern "C"</c>.</summary>
    /// <exception cref="ArgumentException">There is none of this name.</exception>
    public CudaKernel this[string kernel] => kernels.GetOrAdd(kernel, name =>
        driver.Function(context, module, name) is var function and not 0 ? new CudaKernel(driver, context, function, name, Device)
            : throw new ArgumentException($"{Name} has no kernel \"{name}\"", nameof(kernel)));
}
