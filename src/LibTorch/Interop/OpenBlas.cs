// Which of its kernels OpenBLAS uses. It chooses by the processor's model number when it is loaded, and gives a model that is younger
// than itself the kernels of 2004 (Debian 12's 0.3.21: Prescott, SSE3), at a third of the speed of those that the processor could
// run. So before libtorch loads it we ask what it would choose, and name better kernels where it does not know the processor.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace LibTorch;

/// <summary>The kernels of the OpenBLAS that libtorch is linked to.</summary>
public static partial class OpenBlas
{
    private const string Variable = "OPENBLAS_CORETYPE", Linked = "libblas.so.3";

    /// <summary>Kernels for processors without AVX2.</summary>
    private static readonly string[] Old =
        ["Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Sandybridge", "Generic", "Katmai", "Coppermine", "Northwood", "Banias", "Atom"];

    /// <summary>What it chose by itself before better kernels were named, or null where nothing had to be named.</summary>
    public static string? Replaced { get; private set; }

    /// <summary>The kernels in use, as "Haswell"; null where libtorch's matrix products are another library's.</summary>
    public static string? Kernels => Chosen();

    /// <summary>Names better kernels if OpenBLAS does not know this processor and the user's environment does not decide. To be called before
    /// libtorch is loaded.</summary>
    internal static void ChooseKernels()
    {
        if (!Avx2.IsSupported || !Fma.IsSupported || Environment.GetEnvironmentVariable(Variable) is not null) return;
        if (Chosen() is not { } chosen || !Old.Contains(chosen, StringComparer.OrdinalIgnoreCase)) return;
        var better = Avx512F.IsSupported && Avx512BW.IsSupported && Avx512CD.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported
            ? "SkylakeX" : "Haswell";
        if (SetEnvironment(Variable, better, 0) == 0) Replaced = chosen;
    }

    // Loaded alone and released, the library chooses anew when libtorch loads it.
    private static unsafe string? Chosen()
    {
        if (!NativeLibrary.TryLoad(Linked, out var library)) return null;
        try
        {
            return NativeLibrary.TryGetExport(library, "openblas_get_corename", out var function)
                ? Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)function)()) : null;
        }
        finally { NativeLibrary.Free(library); }
    }

    // .NET's own setting of a variable does not reach native code.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
