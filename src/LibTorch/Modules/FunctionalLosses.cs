// torch.nn.functional: losses. Mean divides by the number of elements, for weighted classes by the sum of the weights of the targets.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            static readonly Operator
                CrossEntropy = new("cross_entropy_loss"), NegativeLogLikelihood = new("nll_loss_nd"), SquaredError = new("mse_loss"), AbsoluteError = new("l1_loss"),
                SmoothAbsoluteError = new("smooth_l1_loss"), BinaryCrossEntropy = new("binary_cross_entropy"),
                BinaryCrossEntropyOfLogits = new("binary_cross_entropy_with_logits"), Divergence = new("kl_div");

            /// <summary>−log softmax(input)[target]: input [n, classes, ...] logits, target [n, ...] class numbers (int64) or [n, classes, ...] probabilities.</summary>
            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100,
                Reduction reduction = Reduction.Mean, double label_smoothing = 0) =>
                CrossEntropy.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

            /// <summary>−input[target]: input [n, classes, ...] log-probabilities, target [n, ...] int64; −100 is ignored.</summary>
            public static Tensor nll_loss(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                NegativeLogLikelihood.Call(input, target, weight, (long)reduction);

            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                SquaredError.Call(input, target, (long)reduction);

            public static Tensor l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                AbsoluteError.Call(input, target, (long)reduction);

            /// <summary>Half the square (over beta) below beta, the absolute error less beta/2 above.</summary>
            public static Tensor smooth_l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean, double beta = 1) =>
                SmoothAbsoluteError.Call(input, target, (long)reduction, beta);

            /// <summary>input holds probabilities in [0, 1].</summary>
            public static Tensor binary_cross_entropy(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                BinaryCrossEntropy.Call(input, target, weight, (long)reduction);

            /// <summary>input holds logits; pos_weights multiply the loss of positive targets.</summary>
            public static Tensor binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight = null,
                Reduction reduction = Reduction.Mean, Tensor? pos_weights = null) =>
                BinaryCrossEntropyOfLogits.Call(input, target, weight, pos_weights, (long)reduction);

            /// <summary>target · (log target − input), input log-probabilities; with <paramref name="log_target"/> the target is logarithmic too.
            /// Mean is over elements, not over the batch.</summary>
            public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean) =>
                Divergence.Call(input, target, (long)reduction, log_target);
        }
    }
}
