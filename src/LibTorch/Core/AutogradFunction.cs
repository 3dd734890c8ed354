// Differentiable functions written in C#: forward and backward run as callbacks of a torch::autograd::Function (native/autograd.cpp).
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using LibTorch;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class autograd
        {
            /// <summary>What forward keeps for backward.</summary>
            public class AutogradContext : IDisposable
            {
                readonly Dictionary<string, object> data = [];
                internal List<Tensor> ToSave = [], Dirty = [], NotDifferentiable = [];
                internal List<Tensor>? Unpacked;     // during backward

                internal AutogradContext() { }

                /// <summary>Shall an output that got no gradient appear as zeros in backward (the default), or as null?</summary>
                public bool MaterializeGrads { get; private set; } = true;

                /// <summary>Tensors for backward: inputs and outputs belong here, so that reference cycles and stale versions are found.</summary>
                public void save_for_backward(List<Tensor> tensors) => ToSave = [.. tensors];

                /// <summary>In backward: what <see cref="save_for_backward"/> kept. The tensors are freed when backward returns.</summary>
                public List<Tensor> get_saved_variables() =>
                    Unpacked ?? throw new InvalidOperationException("get_saved_variables is for backward; forward has not returned yet");

                /// <summary>Anything else that backward needs. A tensor leaves its DisposeScope.</summary>
                public void save_data(string key, object value)
                {
                    if (value is Tensor tensor) tensor.DetachFromDisposeScope();
                    data[key] = value;
                }

                public object get_data(string key) => data.TryGetValue(key, out var value)
                    ? value
                    : throw new KeyNotFoundException($"no data \"{key}\" was saved in forward; saved: {string.Join(", ", data.Keys)}");

                /// <summary>Inputs that forward changed in place.</summary>
                public void mark_dirty(List<Tensor> tensors) => Dirty = [.. tensors];

                public void mark_non_differentiable(List<Tensor> tensors) => NotDifferentiable = [.. tensors];

                public void set_materialize_grads(bool value) => MaterializeGrads = value;

                public void Dispose() => Dispose(true);

                protected virtual void Dispose(bool disposing) { }
            }

            /// <summary>The common part of functions with one and with several outputs.</summary>
            public abstract class Function<T> where T : Function<T>, new()
            {
                static readonly T Instance = new();

                /// <summary>Shown in error messages.</summary>
                public abstract string Name { get; }

                internal abstract List<Tensor> Forward(AutogradContext ctx, object[] vars);

                internal abstract List<Tensor> Backward(AutogradContext ctx, List<Tensor> gradients);

                /// <summary>Runs forward with gradients recorded; the result's graph calls backward.</summary>
                public static List<Tensor> apply_internal(params object[] vars) =>
                    AutogradBridge.Apply(vars, Instance.Name, Instance.Forward, Instance.Backward);
            }

            /// <summary>A differentiable function with one output.</summary>
            public abstract class SingleTensorFunction<T> : Function<T> where T : SingleTensorFunction<T>, new()
            {
                /// <summary>Computes the output; runs with gradients off.</summary>
                public abstract Tensor forward(AutogradContext ctx, params object[] vars);

                /// <summary>Gradients in the order of forward's arguments, null where there is none (and for what is not a tensor).
                /// The tensors returned belong to the graph from then on.</summary>
                public abstract List<Tensor> backward(AutogradContext ctx, Tensor grad_output);

                internal override List<Tensor> Forward(AutogradContext ctx, object[] vars) => [forward(ctx, vars)];

                internal override List<Tensor> Backward(AutogradContext ctx, List<Tensor> gradients) => backward(ctx, gradients[0]);

                public static Tensor apply(params object[] vars) => apply_internal(vars)[0];
            }

            /// <summary>A differentiable function with several outputs.</summary>
            public abstract class MultiTensorFunction<T> : Function<T> where T : MultiTensorFunction<T>, new()
            {
                /// <inheritdoc cref="SingleTensorFunction{T}.forward"/>
                public abstract List<Tensor> forward(AutogradContext ctx, params object[] vars);

                /// <inheritdoc cref="SingleTensorFunction{T}.backward"/>
                public abstract List<Tensor> backward(AutogradContext ctx, List<Tensor> grad_outputs);

                internal override List<Tensor> Forward(AutogradContext ctx, object[] vars) => forward(ctx, vars);

                internal override List<Tensor> Backward(AutogradContext ctx, List<Tensor> gradients) => backward(ctx, gradients);

                public static List<Tensor> apply(params object[] vars) => apply_internal(vars);
            }
        }
    }
}

namespace LibTorch
{
    using static TorchSharp.torch;
    using static TorchSharp.torch.autograd;

    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct ForwardCall
    {
        public nint Context;
        public nint* Outputs; public int OutputCount;
        public nint* Saved; public int SavedCount;
        public nint* Dirty; public int DirtyCount;
        public nint* NotDifferentiable; public int NotDifferentiableCount;
        public int MaterializeGrads;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct BackwardCall
    {
        public nint Context;
        public nint* Gradients; public int GradientCount;
        public nint* Saved; public int SavedCount;
        public nint* Results; public int ResultCount;
    }

    /// <summary>
    /// The callbacks. A tensor that forward or backward returns is moved out of its C# object into the graph: otherwise that object
    /// would keep the graph that keeps the object. Backward may run on another thread than forward: nothing here is thread-static.
    /// </summary>
    internal static unsafe class AutogradBridge
    {
        sealed class Node(string name, object[] vars, Func<AutogradContext, object[], List<Tensor>> forward, Func<AutogradContext, List<Tensor>, List<Tensor>> backward)
        {
            public readonly string Name = name;
            public object[]? Vars = vars;              // forward's only, so that nothing outlives it here
            public readonly bool[] IsTensor = Array.ConvertAll(vars, v => v is Tensor { IsInvalid: false });
            public readonly Func<AutogradContext, object[], List<Tensor>> Forward = forward;
            public readonly Func<AutogradContext, List<Tensor>, List<Tensor>> Backward = backward;
            public readonly AutogradContext Context = new();
        }

        internal static void Initialize() => Native.wt_autograd_init(&RunForward, &RunBackward, &Native.FreeHandle, &FreeArray);

        internal static List<Tensor> Apply(object[] vars, string name, Func<AutogradContext, object[], List<Tensor>> forward,
            Func<AutogradContext, List<Tensor>, List<Tensor>> backward)
        {
            var node = new Node(name, vars, forward, backward);
            using var inputs = new HandleArray(vars.OfType<Tensor>().Where(t => !t.IsInvalid).ToArray());
            nint* results;
            int count;
            fixed (nint* p = inputs.Pointers)
                Native.Check(Native.wt_autograd_apply(GCHandle.ToIntPtr(GCHandle.Alloc(node)), p, inputs.Count, &results, &count));
            var outputs = new List<Tensor>(count);
            for (var i = 0; i < count; i++) outputs.Add(Tensor.Own(results[i]));
            return outputs;
        }

        [UnmanagedCallersOnly]
        static nint RunForward(ForwardCall* call)
        {
            try
            {
                var node = (Node)GCHandle.FromIntPtr(call->Context).Target!;
                var vars = node.Vars!;
                node.Vars = null;
                var context = node.Context;
                var outputs = node.Forward(context, vars);
                call->Saved = ShareAll(context.ToSave, out call->SavedCount);
                call->Dirty = ShareAll(context.Dirty, out call->DirtyCount);
                call->NotDifferentiable = ShareAll(context.NotDifferentiable, out call->NotDifferentiableCount);
                call->MaterializeGrads = context.MaterializeGrads ? 1 : 0;
                call->Outputs = (nint*)NativeMemory.Alloc((nuint)outputs.Count * 8 + 8);
                call->OutputCount = outputs.Count;
                var keep = vars.OfType<Tensor>().Concat(context.ToSave).ToHashSet<object?>(ReferenceEqualityComparer.Instance);
                for (var i = 0; i < outputs.Count; i++) call->Outputs[i] = Move(outputs[i], keep);
                // A saved output was shared, not moved: its own object goes now, the graph holds what backward needs.
                foreach (var tensor in context.ToSave)
                    if (outputs.Contains(tensor) && !vars.Contains(tensor)) tensor.Dispose();
                context.ToSave = context.Dirty = context.NotDifferentiable = [];
                return 0;
            }
            catch (Exception e) { return Capture(e); }
        }

        [UnmanagedCallersOnly]
        static nint RunBackward(BackwardCall* call)
        {
            var temporary = new List<Tensor>();
            try
            {
                var node = (Node)GCHandle.FromIntPtr(call->Context).Target!;
                var gradients = Own(call->Gradients, call->GradientCount, temporary);
                var context = node.Context;
                context.Unpacked = Own(call->Saved, call->SavedCount, temporary);
                var results = node.Backward(context, gradients);
                context.Unpacked = null;
                if (results.Count != node.IsTensor.Length)
                    throw new InvalidOperationException($"{node.Name}.backward returned {results.Count} gradients; forward had {node.IsTensor.Length} arguments (return null where there is none)");
                var moved = new HashSet<object?>(ReferenceEqualityComparer.Instance);
                var slot = 0;
                for (var i = 0; i < results.Count; i++)
                {
                    if (!node.IsTensor[i])
                    {
                        if (results[i] is not null)
                            throw new InvalidOperationException($"{node.Name}.backward returned a gradient for argument {i}, which is not a tensor");
                        continue;
                    }
                    // The same tensor may be the gradient of several arguments: share it until its last place.
                    if (results[i] is { } gradient)
                        call->Results[slot] = results.FindLastIndex(r => ReferenceEquals(r, gradient)) > i ? Share(gradient) : Move(gradient, moved);
                    slot++;
                }
                return 0;
            }
            catch (Exception e) { return Capture(e); }
            finally { foreach (var tensor in temporary) tensor.Dispose(); }
        }

        static nint Share(Tensor tensor)
        {
            var pointer = tensor.handle.Acquire();
            try { return Native.wt_tensor_share(pointer); }
            finally { tensor.handle.DangerousRelease(); }
        }

        /// <summary>The reference itself; one of its own where somebody else keeps the object (an argument, a parameter).</summary>
        static nint Move(Tensor tensor, HashSet<object?> keep) =>
            tensor is null ? 0 : keep.Contains(tensor) || tensor is TorchSharp.Modules.Parameter ? Share(tensor) : tensor.DecoupleFromNativeHandle();

        static List<Tensor> Own(nint* handles, int count, List<Tensor> temporary)
        {
            var list = new List<Tensor>(count);
            for (var i = 0; i < count; i++)
            {
                var tensor = Tensor.Own(handles[i]);
                list.Add(tensor);
                if (tensor is not null) temporary.Add(tensor.DetachFromDisposeScope());
            }
            return list;
        }

        static nint* ShareAll(List<Tensor> tensors, out int count)
        {
            count = tensors.Count;
            var array = (nint*)NativeMemory.Alloc((nuint)count * 8 + 8);
            for (var i = 0; i < count; i++) array[i] = tensors[i] is { } tensor ? Share(tensor) : 0;
            return array;
        }

        static nint Capture(Exception e) => GCHandle.ToIntPtr(GCHandle.Alloc(ExceptionDispatchInfo.Capture(e)));

        [UnmanagedCallersOnly]
        static void FreeArray(nint array) => NativeMemory.Free((void*)array);
    }
}
