// torch.nn.init: fills a tensor in place, without recording it for backward, and returns that same tensor.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class init
        {
            public enum FanInOut { FanIn, FanOut }

            public enum NonlinearityType
            {
                Linear, Conv1D, Conv2D, Conv3D, ConvTranspose1D, ConvTranspose2D, ConvTranspose3D, Sigmoid, Tanh, ReLU, LeakyReLU
            }

            static readonly Operator
                Uniform = new("uniform_"), Normal = new("normal_"), Fill = new("fill_", "Scalar"), CopyInto = new("copy_"), Reshaped = new("reshape"),
                TransposeMatrix = new("t"), Factor = new("linalg_qr"), DiagonalOf = new("diagonal"), SignOf = new("sign"), Scale = new("mul_", "Scalar"),
                ScaleBy = new("mul_", "Tensor"), NormalCdf = new("special_ndtr"), InverseError = new("erfinv_"), Shift = new("add_", "Scalar"), Clamp = new("clamp_"),
                Identity = new("eye", "m");

            static Tensor Filled(Tensor tensor, Operator fill, params ReadOnlySpan<Argument> arguments)
            {
                using (no_grad()) fill.CallVoid([tensor, .. arguments]);
                return tensor;
            }

            public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null) =>
                Filled(tensor, Uniform, low, high, generator);

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null) =>
                Filled(tensor, Normal, mean, std, generator);

            public static Tensor constant_(Tensor tensor, Scalar val) => Filled(tensor, Fill, val);

            public static Tensor ones_(Tensor tensor) => Filled(tensor, Fill, 1);

            public static Tensor zeros_(Tensor tensor) => Filled(tensor, Fill, 0);

            /// <summary>The identity, for a matrix.</summary>
            public static Tensor eye_(Tensor tensor)
            {
                if (tensor.dim() != 2) throw new ArgumentException($"eye_ fills matrices, not {tensor.dim()} dimensions");
                using var identity = Identity.Call(tensor.shape[0], tensor.shape[1], tensor.dtype, Argument.None, tensor.device);
                return Filled(tensor, CopyInto, identity);
            }

            /// <summary>What an activation takes away of a signal's standard deviation; <paramref name="param"/> is LeakyReLU's slope.</summary>
            public static double calculate_gain(NonlinearityType nonlinearity, double param = 0) => nonlinearity switch
            {
                NonlinearityType.Tanh => 5.0 / 3,
                NonlinearityType.ReLU => Math.Sqrt(2),
                NonlinearityType.LeakyReLU => Math.Sqrt(2 / (1 + param * param)),
                _ => 1,
            };

            /// <summary>Inputs and outputs of one unit: weight [out, in, kernel...].</summary>
            public static (long fanIn, long fanOut) CalculateFanInAndFanOut(Tensor tensor)
            {
                var shape = tensor.shape;
                if (shape.Length < 2) throw new ArgumentException($"fan in and fan out need a weight of at least two dimensions, not {shape.Length}");
                var field = shape[2..].Aggregate(1L, (product, size) => product * size);
                return (shape[1] * field, shape[0] * field);
            }

            /// <summary>Uniform in ±gain·√(6 / (fan in + fan out)) (Glorot and Bengio).</summary>
            public static Tensor xavier_uniform_(Tensor tensor, double gain = 1)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                var bound = gain * Math.Sqrt(6.0 / (fanIn + fanOut));
                return uniform_(tensor, -bound, bound);
            }

            public static Tensor xavier_normal_(Tensor tensor, double gain = 1)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return normal_(tensor, 0, gain * Math.Sqrt(2.0 / (fanIn + fanOut)));
            }

            public static Tensor glorot_uniform_(Tensor tensor, double gain = 1) => xavier_uniform_(tensor, gain);

            public static Tensor glorot_normal_(Tensor tensor, double gain = 1) => xavier_normal_(tensor, gain);

            /// <summary>Uniform in ±gain·√(3 / fan) (He et al.); <paramref name="a"/> is LeakyReLU's slope.</summary>
            public static Tensor kaiming_uniform_(Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU)
            {
                var bound = Math.Sqrt(3) * KaimingDeviation(tensor, a, mode, nonlinearity);
                return uniform_(tensor, -bound, bound);
            }

            public static Tensor kaiming_normal_(Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU) =>
                normal_(tensor, 0, KaimingDeviation(tensor, a, mode, nonlinearity));

            static double KaimingDeviation(Tensor tensor, double a, FanInOut mode, NonlinearityType nonlinearity)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return calculate_gain(nonlinearity, a) / Math.Sqrt(Math.Max(1, mode == FanInOut.FanIn ? fanIn : fanOut));
            }

            /// <summary>Orthonormal rows or columns, whichever are fewer, times <paramref name="gain"/>; dimensions after the first count as one.</summary>
            public static Tensor orthogonal_(Tensor tensor, double gain = 1)
            {
                var shape = tensor.shape;
                if (shape.Length < 2) throw new ArgumentException($"orthogonal_ fills tensors of at least two dimensions, not {shape.Length}");
                if (tensor.numel() == 0) return tensor;
                var (rows, columns) = (shape[0], tensor.numel() / shape[0]);
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                var random = normal_(Allocate.Empty([rows, columns], tensor.device, tensor.dtype));
                if (rows < columns) random = TransposeMatrix.Call(random);
                var (q, r) = Factor.CallPair(random);   // [long, short] = [long, short] x [short, short]
                ScaleBy.CallVoid(q, SignOf.Call(DiagonalOf.Call(r)));   // unique factors, hence uniformly distributed
                if (rows < columns) q = TransposeMatrix.Call(q);
                CopyInto.CallVoid(tensor, Reshaped.Call(q, shape));
                Scale.CallVoid(tensor, gain);
                return tensor;
            }

            /// <summary>N(mean, std²) cut off outside [a, b] (which are values, not multiples of std), by the inverse of the distribution function.</summary>
            public static Tensor trunc_normal_(Tensor tensor, double mean = 0, double std = 1, double a = -2, double b = 2, Generator? generator = null)
            {
                if (!(a < b)) throw new ArgumentException($"trunc_normal_: nothing lies between {a} and {b}");
                var (low, high) = (Cdf((a - mean) / std), Cdf((b - mean) / std));
                using (no_grad())
                {
                    Uniform.CallVoid(tensor, 2 * low - 1, 2 * high - 1, generator);
                    InverseError.CallVoid(tensor);
                    Scale.CallVoid(tensor, std * Math.Sqrt(2));
                    Shift.CallVoid(tensor, mean);
                    Clamp.CallVoid(tensor, a, b);
                }
                return tensor;
            }

            static double Cdf(double x)
            {
                using var scope = NewDisposeScope();
                return NormalCdf.Call(constant_(Allocate.Empty([], CPU, ScalarType.Float64), x)).item<double>();
            }
        }
    }
}
