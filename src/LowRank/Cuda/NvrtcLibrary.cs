// Where libnvrtc is: every CUDA build of libtorch ships it, beside its own libraries (NuGet, a libtorch folder, old wheels) or in the wheel
// nvidia/cuda_nvrtc next to torch's; a CUDA toolkit has it too. It opens libnvrtc-builtins by a bare name, which only the folders
// of the system are searched for, so that one is loaded first, by its path: then the name is known to the loader.
using System.Runtime.InteropServices;

namespace LowRank;

/// <summary>Finds and opens libnvrtc.</summary>
internal static class NvrtcLibrary
{
    /// <summary>The environment variable that names libnvrtc's folder, or the file itself.</summary>
    public const string Variable = "NVRTC";

    private static readonly string[] SystemFolders =
    [
        "/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
    ];

    /// <summary>libnvrtc's path in <paramref name="place"/> (a folder or the file), or null.</summary>
    public static string? In(string place)
    {
        if (File.Exists(place)) return Path.GetFullPath(place);
        if (!Directory.Exists(place)) return null;
        // libnvrtc.so.12, libnvrtc-a1b2c3.so.11.2 (a wheel's own name), never libnvrtc-builtins… or libnvrtc.alt.so…
        return Directory.EnumerateFiles(Path.GetFullPath(place), "libnvrtc*.so*")
            .Where(file => Path.GetFileName(file) is var name && !name.StartsWith("libnvrtc-builtins", StringComparison.Ordinal) && !name.Contains(".alt."))
            .OrderBy(file => file.Length).ThenBy(file => file, StringComparer.Ordinal).FirstOrDefault();
    }

    /// <summary>The places that are looked at, in order: the variable (then nothing else), torch's folders, the system's.</summary>
    public static IEnumerable<string> Places()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named) return [named];
        return TorchFolders().Concat(SystemFolders).Distinct();
    }

    /// <summary>Opens libnvrtc at a path, its builtins first.</summary>
    public static nint Open(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        foreach (var builtins in Directory.EnumerateFiles(folder, "libnvrtc-builtins*.so*").Order(StringComparer.Ordinal))
        {
            if (!builtins.Contains(".alt.")) NativeLibrary.TryLoad(builtins, out _);
        }
        return NativeLibrary.Load(path);
    }

    /// <summary>The folder of the libtorch that this process has loaded, and the folders of NVIDIA's wheels beside it.</summary>
    private static IEnumerable<string> TorchFolders()
    {
        if (!File.Exists("/proc/self/maps")) yield break;
        var folders = File.ReadLines("/proc/self/maps").Select(line => line[(line.IndexOf('/') is var at and >= 0 ? at : line.Length)..])
            .Where(path => Path.GetFileName(path) is "libtorch_cpu.so" or "libtorch_cuda.so" or "libc10.so")
            .Select(path => Path.GetDirectoryName(path)!).Distinct().ToList();
        foreach (var folder in folders)
        {
            yield return folder;
            var wheels = Path.GetFullPath(Path.Combine(folder, "../../nvidia"));               // site-packages/torch/lib -> site-packages/nvidia
            if (!Directory.Exists(wheels)) continue;
            foreach (var wheel in Directory.EnumerateDirectories(wheels).Order(StringComparer.Ordinal)) yield return Path.Combine(wheel, "lib");
        }
    }
}
