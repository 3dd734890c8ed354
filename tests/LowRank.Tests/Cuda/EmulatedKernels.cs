// The library's kernels compiled by g++ (cuda_on_cpu.h) and run on CPU tensors: the same text that NVRTC compiles, but for the three
// conversions that are PTX instructions.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LowRank.Tests.Cuda;

internal sealed unsafe class EmulatedKernels
{
    private static readonly ConcurrentDictionary<string, EmulatedKernels> Compiled = new();

    private readonly nint library;

    private EmulatedKernels(string source)
    {
        using var folder = new TemporaryFolder();
        var text = CudaSource.Of(source);
        var types = text.Headers["types.cuh"];
        foreach (var (ptx, plain) in new[]
        {
            ("asm(\"cvt.f32.f16 %0, %1;\" : \"=f\"(r) : \"h\"(v.bits));", "r = f16_to_f32(v.bits);"),
            ("asm(\"cvt.rn.bf16.f32 %0, %1;\" : \"=h\"(out.bits) : \"f\"(v));", "out.bits = f32_to_bf16(v);"),
            ("asm(\"cvt.rn.f16.f32 %0, %1;\" : \"=h\"(out.bits) : \"f\"(v));", "out.bits = f32_to_f16(v);"),
        })
        {
            Assert.Contains(ptx, types);
            types = types.Replace(ptx, plain);
        }
        folder.File("types.cuh", types);
        var file = folder.File(source, text.Text);
        var output = folder.File("kernels.so");
        var header = Path.Combine(Golden.TestsFolder, "LowRank.Tests", "Cuda", "cuda_on_cpu.h");
        using var process = Process.Start(new ProcessStartInfo("g++",
            ["-std=c++20", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-w", "-include", header, "-x", "c++", file, "-o", output]) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        library = NativeLibrary.Load(output);                // stays loaded; the file may go
    }

    /// <summary>Runs a kernel on CPU tensors to its end: by emulation, or on the GPU where tests/Gpu has put its own way here.</summary>
    public static Action<KernelLaunch> Run { get; set; } = Emulate;

    private static void Emulate(KernelLaunch call)
    {
        Assert.Contains(call.Kernel, KernelNames.In(call.Source));
        Compiled.GetOrAdd(call.Source, name => new(name)).Launch(call);
    }

    private void Launch(KernelLaunch call)
    {
        var (integers, floats) = (new long[14], new float[8]);
        var (i, f) = (0, 0);
        foreach (var argument in call.Arguments)
        {
            if (argument.Tensor is { } tensor) integers[i++] = CudaArgument.Address(tensor);
            else if (argument.IsFloat) floats[f++] = BitConverter.UInt32BitsToSingle((uint)argument.Bits);
            else integers[i++] = (long)argument.Bits;
        }
        var emulate = (delegate* unmanaged<nint, uint, uint, uint, long*, float*, int>)NativeLibrary.GetExport(library, "emulate");
        fixed (long* firstInteger = integers)
        fixed (float* firstFloat = floats)
        {
            var stuck = emulate(NativeLibrary.GetExport(library, call.Kernel), (uint)call.Grid, (uint)call.GridY, KernelLaunch.Threads, firstInteger, firstFloat);
            Assert.True(stuck == 0, $"{call.Kernel}: a barrier that not every thread reaches");
        }
        GC.KeepAlive(call);
    }
}
