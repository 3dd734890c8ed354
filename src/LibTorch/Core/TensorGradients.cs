// requires_grad, grad, backward: the automatic differentiation that libtorch does.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        static readonly Operator Detach = new("detach"), DetachInPlace = new("detach_"), Alias = new("alias");

        public bool requires_grad
        {
            get { var h = handle.Acquire(); try { return Native.wt_requires_grad(h) != 0; } finally { handle.DangerousRelease(); } }
            set { var h = handle.Acquire(); try { Native.Check(Native.wt_set_requires_grad(h, value ? 1 : 0)); } finally { handle.DangerousRelease(); } }
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public bool is_leaf { get { var h = handle.Acquire(); try { return Native.wt_is_leaf(h) != 0; } finally { handle.DangerousRelease(); } } }

        public void retain_grad()
        {
            var h = handle.Acquire();
            try { Native.Check(Native.wt_retain_grad(h)); } finally { handle.DangerousRelease(); }
        }

        /// <summary>The accumulated gradient, or null.</summary>
        public unsafe Tensor? grad
        {
            get
            {
                var h = handle.Acquire();
                try
                {
                    nint gradient;
                    Native.Check(Native.wt_grad(h, &gradient));
                    return Own(gradient);
                }
                finally { handle.DangerousRelease(); }
            }
            set
            {
                var h = handle.Acquire();
                var g = value?.handle.Acquire() ?? 0;
                try { Native.Check(Native.wt_set_grad(h, g)); }
                finally { value?.handle.DangerousRelease(); handle.DangerousRelease(); }
            }
        }

        public Tensor detach() => Detach.Call(this);

        public Tensor detach_() => DetachInPlace.Call(this);

        public Tensor alias() => Alias.Call(this);

        public void backward() => autograd.backward([this]);

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }

    public static partial class autograd
    {
        /// <summary>Adds the gradients of <paramref name="tensors"/> to every leaf below them (or to <paramref name="inputs"/> alone).</summary>
        public static unsafe void backward(IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
            bool create_graph = false, IList<Tensor>? inputs = null)
        {
            using var o = new HandleArray(tensors);
            using var g = new HandleArray(grad_tensors);
            using var i = new HandleArray(inputs);
            fixed (nint* po = o.Pointers, pg = g.Pointers, pi = i.Pointers)
                Native.Check(Native.wt_backward(po, o.Count, pg, g.Count, retain_graph ?? create_graph ? 1 : 0, create_graph ? 1 : 0, pi, i.Count));
        }

        public static void backward(Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
            bool create_graph = false, IList<Tensor>? inputs = null) => backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(Tensor tensor, Tensor grad_tensor, bool? retain_graph = null,
            bool create_graph = false, IList<Tensor>? inputs = null) => backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        /// <summary>Gradients of <paramref name="outputs"/> with respect to <paramref name="inputs"/>; an unused input's is null when allowed.</summary>
        public static unsafe IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null,
            bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            using var o = new HandleArray(outputs);
            using var i = new HandleArray(inputs);
            using var g = new HandleArray(grad_outputs);
            var results = new nint[inputs.Count];
            fixed (nint* po = o.Pointers, pi = i.Pointers, pg = g.Pointers, pr = results)
                Native.Check(Native.wt_autograd_grad(po, o.Count, pi, i.Count, pg, g.Count, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, pr));
            return Array.ConvertAll(results, Tensor.Own);
        }
    }
}
