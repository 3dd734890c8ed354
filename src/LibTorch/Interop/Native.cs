// The C functions of libworkbook_torch (native/), one to one. Handles are TensorImpl*, 0 is "undefined".
// SuppressGCTransition only where the function is a few loads and can neither block, throw nor call back.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LibTorch;

internal static unsafe partial class Native
{
    const string Library = "workbook_torch";

    [DllImport(Library)] internal static extern byte* wt_error_message();
    [DllImport(Library)] internal static extern nint wt_error_managed();
    [DllImport(Library)] internal static extern void wt_error_clear();
    [DllImport(Library)] internal static extern void wt_set_gc_handle_free(delegate* unmanaged<nint, void> free);
    [DllImport(Library)] internal static extern byte* wt_version();

    [DllImport(Library)] internal static extern int wt_operator(byte* name, byte* overload, nint* result);
    [DllImport(Library)] internal static extern int wt_call(nint op, NativeArgument* arguments, int count, NativeResult** results, int* n_results);

    [DllImport(Library)] internal static extern void wt_tensor_release(nint tensor);
    [DllImport(Library)] internal static extern nint wt_tensor_share(nint tensor);
    [DllImport(Library), SuppressGCTransition] internal static extern sbyte wt_dtype(nint tensor);
    [DllImport(Library), SuppressGCTransition] internal static extern long wt_element_size(nint tensor);
    [DllImport(Library)] internal static extern long wt_numel(nint tensor);
    [DllImport(Library)] internal static extern long wt_dim(nint tensor);
    [DllImport(Library), SuppressGCTransition] internal static extern long wt_device(nint tensor);
    [DllImport(Library)] internal static extern int wt_layout(nint tensor);
    [DllImport(Library)] internal static extern int wt_use_count(nint tensor);
    [DllImport(Library)] internal static extern int wt_sizes(nint tensor, long* result);
    [DllImport(Library)] internal static extern int wt_strides(nint tensor, long* result);
    [DllImport(Library)] internal static extern int wt_storage_offset(nint tensor, long* result);
    [DllImport(Library)] internal static extern int wt_is_contiguous(nint tensor, int* result);
    [DllImport(Library)] internal static extern int wt_data(nint tensor, nint* result);

    [DllImport(Library)] internal static extern int wt_requires_grad(nint tensor);
    [DllImport(Library)] internal static extern int wt_set_requires_grad(nint tensor, int value);
    [DllImport(Library)] internal static extern int wt_is_leaf(nint tensor);
    [DllImport(Library)] internal static extern int wt_grad(nint tensor, nint* result);
    [DllImport(Library)] internal static extern int wt_set_grad(nint tensor, nint grad);
    [DllImport(Library)] internal static extern int wt_retain_grad(nint tensor);
    [DllImport(Library)]
    internal static extern int wt_backward(nint* outputs, int n_outputs, nint* gradients, int n_gradients,
        int retain_graph, int create_graph, nint* inputs, int n_inputs);
    [DllImport(Library)]
    internal static extern int wt_autograd_grad(nint* outputs, int n_outputs, nint* inputs, int n_inputs, nint* gradients, int n_gradients,
        int retain_graph, int create_graph, int allow_unused, nint* results);
    [DllImport(Library)]
    internal static extern void wt_autograd_init(delegate* unmanaged<ForwardCall*, nint> forward, delegate* unmanaged<BackwardCall*, nint> backward,
        delegate* unmanaged<nint, void> release, delegate* unmanaged<nint, void> free);
    [DllImport(Library)] internal static extern int wt_autograd_apply(nint context, nint* inputs, int n_inputs, nint** results, int* n_results);

    [DllImport(Library)] internal static extern int wt_grad_mode();
    [DllImport(Library)] internal static extern void wt_set_grad_mode(int enabled);
    [DllImport(Library)] internal static extern int wt_inference_mode();
    [DllImport(Library)] internal static extern nint wt_inference_mode_enter(int enabled);
    [DllImport(Library)] internal static extern void wt_inference_mode_leave(nint guard);

    [DllImport(Library)] internal static extern int wt_generator_default(int device_type, int index, nint* result);
    [DllImport(Library)] internal static extern int wt_generator_new(int device_type, int index, ulong seed, nint* result);
    [DllImport(Library)] internal static extern void wt_generator_release(nint generator);
    [DllImport(Library)] internal static extern int wt_generator_manual_seed(nint generator, ulong seed);
    [DllImport(Library)] internal static extern int wt_generator_reseed(nint generator, ulong* result);
    [DllImport(Library)] internal static extern int wt_generator_initial_seed(nint generator, ulong* result);
    [DllImport(Library)] internal static extern int wt_generator_state(nint generator, nint* result);
    [DllImport(Library)] internal static extern int wt_generator_set_state(nint generator, nint state);
    [DllImport(Library)] internal static extern int wt_manual_seed(ulong seed);

    [DllImport(Library)] internal static extern int wt_threads();
    [DllImport(Library)] internal static extern int wt_set_threads(int count);
    [DllImport(Library)] internal static extern int wt_interop_threads();
    [DllImport(Library)] internal static extern int wt_parallel_for(long count, long grain, delegate* unmanaged<nint, long, long, void> body, nint context);
    [DllImport(Library)] internal static extern int wt_cuda_device_count();
    [DllImport(Library)] internal static extern int wt_cudnn_available();
    [DllImport(Library)] internal static extern int wt_cuda_synchronize(long index);
    [DllImport(Library)] internal static extern int wt_cuda_current_stream(long index, nint* result);
    [DllImport(Library)] internal static extern int wt_cuda_pool_stream(long index, long* id);
    [DllImport(Library)] internal static extern int wt_cuda_exchange_stream(long index, long id, long* before);
    [DllImport(Library)] internal static extern int wt_cuda_manual_seed(ulong seed, int all);

    [DllImport(Library)] internal static extern void wt_memory_init();
    [DllImport(Library), SuppressGCTransition] internal static extern long wt_memory_live();
    [DllImport(Library), SuppressGCTransition] internal static extern long wt_memory_peak();
    [DllImport(Library)] internal static extern void wt_memory_reset_peak();
    [DllImport(Library)] internal static extern void wt_memory_trim();
    [DllImport(Library)] internal static extern void wt_flush_output();

    static Native()
    {
        OpenBlas.ChooseKernels();
        NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);
        wt_memory_init();
        wt_set_gc_handle_free(&FreeHandle);
        AutogradBridge.Initialize();
        Cores.UseAll();
    }

    static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library) return 0;
        var file = Path.Combine(Path.GetDirectoryName(assembly.Location) ?? AppContext.BaseDirectory, "libworkbook_torch.so");
        if (!File.Exists(file)) file = Path.Combine(AppContext.BaseDirectory, "libworkbook_torch.so");
        if (NativeLibrary.TryLoad(file, out var handle)) return handle;
        try { return NativeLibrary.Load(file); }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException(
                $"{file} could not be loaded: {e.Message.Split('\n')[0]}. It is compiled against the machine's libtorch; build again with ./workbook, " +
                "after apt-get install libtorch-dev libopenblas0-openmp if libtorch is missing", e);
        }
    }

    [UnmanagedCallersOnly]
    internal static void FreeHandle(nint handle) => GCHandle.FromIntPtr(handle).Free();

    /// <summary>Turns a status of 1 into the exception that the C++ side (or a C# callback below it) raised.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(int status)
    {
        if (status != 0) Throw();
    }

    static void Throw()
    {
        var managed = wt_error_managed();
        if (managed != 0)
        {
            var thrown = (System.Runtime.ExceptionServices.ExceptionDispatchInfo)GCHandle.FromIntPtr(managed).Target!;
            wt_error_clear();
            thrown.Throw();
        }
        throw new ExternalException(Marshal.PtrToStringUTF8((nint)wt_error_message()));
    }
}
