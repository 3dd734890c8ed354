// no_grad, enable_grad, inference_mode: what to record, for this thread, until the guard is disposed.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    sealed class GradGuard : IDisposable
    {
        readonly int previous = Native.wt_grad_mode();
        bool left;

        public GradGuard(bool enabled) => Native.wt_set_grad_mode(enabled ? 1 : 0);

        public void Dispose()
        {
            if (left) return;
            left = true;
            Native.wt_set_grad_mode(previous);
        }
    }

    sealed class InferenceGuard(bool enabled) : IDisposable
    {
        nint guard = Native.wt_inference_mode_enter(enabled ? 1 : 0);

        public void Dispose()
        {
            if (guard != 0) Native.wt_inference_mode_leave(guard);
            guard = 0;
        }
    }

    public static bool is_grad_enabled() => Native.wt_grad_mode() != 0;

    public static bool is_inference_mode_enabled() => Native.wt_inference_mode() != 0;

    /// <summary>Nothing is recorded for backward until the result is disposed, on this thread.</summary>
    public static IDisposable no_grad() => new GradGuard(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradGuard(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradGuard(mode);

    public static IDisposable inference_mode(bool mode = true) => new InferenceGuard(mode);
}
