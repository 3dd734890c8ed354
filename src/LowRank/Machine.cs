// What a lesson runs on, and how large it may be: a lesson names its size for two processor cores and the one for a GPU, and the machine's
// memory and measured speed choose.
using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A device to train on.</summary>
/// <param name="Device">Where models and batches belong.</param>
/// <param name="Name">The processor's or the GPU's.</param>
/// <param name="Cores">Processor cores that this process may use.</param>
/// <param name="MemoryBytes">The device's: a GPU's own, or what this process may use of the machine's.</param>
/// <param name="GigaflopsPerSecond">Of a float32 product of two 1024 × 1024 matrices, 2·1024³ operations; the fastest of several.</param>
public sealed record Machine(Device Device, string Name, int Cores, long MemoryBytes, double GigaflopsPerSecond)
{
    /// <summary>A GPU has to have this much memory for the large sizes …</summary>
    public const long LargeMemoryBytes = 8L << 30;

    /// <summary>… and to be this fast: some ten times two processor cores.</summary>
    public const double LargeGigaflopsPerSecond = 3000;

    private static readonly Lazy<Machine> Found = new(() => Measure(cuda.is_available() ? CUDA : CPU));

    /// <summary>This machine: its GPU where libtorch can use one, else its processor. Measured once, in a few hundredths of a second.</summary>
    public static Machine Here => Found.Value;

    /// <summary>Do the lessons take their large sizes?</summary>
    public bool IsLarge => Device.type == DeviceType.CUDA && MemoryBytes >= LargeMemoryBytes && GigaflopsPerSecond >= LargeGigaflopsPerSecond;

    /// <summary>A lesson's size on this machine: <c>int steps = fast ? 24 : Machine.Here.Size(64, gpu: 400);</c></summary>
    /// <param name="cores">What two processor cores do in a minute or two.</param>
    /// <param name="gpu">What a GPU does in that time.</param>
    public T Size<T>(T cores, T gpu) => IsLarge ? gpu : cores;

    /// <summary>Measures a device.</summary>
    public static Machine Measure(Device device)
    {
        var gpu = device.type == DeviceType.CUDA;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        const int side = 1024;
        var a = ones(side, side, device: device);
        var best = double.PositiveInfinity;
        for (var i = 0; i < 6; i++)
        {
            var clock = Stopwatch.StartNew();
            using var product = a.matmul(a);                        // [side, side] × [side, side]
            _ = product[0, 0].item<float>();                        // waits for a GPU
            if (i > 0) best = Math.Min(best, clock.Elapsed.TotalSeconds);   // the first one warms up
        }
        return new(device, gpu ? CudaDriver.Get().Name(Math.Max(0, device.index)) : Processor(), Environment.ProcessorCount,
            gpu ? CudaDriver.Get().MemoryBytes(Math.Max(0, device.index)) : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, 2.0 * side * side * side / best / 1e9);
    }

    /// <summary>What a process can take of a device's memory now: a GPU's that is free, or the host's that the kernel calls available and a control
    /// group (a container, a job) still leaves.</summary>
    public static long FreeBytes(Device device) =>
        device.type == DeviceType.CUDA ? CudaDriver.Get().FreeBytes(Math.Max(0, device.index)) : FreeMemory.Bytes();

    /// <summary>Three lines: versions, device, sizes.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"""
        .NET {Environment.Version} · libtorch {__version__} · LowRank {typeof(Machine).Assembly.GetName().Version!.ToString(3)}
        {(Device.type == DeviceType.CUDA ? "GPU" : "processor")}: {Name}, {Cores} cores, {MemoryBytes / (double)(1 << 30):0.0} GiB, {GigaflopsPerSecond:0} GFLOP/s
        sizes: {Sizes}
        """).ReplaceLineEndings("\n");

    private string Sizes => IsLarge ? "those for a GPU"
        : Device.type == DeviceType.CUDA ? $"those for two processor cores (this GPU is below {LargeMemoryBytes >> 30} GiB or {LargeGigaflopsPerSecond:0} GFLOP/s)"
        : "those for two processor cores";

    private static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown"
        : System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();
}
