// The library's kernels compiled by g++ (cuda_on_cpu.h) and run on CPU tensors: the same text that NVRTC compiles, but for the three
// conversions that are PTX instructions.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

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

    public static EmulatedKernels Of(string source) => Compiled.GetOrAdd(source, name => new(name));

    /// <summary>Runs a kernel to its end: tensors must be on the CPU and contiguous.</summary>
    public void Launch(string kernel, long grid, long gridY, params object[] arguments)
    {
        var (integers, floats) = (new long[10], new float[8]);
        var (i, f) = (0, 0);
        foreach (var argument in arguments)
        {
            switch (argument)
            {
                case Tensor tensor: integers[i++] = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes)); break;
                case int number: integers[i++] = number; break;
                case long number: integers[i++] = number; break;
                case float number: floats[f++] = number; break;
                default: throw new ArgumentException($"{argument.GetType()}");
            }
        }
        var emulate = (delegate* unmanaged<nint, uint, uint, uint, long*, float*, int>)NativeLibrary.GetExport(library, "emulate");
        fixed (long* firstInteger = integers)
        fixed (float* firstFloat = floats)
        {
            var stuck = emulate(NativeLibrary.GetExport(library, kernel), (uint)grid, (uint)gridY, 256, firstInteger, firstFloat);
            Assert.True(stuck == 0, $"{kernel}: a barrier that not every thread reaches");
        }
        GC.KeepAlive(arguments);
    }
}
