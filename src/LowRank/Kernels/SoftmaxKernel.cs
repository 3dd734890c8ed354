// Softmax over rows in place, in the two forms that a language model needs: the causal one of attention, which never looks at the
// places it would mask, and the one under the cross entropy, which becomes the gradient in the same pass.
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static class SoftmaxKernel
{
    /// <summary>
    /// scores [.., tokens, tokens] become P: row t sees the places 0…t, or the last of them that fit the window; the rest gets 0.
    /// </summary>
    public static unsafe void CausalForward(Tensor scores, int window = int.MaxValue)
    {
        var tokens = (int)scores.shape[^1];
        var start = (nint)CpuRows.Start(scores);
        CpuRows.For(scores.NumberOfElements / tokens, tokens, (from, to) =>
        {
            for (var row = from; row < to; row++)
            {
                var all = new Span<float>((float*)start + row * tokens, tokens);
                var end = (int)(row % tokens) + 1;
                var first = Math.Max(0, end - window);
                all[..first].Clear();
                Softmax(all[first..end]);
                all[end..].Clear();
            }
        });
        GC.KeepAlive(scores);
    }

    /// <summary>
    /// dp [.., tokens, tokens] becomes ∂S = P ⊙ (∂P − ⟨∂P, P⟩), row by row, over the places that forward saw.
    /// </summary>
    public static unsafe void CausalBackward(Tensor p, Tensor dp, int window = int.MaxValue)
    {
        var tokens = (int)p.shape[^1];
        var (pp, pd) = ((nint)CpuRows.Start(p), (nint)CpuRows.Start(dp));
        CpuRows.For(p.NumberOfElements / tokens, tokens, (from, to) =>
        {
            for (var row = from; row < to; row++)
            {
                var end = (int)(row % tokens) + 1;
                var first = Math.Max(0, end - window);
                var probability = new ReadOnlySpan<float>((float*)pp + row * tokens, tokens)[first..end];
                var all = new Span<float>((float*)pd + row * tokens, tokens);
                var gradient = all[first..end];
                TensorPrimitives.Subtract(gradient, TensorPrimitives.Dot(gradient, probability), gradient);
                TensorPrimitives.Multiply(gradient, probability, gradient);
                all[..first].Clear();
                all[end..].Clear();
            }
        });
        GC.KeepAlive((p, dp));
    }

    /// <summary>
    /// logits [rows, vocabulary] become share ⊙ (softmax − onehot(target)); the result is Σ share · (log Σ exp − logit of the target).
    /// </summary>
    /// <param name="logits">Overwritten with the gradient.</param>
    /// <param name="share">[rows]: what a row counts in the mean, 0 for an ignored one.</param>
    /// <param name="targets">[rows] int64, each a valid place.</param>
    public static unsafe double CrossEntropy(Tensor logits, Tensor share, Tensor targets)
    {
        var (rows, size) = (logits.shape[0], (int)logits.shape[1]);
        var (pl, ps) = ((nint)CpuRows.Start(logits), (nint)CpuRows.Start(share));
        var wanted = targets.data<long>().ToArray();
        var losses = new double[rows];
        CpuRows.For(rows, size, (begin, end) =>
        {
            for (var row = begin; row < end; row++)
            {
                var values = new Span<float>((float*)pl + row * size, size);
                var weight = ((float*)ps)[row];
                if (weight == 0) { values.Clear(); continue; }
                var target = values[(int)wanted[row]];
                var (max, sum) = Exponentials(values);
                losses[row] = weight * (Math.Log(sum) + max - target);
                TensorPrimitives.Multiply(values, weight / sum, values);
                values[(int)wanted[row]] -= weight;
            }
        });
        GC.KeepAlive((logits, share));
        return TensorPrimitives.Sum<double>(losses);
    }

    static void Softmax(Span<float> values) => TensorPrimitives.Multiply(values, 1 / Exponentials(values).Sum, values);

    /// <summary>values become exp(values − max).</summary>
    static (float Max, float Sum) Exponentials(Span<float> values)
    {
        var max = TensorPrimitives.Max<float>(values);
        TensorPrimitives.Subtract(values, max, values);
        TensorPrimitives.Exp<float>(values, values);
        return (max, TensorPrimitives.Sum<float>(values));
    }
}
