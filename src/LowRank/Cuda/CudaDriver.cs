// The driver's C interface, libcuda.so.1, opened when the first kernel is loaded: a machine without a driver loses nothing but the kernels.
// Torch works in each device's primary context; so does everything here, on top of whatever context the thread has.
using System.Runtime.InteropServices;

namespace LowRank;

/// <summary>libcuda, opened and initialized.</summary>
internal sealed unsafe class CudaDriver
{
    private const string Library = "libcuda.so.1";
    private const int ComputeCapabilityMajor = 75, ComputeCapabilityMinor = 76;

    private static readonly Lazy<(CudaDriver? Driver, string? Why)> Shared = new(Open);

    private readonly nint library;
    private readonly delegate* unmanaged<int*, int, int> deviceGet;
    private readonly delegate* unmanaged<int*, int, int, int> deviceGetAttribute;
    private readonly delegate* unmanaged<nint*, int, int> primaryRetain;
    private readonly delegate* unmanaged<nint, int> push;
    private readonly delegate* unmanaged<nint*, int> pop;
    private readonly delegate* unmanaged<nint*, byte*, int> moduleLoadData;
    private readonly delegate* unmanaged<nint*, nint, byte*, int> moduleGetFunction;
    private readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> launch;
    private readonly delegate* unmanaged<int, byte**, int> errorString;

    private CudaDriver(nint opened)
    {
        library = opened;
        errorString = (delegate* unmanaged<int, byte**, int>)Export("cuGetErrorString");
        deviceGet = (delegate* unmanaged<int*, int, int>)Export("cuDeviceGet");
        deviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)Export("cuDeviceGetAttribute");
        primaryRetain = (delegate* unmanaged<nint*, int, int>)Export("cuDevicePrimaryCtxRetain");
        push = (delegate* unmanaged<nint, int>)Export("cuCtxPushCurrent_v2");
        pop = (delegate* unmanaged<nint*, int>)Export("cuCtxPopCurrent_v2");
        moduleLoadData = (delegate* unmanaged<nint*, byte*, int>)Export("cuModuleLoadData");
        moduleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Export("cuModuleGetFunction");
        launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Export("cuLaunchKernel");
        Check(((delegate* unmanaged<uint, int>)Export("cuInit"))(0), "cuInit");
    }

    /// <summary>The driver.</summary>
    /// <exception cref="NotSupportedException">This machine has none, or none that works; the message says which.</exception>
    public static CudaDriver Get() => Shared.Value.Driver ?? throw new NotSupportedException(Shared.Value.Why);

    /// <summary>The compute capability of a device, and its primary context, which stays retained.</summary>
    public (int Major, int Minor, nint Context) Device(int index)
    {
        int device, major, minor;
        nint context;
        Check(deviceGet(&device, index), $"cuda:{index}");
        Check(deviceGetAttribute(&major, ComputeCapabilityMajor, device), $"the compute capability of cuda:{index}");
        Check(deviceGetAttribute(&minor, ComputeCapabilityMinor, device), $"the compute capability of cuda:{index}");
        Check(primaryRetain(&context, device), $"the primary context of cuda:{index}");
        return (major, minor, context);
    }

    /// <summary>What the driver calls a device: "NVIDIA H100 80GB HBM3".</summary>
    public string Name(int index)
    {
        const int length = 256;
        var text = stackalloc byte[length];
        int device;
        Check(deviceGet(&device, index), $"cuda:{index}");
        Check(((delegate* unmanaged<byte*, int, int, int>)Export("cuDeviceGetName"))(text, length, device), $"the name of cuda:{index}");
        return Marshal.PtrToStringUTF8((nint)text) ?? "";
    }

    /// <summary>All memory of a device.</summary>
    public long MemoryBytes(int index)
    {
        int device;
        nuint bytes;
        Check(deviceGet(&device, index), $"cuda:{index}");
        Check(((delegate* unmanaged<nuint*, int, int>)Export("cuDeviceTotalMem_v2"))(&bytes, device), $"the memory of cuda:{index}");
        return (long)bytes;
    }

    /// <summary>What of it nobody has taken.</summary>
    public long FreeBytes(int index)
    {
        nuint free, all;
        nint popped;
        Check(push(Device(index).Context), $"cuda:{index}");
        var code = ((delegate* unmanaged<nuint*, nuint*, int>)Export("cuMemGetInfo_v2"))(&free, &all);
        pop(&popped);
        Check(code, $"the free memory of cuda:{index}");
        return (long)free;
    }

    /// <summary>Loads machine code into a context.</summary>
    public nint Load(nint context, byte[] image, string name)
    {
        nint module, popped;
        int code;
        Check(push(context), $"loading {name}");
        fixed (byte* first = image) code = moduleLoadData(&module, first);
        pop(&popped);
        Check(code, $"loading {name}");
        return module;
    }

    /// <summary>A kernel of a module, or 0 if it has none of this name.</summary>
    public nint Function(nint context, nint module, string name)
    {
        nint function, popped;
        var text = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            Check(push(context), name);
            var code = moduleGetFunction(&function, module, (byte*)text);
            pop(&popped);
            return code == 0 ? function : 0;
        }
        finally { Marshal.FreeCoTaskMem(text); }
    }

    /// <summary>Queues a kernel on a stream.</summary>
    public void Launch(nint context, nint function, uint gridX, uint gridY, uint threads, nint stream, void** arguments, string name)
    {
        nint popped;
        Check(push(context), $"launching {name}");
        var code = launch(function, gridX, gridY, 1, threads, 1, 1, 0, stream, arguments, null);
        pop(&popped);
        Check(code, $"launching {name}");
    }

    private void Check(int code, string what)
    {
        if (code == 0) return;
        byte* text = null;
        errorString(code, &text);
        throw new InvalidOperationException($"{what}: the CUDA driver says {(text == null ? "" : Marshal.PtrToStringUTF8((nint)text))} (error {code})");
    }

    private nint Export(string name) => NativeLibrary.TryGetExport(library, name, out var address) ? address
        : throw new DllNotFoundException($"{Library} lacks {name}");

    private static (CudaDriver?, string?) Open()
    {
        const string Need = "CUDA kernels need a machine with an NVIDIA GPU and its driver";
        if (!NativeLibrary.TryLoad(Library, out var opened)) return (null, $"{Library} is not on this machine; {Need}");
        try { return (new CudaDriver(opened), null); }
        catch (Exception e) when (e is InvalidOperationException or DllNotFoundException) { return (null, $"{Library} does not work here: {e.Message}; {Need}"); }
    }
}
