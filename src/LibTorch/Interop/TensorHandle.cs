using System.Runtime.InteropServices;

namespace LibTorch;

/// <summary>
/// Owns one reference to a TensorImpl. A call holds the handle (DangerousAddRef) for as long as it runs, so neither the garbage
/// collector nor another thread's Dispose can free a tensor that is in use: the release waits for the call's end.
/// </summary>
internal sealed class TensorHandle : SafeHandle
{
    public TensorHandle(nint handle) : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.wt_tensor_release(handle);
        return true;
    }

    /// <summary>The raw pointer, for the time between <see cref="Acquire"/> and <see cref="SafeHandle.DangerousRelease"/>.</summary>
    public nint Acquire()
    {
        var held = false;
        try { DangerousAddRef(ref held); }
        catch (ObjectDisposedException) { throw Disposed(); }
        if (handle != 0) return handle;
        DangerousRelease();
        throw Disposed();
    }

    /// <summary>Gives the reference away: the tensor object is invalid from here on.</summary>
    public nint Take()
    {
        var pointer = Acquire();
        SetHandleAsInvalid();   // never released by this object
        DangerousRelease();
        return pointer;
    }

    static ObjectDisposedException Disposed() =>
        new(nameof(TorchSharp.torch.Tensor), "this tensor has been disposed (by Dispose, the end of its DisposeScope, or because it was handed over)");
}
