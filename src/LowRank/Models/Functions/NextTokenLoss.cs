// Mean cross entropy over the vocabulary, fused with the head's product and taken in chunks of rows, so that tokens × vocabulary
// is never held whole. The gradient is made in the same pass, while a chunk's probabilities are at hand:
//   ∂logits = (softmax(logits) − onehot(target)) / count,   ∂hidden = ∂logits W,   ∂W = ∂logitsᵀ hidden.
using static TorchSharp.torch;

namespace LowRank;

internal static class NextTokenLoss
{
    /// <summary>A target with this value is left out, as in torch.</summary>
    public const long Ignored = -100;

    /// <summary>Chunks hold about this many logits: 4 MB in float32, which stays in the cache.</summary>
    private const long ChunkSize = 1 << 20;

    /// <param name="hidden">[rows, hidden]</param>
    /// <param name="weight">The head's, [vocabulary, hidden].</param>
    /// <param name="targets">[rows] int64</param>
    /// <returns>A scalar: the mean over the rows that are not ignored.</returns>
    /// <exception cref="ArgumentException">A target is outside the vocabulary.</exception>
    public static Tensor OfHidden(Tensor hidden, Tensor weight, Tensor targets)
    {
        using var scope = NewDisposeScope();
        var wanted = is_grad_enabled();
        return Fused.apply(hidden, weight, new Asked(targets, weight.shape[0], hidden.dtype), wanted && hidden.requires_grad, wanted && weight.requires_grad)
            .MoveToOuterDisposeScope();
    }

    /// <summary>What <see cref="OfHidden"/> keeps, from shapes alone: the gradients themselves. The result is what a chunk takes
    /// meanwhile, in numbers.</summary>
    public static long TraceHidden(ActivationTrace trace, TracedTensor hidden, long rows, long vocabulary, bool weightTrains)
    {
        var size = hidden.Numbers / rows;
        if (hidden.RequiresGrad) trace.KeepMade(hidden.Numbers);
        if (weightTrains) trace.KeepMade(vocabulary * size);
        return Math.Min(rows, RowsAtOnce(vocabulary)) * (vocabulary + size);
    }

    /// <summary>What <see cref="OfLogits"/> keeps, from shapes alone: the gradient of the logits.</summary>
    public static void TraceLogits(ActivationTrace trace, TracedTensor logits)
    {
        if (logits.RequiresGrad) trace.KeepMade(logits.Numbers);
    }

    private static long RowsAtOnce(long vocabulary) => Math.Max(64, ChunkSize / vocabulary);

    /// <param name="logits">[rows, vocabulary]</param>
    /// <param name="targets">[rows] int64</param>
    /// <returns>A scalar: the mean over the rows that are not ignored.</returns>
    /// <exception cref="ArgumentException">A target is outside the vocabulary.</exception>
    public static Tensor OfLogits(Tensor logits, Tensor targets)
    {
        using var scope = NewDisposeScope();
        return Plain.apply(logits, new Asked(targets, logits.shape[1], logits.dtype), is_grad_enabled() && logits.requires_grad).MoveToOuterDisposeScope();
    }

    /// <summary>What each row counts in the mean, [rows, 1], 0 for an ignored one; and the targets, 0 in ignored rows, [rows, 1].</summary>
    private sealed class Asked
    {
        public Tensor Share { get; }
        public Tensor Targets { get; }

        public Asked(Tensor targets, long vocabulary, ScalarType dtype)
        {
            var asked = targets.ne(Ignored);
            Targets = targets.masked_fill(asked.logical_not(), 0).unsqueeze(1);
            if (targets.numel() > 0 && (Targets.min().item<long>() < 0 || Targets.max().item<long>() >= vocabulary))
                throw new ArgumentException($"labels reach from {Targets.min().item<long>()} to {Targets.max().item<long>()}, outside the vocabulary of {vocabulary} (use {Ignored} where nothing is asked)");
            Share = asked.to(Precision.Wide(dtype)).unsqueeze(1).div_((double)asked.sum().item<long>());
        }
    }

    /// <summary>The loss of a chunk's rows; the logits, or a tensor in their place, become its gradient.</summary>
    private static (double Loss, Tensor Gradient) Chunk(Tensor logits, Tensor share, Tensor targets)
    {
        if (CpuRows.Fit(logits, share))
            return (SoftmaxKernel.CrossEntropy(logits, share, targets), logits);
        var log = logits.log_softmax(1, share.dtype);
        var loss = -log.gather(1, targets).mul_(share).sum(ScalarType.Float64).item<double>();
        return (loss, log.exp_().scatter_add_(1, targets, full_like(share, -1)).mul_(share).to(logits.dtype));
    }

    private sealed class Fused : autograd.SingleTensorFunction<Fused>
    {
        public override string Name => nameof(NextTokenLoss);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (hidden, weight, asked, wantHidden, wantWeight) = ((Tensor)vars[0], (Tensor)vars[1], (Asked)vars[2], (bool)vars[3], (bool)vars[4]);
            var dhidden = wantHidden ? empty_like(hidden) : null;
            var dweight = wantWeight ? zeros_like(weight) : null;
            double loss = 0;
            var size = RowsAtOnce(weight.shape[0]);
            for (long start = 0; start < hidden.shape[0]; start += size)
            {
                using var chunk = NewDisposeScope();
                var rows = Math.Min(size, hidden.shape[0] - start);
                var x = hidden.narrow(0, start, rows);
                var logits = x.mm(weight.t());                                      // [r, h] x [h, v] -> [r, v]
                var (part, gradient) = Chunk(logits, asked.Share.narrow(0, start, rows), asked.Targets.narrow(0, start, rows));
                loss += part;
                dhidden?.narrow(0, start, rows).copy_(gradient.mm(weight));         // [r, v] x [v, h] -> [r, h]
                dweight?.addmm_(gradient.t(), x);                                   // [v, r] x [r, h] -> [v, h]
            }
            ctx.save_for_backward([.. new[] { dhidden, dweight }.OfType<Tensor>()]);
            ctx.save_data("hidden", wantHidden);
            ctx.save_data("weight", wantWeight);
            return tensor(loss, asked.Share.dtype, hidden.device);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var saved = new Queue<Tensor>(ctx.get_saved_variables());
            Tensor? Scaled(string name) => (bool)ctx.get_data(name) ? saved.Dequeue() is var g ? g.mul(grad_output.to(g.dtype)) : null : null;
            return [Scaled("hidden")!, Scaled("weight")!, null!, null!, null!];
        }
    }

    private sealed class Plain : autograd.SingleTensorFunction<Plain>
    {
        public override string Name => nameof(NextTokenLoss);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (logits, asked, wanted) = ((Tensor)vars[0], (Asked)vars[1], (bool)vars[2]);
            var (loss, gradient) = Chunk(logits.clone(), asked.Share, asked.Targets);   // the caller's logits stay as they are
            if (wanted)
                ctx.save_for_backward([gradient]);
            return tensor(loss, asked.Share.dtype, logits.device);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var gradient = ctx.get_saved_variables()[0];
            return [gradient.mul(grad_output.to(gradient.dtype)), null!, null!];
        }
    }
}
