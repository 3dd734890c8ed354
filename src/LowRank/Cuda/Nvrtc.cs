// NVIDIA's run-time compiler: CUDA source in, a cubin (machine code for one architecture) out. It needs neither a GPU nor a driver.
using System.Runtime.InteropServices;
using System.Text;

namespace LowRank;

/// <summary>What NVRTC made of a source: the machine code and the assembler's log.</summary>
/// <param name="Image">The cubin.</param>
/// <param name="Log">What the compiler and the assembler said.</param>
public sealed record CompiledCuda(byte[] Image, string Log);

/// <summary>libnvrtc, opened.</summary>
public sealed unsafe class Nvrtc
{
    private static readonly Lazy<(Nvrtc? Found, string? Why)> Shared = new(Search);

    private readonly nint library;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> create;
    private readonly delegate* unmanaged<nint, int, byte**, int> compile;
    private readonly delegate* unmanaged<nint*, int> destroy;
    private readonly delegate* unmanaged<nint, nuint*, int> logSize, imageSize;
    private readonly delegate* unmanaged<nint, byte*, int> log, image;
    private readonly delegate* unmanaged<int, byte*> errorString;

    /// <summary>Opens the libnvrtc in a folder, or at a path.</summary>
    /// <exception cref="DllNotFoundException">There is none, or it does not load.</exception>
    public Nvrtc(string place)
    {
        Path = NvrtcLibrary.In(place) ?? throw new DllNotFoundException($"{place} holds no libnvrtc.so");
        library = NvrtcLibrary.Open(Path);
        create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Export("nvrtcCreateProgram");
        compile = (delegate* unmanaged<nint, int, byte**, int>)Export("nvrtcCompileProgram");
        destroy = (delegate* unmanaged<nint*, int>)Export("nvrtcDestroyProgram");
        logSize = (delegate* unmanaged<nint, nuint*, int>)Export("nvrtcGetProgramLogSize");
        log = (delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetProgramLog");
        imageSize = (delegate* unmanaged<nint, nuint*, int>)Export("nvrtcGetCUBINSize");
        image = (delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetCUBIN");
        errorString = (delegate* unmanaged<int, byte*>)Export("nvrtcGetErrorString");
        int major, minor, count;
        Check(((delegate* unmanaged<int*, int*, int>)Export("nvrtcVersion"))(&major, &minor), "nvrtcVersion");
        Version = new Version(major, minor);
        Check(((delegate* unmanaged<int*, int>)Export("nvrtcGetNumSupportedArchs"))(&count), "nvrtcGetNumSupportedArchs");
        var supported = new int[count];
        fixed (int* first = supported)
            Check(((delegate* unmanaged<int*, int>)Export("nvrtcGetSupportedArchs"))(first), "nvrtcGetSupportedArchs");
        Architectures = supported;
    }

    /// <summary>The file that was opened.</summary>
    public string Path { get; }

    /// <summary>NVRTC's version, e.g. 11.8.</summary>
    public Version Version { get; }

    /// <summary>The architectures that it compiles for, as 80 for sm_80, ascending.</summary>
    public IReadOnlyList<int> Architectures { get; }

    /// <summary>The libnvrtc of the environment variable <c>NVRTC</c> (a folder or the file), else torch's, else the system's.</summary>
    /// <exception cref="DllNotFoundException">None was found; the message names the places.</exception>
    public static Nvrtc Find() => Shared.Value.Found ?? throw new DllNotFoundException(Shared.Value.Why);

    /// <summary>The architecture to compile for, for a GPU of compute capability <paramref name="major"/>.<paramref name="minor"/>: its own, or the
    /// next lower one of the same generation, whose machine code runs there too.</summary>
    /// <exception cref="NotSupportedException">The kernels need sm_80 or newer, or this NVRTC is too old for the GPU.</exception>
    public int Target(int major, int minor)
    {
        var own = 10 * major + minor;
        if (own < 80) throw new NotSupportedException($"this GPU is sm_{own}; the kernels need sm_80 (Ampere) or newer");
        var fitting = Architectures.Where(a => a <= own && a / 10 == major).ToList();
        return fitting.Count > 0 ? fitting.Max()
            : throw new NotSupportedException($"NVRTC {Version} ({Path}) does not know sm_{own}, it compiles for sm_{string.Join(", sm_", Architectures)}; "
                + $"use a newer one: set {NvrtcLibrary.Variable} to its folder");
    }

    /// <summary>Options that make a register spill an error, for tests of the kernels: where it happens a spill costs time, not correctness.</summary>
    public static IReadOnlyList<string> NoSpills { get; } = ["--ptxas-options=-warn-spills", "--ptxas-options=-Werror"];

    /// <summary>The options of every compilation but the architecture.</summary>
    internal static IReadOnlyList<string> Always { get; } = ["--std=c++17", "--ptxas-options=-v"];

    /// <summary>Compiles a source for one architecture.</summary>
    /// <param name="source">The source.</param>
    /// <param name="architecture">80 for sm_80.</param>
    /// <param name="options">More options, in NVRTC's own form.</param>
    /// <exception cref="InvalidOperationException">It does not compile; the message carries NVRTC's log, whose lines name file and line.</exception>
    public CompiledCuda Compile(CudaSource source, int architecture, params IEnumerable<string> options)
    {
        using var text = new Utf8List([source.Text, source.Name]);
        using var headers = new Utf8List(source.Headers.Values);
        using var names = new Utf8List(source.Headers.Keys);
        using var all = new Utf8List([$"--gpu-architecture=sm_{architecture}", .. Always, .. options]);
        nint program;
        Check(create(&program, text.Pointers[0], text.Pointers[1], headers.Count, headers.Pointers, names.Pointers), "nvrtcCreateProgram");
        try
        {
            var result = compile(program, all.Count, all.Pointers);
            var said = Encoding.UTF8.GetString(Get(logSize, log, program)).TrimEnd('\0', '\n');
            if (result != 0)
                throw new InvalidOperationException($"{source.Name} does not compile for sm_{architecture} (NVRTC {Version}, {Error(result)}):\n{said}");
            return new(Get(imageSize, image, program), said);
        }
        finally { destroy(&program); }
    }

    private byte[] Get(delegate* unmanaged<nint, nuint*, int> size, delegate* unmanaged<nint, byte*, int> content, nint program)
    {
        nuint count;
        Check(size(program, &count), "the size of NVRTC's result");
        var bytes = new byte[count];
        fixed (byte* first = bytes)
            if (count > 0) Check(content(program, first), "NVRTC's result");
        return bytes;
    }

    private nint Export(string name) => NativeLibrary.TryGetExport(library, name, out var address) ? address
        : throw new DllNotFoundException($"{Path} lacks {name}: NVRTC 11.2 or newer is needed");

    private string Error(int code) => Marshal.PtrToStringUTF8((nint)errorString(code)) ?? $"error {code}";

    private void Check(int code, string what)
    {
        if (code != 0) throw new InvalidOperationException($"{what}: {Error(code)}");
    }

    private static (Nvrtc?, string?) Search()
    {
        var places = NvrtcLibrary.Places().ToList();
        foreach (var place in places)
        {
            if (NvrtcLibrary.In(place) is not { } file) continue;
            try { return (new Nvrtc(file), null); }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException) { return (null, $"{file} does not load: {e.Message}"); }
        }
        return (null, $"no libnvrtc, which compiles the CUDA kernels, in {string.Join(", ", places)}; set {NvrtcLibrary.Variable} to its folder");
    }

    /// <summary>Zero-terminated strings in native memory, and an array of their addresses.</summary>
    private sealed class Utf8List : IDisposable
    {
        public Utf8List(IEnumerable<string> strings)
        {
            var list = strings.ToList();
            Count = list.Count;
            Pointers = (byte**)NativeMemory.AllocZeroed((nuint)Math.Max(1, Count), (nuint)sizeof(byte*));
            for (var i = 0; i < Count; i++) Pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(list[i]);
        }

        public int Count { get; }

        public byte** Pointers { get; }

        public void Dispose()
        {
            for (var i = 0; i < Count; i++) Marshal.FreeCoTaskMem((nint)Pointers[i]);
            NativeMemory.Free(Pointers);
        }
    }
}
