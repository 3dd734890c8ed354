// The findings behind `workbook doctor`.

using System.Globalization;
using TorchSharp;
using Workbook.Engine;
using Workbook.Jupyter;
using Workbook.Running;

namespace Workbook.Commands;

/// <summary>How a finding is to be taken: what is missing stops the work, a warning slows it, an optional thing is not needed.</summary>
internal enum FindingState
{
    Good,
    Warning,
    Optional,
    Missing,
}

/// <summary>One thing that was looked for; <paramref name="Remedy"/> is the command that mends it.</summary>
internal sealed record Finding(FindingState State, string What, string Found, string? Remedy = null);

/// <summary>Looks at the machine and the checkout.</summary>
internal static class Diagnosis
{
    private const string OpenBlas = "apt-get install libopenblas0-openmp";

    public static async Task<IReadOnlyList<Finding>> CollectAsync(string root, CancellationToken cancel)
    {
        var libtorch = ReadKeyValues(Path.Combine(root, "artifacts", "native", "libtorch.txt"));
        return
        [
            await SdkAsync(cancel),
            Tool("g++", "compiles the C++ side"),
            Tool("cmake", "compiles the C++ side"),
            LibTorch(libtorch),
            WithKernels(Blas(libtorch.GetValueOrDefault("SOURCE"), "/etc/alternatives")),
            Threads(),
            await CudaAsync(libtorch.GetValueOrDefault("CUDA") == "yes", cancel),
            Data("WordNet", "WORDNET", "/usr/share/wordnet", "data.noun", "wordnet-base"),
            Data("Fashion-MNIST", "FASHION_MNIST", "/usr/share/datasets/fashion-mnist", "train-images-idx3-ubyte.gz", "dataset-fashion-mnist"),
            PlotlyScript(),
            Model(root, "data/base", "./workbook pretrain"),
            Model(root, "data/tiny", "./workbook pretrain --size tiny"),
            JupyterKernel(Path.Combine(root, "workbook"), KernelSpec.Folder(prefix: null)),
        ];
    }

    /// <summary>The KEY=VALUE lines that the native build leaves; empty when it has not run.</summary>
    internal static Dictionary<string, string> ReadKeyValues(string path) => File.Exists(path)
        ? File.ReadLines(path).Where(line => line.Contains('=')).ToDictionary(line => line[..line.IndexOf('=')], line => line[(line.IndexOf('=') + 1)..])
        : [];

    /// <summary>Which BLAS Debian's alternatives choose. A libtorch that is not Debian's brings its own.</summary>
    internal static Finding Blas(string? source, string alternatives)
    {
        if (source != "debian")
            return new Finding(FindingState.Good, "BLAS", "libtorch's own");
        string? link = Directory.Exists(alternatives) ? Directory.GetFiles(alternatives, "libblas.so.3*").FirstOrDefault() : null;
        string? target = link is null ? null : File.ResolveLinkTarget(link, returnFinalTarget: false)?.FullName;
        return target switch
        {
            null => new Finding(FindingState.Missing, "BLAS", "none", OpenBlas),
            _ when target.Contains("openblas-openmp", StringComparison.Ordinal) => new Finding(FindingState.Good, "BLAS", $"OpenBLAS with OpenMP, {target}"),
            _ when target.Contains("openblas", StringComparison.Ordinal) =>
                new Finding(FindingState.Warning, "BLAS", $"OpenBLAS without libtorch's threads, {target}", OpenBlas),
            _ when target.EndsWith("/blas/libblas.so.3", StringComparison.Ordinal) || target.Contains("/blas/", StringComparison.Ordinal) =>
                new Finding(FindingState.Warning, "BLAS", $"the reference BLAS, 20 times slower than OpenBLAS, {target}", OpenBlas),
            _ => new Finding(FindingState.Good, "BLAS", target),
        };
    }

    /// <summary>What OpenBLAS multiplies with on this processor.</summary>
    private static Finding WithKernels(Finding blas)
    {
#if LIBTORCH
        if (global::LibTorch.OpenBlas.Kernels is not { } kernels) return blas;
        string chosen = global::LibTorch.OpenBlas.Replaced is { } replaced
            ? $"{kernels} kernels (it does not know this processor and would use {replaced}'s)" : $"{kernels} kernels";
        return blas with { Found = $"{blas.Found}; {chosen}" };
#else
        return blas;
#endif
    }

    private static async Task<Finding> SdkAsync(CancellationToken cancel)
    {
        var (code, output) = await ChildProcess.RunAsync(DotnetHost.Path, ["--version"], AppContext.BaseDirectory, TimeSpan.FromSeconds(30), cancel);
        string version = output.Trim();
        return code == 0 && int.TryParse(version.Split('.')[0], out int major) && major >= 10
            ? new Finding(FindingState.Good, ".NET SDK", $"{version}, {DotnetHost.Path}")
            : new Finding(FindingState.Missing, ".NET SDK", "no SDK 10", "install the .NET 10 SDK: https://dot.net/download");
    }

    private static Finding Tool(string name, string use)
    {
        string? found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(folder => folder.Length > 0).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        return found is null ? new Finding(FindingState.Missing, name, $"nothing {use}", $"apt-get install {name}") : new Finding(FindingState.Good, name, found);
    }

    private static Finding LibTorch(Dictionary<string, string> found)
    {
        try
        {
            string where = found.GetValueOrDefault("LIBRARY", "of the NuGet packages");
            return new Finding(FindingState.Good, "libtorch", $"{torch.__version__}, {where}{(found.TryGetValue("SOURCE", out string? source) ? $" ({source})" : "")}");
        }
        catch (Exception error) when (error is TypeInitializationException or DllNotFoundException or System.Runtime.InteropServices.ExternalException)
        {
            return new Finding(FindingState.Missing, "libtorch", (error.InnerException ?? error).Message, "apt-get install libtorch-dev libopenblas0-openmp");
        }
    }

    /// <summary>What libtorch will use; it takes one thread a physical core.</summary>
    private static Finding Threads()
    {
        string processors = string.Create(CultureInfo.InvariantCulture, $"for {Environment.ProcessorCount} processors");
        string? limit = Environment.GetEnvironmentVariable("OMP_NUM_THREADS");
        if (limit is not null && !(int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out int asked) && asked >= Environment.ProcessorCount))
            return new Finding(FindingState.Warning, "threads", $"OMP_NUM_THREADS={limit} {processors}", "unset OMP_NUM_THREADS");
        try
        {
            return new Finding(FindingState.Good, "threads", string.Create(CultureInfo.InvariantCulture, $"{torch.get_num_threads()} {processors}"));
        }
        catch (Exception error) when (error is TypeInitializationException or DllNotFoundException)
        {
            return new Finding(FindingState.Missing, "threads", "libtorch does not load, see above");
        }
    }

    /// <summary>The devices that the driver lists, and whether libtorch can use them.</summary>
    private static async Task<Finding> CudaAsync(bool built, CancellationToken cancel)
    {
        string devices;
        try
        {
            var (code, output) = await ChildProcess.RunAsync("nvidia-smi", ["--query-gpu=name,memory.total", "--format=csv,noheader"], AppContext.BaseDirectory, TimeSpan.FromSeconds(20), cancel);
            devices = code == 0 ? string.Join("; ", output.Split('\n', StringSplitOptions.RemoveEmptyEntries)) : "";
        }
        catch (System.ComponentModel.Win32Exception) // no driver
        {
            devices = "";
        }
        return (devices.Length > 0, built) switch
        {
            (true, true) => new Finding(FindingState.Good, "CUDA", devices),
            (true, false) => new Finding(FindingState.Warning, "CUDA", $"{devices}, but this libtorch has no CUDA", "pip install torch"),
            _ => new Finding(FindingState.Optional, "CUDA", "no device; the processor is used"),
        };
    }

    /// <summary>Files of others that a Debian package brings, or a folder that a variable names.</summary>
    private static Finding Data(string name, string variable, string debian, string file, string package)
    {
        string folder = Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named ? named : debian;
        return File.Exists(Path.Combine(folder, file))
            ? new Finding(FindingState.Good, name, folder)
            : new Finding(FindingState.Missing, name, $"nothing in {folder}", $"apt-get install {package}");
    }

    private static Finding PlotlyScript() => Charts.Plotly.IsThere
        ? new Finding(FindingState.Good, "plotly.js", "charts can be zoomed into")
        : new Finding(FindingState.Optional, "plotly.js", "none; charts are static pictures", "apt-get install npm, then src/Charts/plotly.sh");

    private static Finding Model(string root, string folder, string command) =>
        File.Exists(Path.Combine(root, folder, "model.safetensors"))
            ? new Finding(FindingState.Good, folder, $"{new FileInfo(Path.Combine(root, folder, "model.safetensors")).Length / 1e6:F1} MB")
            : new Finding(FindingState.Missing, folder, "no model", command);

    /// <summary>Whether notebooks open in Jupyter and VS Code with this checkout's kernel.</summary>
    internal static Finding JupyterKernel(string entry, string folder) => KernelSpec.Entry(folder) switch
    {
        null => new Finding(FindingState.Optional, "Jupyter kernel", "not registered; needed by Jupyter and VS Code only", "./workbook kernel install"),
        var found when found == entry => new Finding(FindingState.Good, "Jupyter kernel", folder),
        var other => new Finding(FindingState.Optional, "Jupyter kernel", $"{folder} starts {other}", "./workbook kernel install"),
    };
}
