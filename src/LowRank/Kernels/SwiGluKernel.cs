// silu(gate) ⊙ up and its gradients (arXiv 2002.05202), one pass each. With σ = sigmoid(gate), a = gate σ:
//   y = a ⊙ up;   ∂up = ∂y ⊙ a;   ∂gate = ∂y ⊙ up ⊙ (σ + a − a σ)
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static class SwiGluKernel
{
    /// <summary>All of one shape, see <see cref="CpuRows.Fit"/>.</summary>
    public static unsafe void Forward(Tensor gate, Tensor up, Tensor output)
    {
        var (g, u, y, count) = ((nint)CpuRows.Start(gate), (nint)CpuRows.Start(up), (nint)CpuRows.Start(output), gate.NumberOfElements);
        CpuRows.For((count + CpuRows.Block - 1) / CpuRows.Block, CpuRows.Block, (begin, end) =>
        {
            Span<float> a = stackalloc float[CpuRows.Block];
            for (var start = begin * CpuRows.Block; start < Math.Min(end * CpuRows.Block, count); start += CpuRows.Block)
            {
                var n = (int)Math.Min(CpuRows.Block, count - start);
                var gates = new ReadOnlySpan<float>((float*)g + start, n);
                TensorPrimitives.Sigmoid(gates, a);
                TensorPrimitives.Multiply(a[..n], gates, a);
                TensorPrimitives.Multiply(a[..n], new ReadOnlySpan<float>((float*)u + start, n), new Span<float>((float*)y + start, n));
            }
        });
        Keep(gate, up, output);
    }

    public static unsafe void Backward(Tensor gate, Tensor up, Tensor gradient, Tensor dgate, Tensor dup)
    {
        var (g, u, d, count) = ((nint)CpuRows.Start(gate), (nint)CpuRows.Start(up), (nint)CpuRows.Start(gradient), gate.NumberOfElements);
        var (dg, du) = ((nint)CpuRows.Start(dgate), (nint)CpuRows.Start(dup));
        CpuRows.For((count + CpuRows.Block - 1) / CpuRows.Block, CpuRows.Block, (begin, end) =>
        {
            Span<float> sigmoid = stackalloc float[CpuRows.Block];
            Span<float> a = stackalloc float[CpuRows.Block];
            for (var start = begin * CpuRows.Block; start < Math.Min(end * CpuRows.Block, count); start += CpuRows.Block)
            {
                var n = (int)Math.Min(CpuRows.Block, count - start);
                var s = sigmoid[..n];
                var act = a[..n];
                var gates = new ReadOnlySpan<float>((float*)g + start, n);
                var dy = new ReadOnlySpan<float>((float*)d + start, n);
                var slope = new Span<float>((float*)dg + start, n);
                TensorPrimitives.Sigmoid(gates, s);
                TensorPrimitives.Multiply(gates, s, act);
                TensorPrimitives.Multiply(dy, act, new Span<float>((float*)du + start, n));
                TensorPrimitives.Add(s, act, slope);
                TensorPrimitives.Multiply(act, s, act);
                TensorPrimitives.Subtract(slope, act, slope);
                TensorPrimitives.Multiply(slope, new ReadOnlySpan<float>((float*)u + start, n), slope);
                TensorPrimitives.Multiply(slope, dy, slope);
            }
        });
        Keep(gate, up, gradient, dgate, dup);
    }

    static void Keep(params ReadOnlySpan<Tensor> tensors)
    {
        foreach (var tensor in tensors) GC.KeepAlive(tensor);
    }
}
