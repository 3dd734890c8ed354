// torch.nn.utils: clipping gradients, and all parameters as one vector.
using LibTorch;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class utils
        {
            static readonly Operator
                NormOfEach = new("_foreach_norm", "Scalar"), Norm = new("linalg_vector_norm"), Together = new("stack"), Convert = new("to", "device"),
                ScaleEach = new("_foreach_mul_", "Scalar"), Clamp = new("clamp_"), Flat = new("reshape"), Joined = new("cat"), Part = new("narrow"), CopyInto = new("copy_");

            /// <summary>
            /// Scales all gradients by one factor so that their common norm is at most <paramref name="max_norm"/>; returns the norm before.
            /// A norm that is not a number makes every gradient so: the next step shows it.
            /// </summary>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2)
            {
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                Tensor[] gradients = [.. tensors.Select(t => t.grad!).Where(g => g is not null)];
                if (gradients.Length == 0) return 0;
                var norms = NormOfEach.CallList(gradients, norm_type);
                var first = gradients[0].device;
                for (var i = 0; i < norms.Length; i++) norms[i] = Convert.Call(norms[i], first, ScalarType.Float64);
                var total = Norm.Call(Together.Call(norms, 0), norm_type).item<double>();
                var factor = max_norm / (total + 1e-6);
                if (!(factor >= 1)) ScaleEach.CallVoid(gradients, factor);
                return total;
            }

            /// <summary>Cuts every element of every gradient off at ±clip_value.</summary>
            public static void clip_grad_value_(IEnumerable<Parameter> tensors, double clip_value)
            {
                using var guard = no_grad();
                foreach (var tensor in tensors)
                    using (var gradient = tensor.grad)
                        if (gradient is not null) Clamp.CallVoid(gradient, -clip_value, clip_value);
            }

            /// <summary>All elements, one parameter after the other -> [sum of sizes].</summary>
            public static Tensor parameters_to_vector(IEnumerable<Parameter> tensors) =>
                Joined.Call(tensors.Select(t => Flat.Call(t, new[] { -1L })).ToArray(), 0);

            /// <summary>The reverse: fills the parameters from <paramref name="vec"/>.</summary>
            public static void vector_to_parameters(Tensor vec, IEnumerable<Parameter> tensors)
            {
                Parameter[] all = [.. tensors];
                var wanted = all.Sum(p => p.numel());
                if (vec.dim() != 1 || vec.numel() != wanted)
                    throw new ArgumentException($"the parameters have {wanted} elements, the vector is [{string.Join(", ", vec.shape)}]");
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                long start = 0;
                foreach (var parameter in all)
                {
                    CopyInto.CallVoid(parameter, Flat.Call(Part.Call(vec, 0, start, parameter.numel()), parameter.shape));
                    start += parameter.numel();
                }
            }
        }
    }
}
