// torch.nn.functional: layers and activations as functions. Losses are in FunctionalLosses.cs, attention in Bridge.cs.
using LibTorch;
using TorchSharp.Modules;

namespace TorchSharp;

public enum PaddingModes
{
    Zeros = 0, Reflect = 1, Replicate = 2, Circular = 3, Constant = 4
}

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            static readonly Operator
                Product = new("linear"), Drop = new("dropout"), DropInPlace = new("dropout_"), Norm = new("layer_norm"),
                Rectify = new("relu"), RectifyInPlace = new("relu_"), Rectify6 = new("relu6"), Rectify6InPlace = new("relu6_"),
                LeakyRectify = new("leaky_relu"), LeakyRectifyInPlace = new("leaky_relu_"), Gelu = new("gelu"), GeluInPlace = new("gelu_"),
                Silu = new("silu"), SiluInPlace = new("silu_"), HyperbolicTangent = new("tanh"), HyperbolicTangentInPlace = new("tanh_"),
                Logistic = new("sigmoid"), LogisticInPlace = new("sigmoid_"), LogLogistic = new("log_sigmoid"), SoftRectify = new("softplus"),
                SoftMaximum = new("softmax", "int"), LogSoftMaximum = new("log_softmax", "int"), Padded = new("pad"), OneHot = new("one_hot"),
                VectorNorm = new("linalg_vector_norm"), AtLeast = new("clamp_min"), Divide = new("div", "Tensor"), Cosine = new("cosine_similarity");

            /// <summary>x [..., in] x weights [out, in]ᵀ + bias [out] -> [..., out].</summary>
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => Product.Call(input, weights, bias);

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                (inplace ? DropInPlace : Drop).Call(input, p, training);

            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) =>
                Norm.Call(input, normalized_shape, weight, bias, eps);

            public static Tensor relu(Tensor x, bool inplace = false) => (inplace ? RectifyInPlace : Rectify).Call(x);

            public static Tensor relu6(Tensor x, bool inplace = false) => (inplace ? Rectify6InPlace : Rectify6).Call(x);

            public static Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false) =>
                (inplace ? LeakyRectifyInPlace : LeakyRectify).Call(input, negative_slope);

            public static Tensor gelu(Tensor x) => gelu(x, Modules.GELU.Approximate.none);

            public static Tensor gelu(Tensor x, bool inplace) => gelu(x, Modules.GELU.Approximate.none, inplace);

            public static Tensor gelu(Tensor x, GELU.Approximate approximate, bool inplace = false) =>
                (inplace ? GeluInPlace : Gelu).Call(x, approximate == Modules.GELU.Approximate.tanh ? "tanh" : "none");

            /// <summary>x · sigmoid(x).</summary>
            public static Tensor silu(Tensor x, bool inplace = false) => (inplace ? SiluInPlace : Silu).Call(x);

            public static Tensor tanh(Tensor x, bool inplace = false) => (inplace ? HyperbolicTangentInPlace : HyperbolicTangent).Call(x);

            public static Tensor sigmoid(Tensor x) => sigmoid(x, false);

            public static Tensor sigmoid(Tensor x, bool inplace) => (inplace ? LogisticInPlace : Logistic).Call(x);

            public static Tensor logsigmoid(Tensor x) => LogLogistic.Call(x);

            public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) => SoftRectify.Call(x, beta, threshold);

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => SoftMaximum.Call(input, dim, dtype);

            public static Tensor log_softmax(Tensor x, long dim) => LogSoftMaximum.Call(x, dim);

            /// <summary>Adds elements at both ends of the last dimensions; <paramref name="pad"/> is (before, after) from the last dimension backwards.</summary>
            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                Padded.Call(input, pad, Name(mode), mode is PaddingModes.Constant ? value : Argument.None);

            public static Tensor pad(Tensor input, ReadOnlySpan<long> pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, pad.ToArray(), mode, value);

            public static Tensor pad(Tensor input, (long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, [pad.Item1, pad.Item2], mode, value);

            public static Tensor pad(Tensor input, (long, long, long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, [pad.Item1, pad.Item2, pad.Item3, pad.Item4], mode, value);

            public static Tensor pad(Tensor input, long pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, [pad, pad], mode, value);

            static string Name(PaddingModes mode) => mode switch
            {
                PaddingModes.Constant or PaddingModes.Zeros => "constant",
                PaddingModes.Reflect => "reflect",
                PaddingModes.Replicate => "replicate",
                PaddingModes.Circular => "circular",
                _ => throw new ArgumentOutOfRangeException(nameof(mode), $"no padding mode {mode}"),
            };

            /// <summary>Class numbers [...] int64 -> [..., classes] of zeros and ones.</summary>
            public static Tensor one_hot(Tensor x, long num_classes = -1) => OneHot.Call(x, num_classes);

            /// <summary>Vectors along <paramref name="dim"/> divided by their p-norm, which counts as at least eps.</summary>
            public static Tensor normalize(Tensor input, double p = 2, long dim = 1, double eps = 1e-12)
            {
                using var norm = VectorNorm.Call(input, p, new[] { dim }, true);
                using var divisor = AtLeast.Call(norm, eps);
                return Divide.Call(input, divisor);
            }

            public static Tensor cosine_similarity(Tensor x1, Tensor x2, long dim = 1, double eps = 1e-08) => Cosine.Call(x1, x2, dim, eps);
        }
    }
}
