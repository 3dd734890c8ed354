// Normalization over the last dimensions.
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.LayerNorm LayerNorm(long normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true,
                Device? device = null, ScalarType? dtype = null) => LayerNorm([normalized_shape], eps, elementwise_affine, bias, device, dtype);

            public static Modules.LayerNorm LayerNorm(long[] normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true,
                Device? device = null, ScalarType? dtype = null) => new(normalized_shape, eps, elementwise_affine, bias, device, dtype);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>(x − mean) / √(variance + eps) · weight + bias over the last dimensions, whose sizes are <see cref="normalized_shape"/>.</summary>
    public sealed class LayerNorm : Module<Tensor, Tensor>
    {
        [ComponentName(Name = nameof(weight))] Parameter? gain;
        [ComponentName(Name = nameof(bias))] Parameter? offset;

        internal LayerNorm(long[] normalized_shape, double eps, bool elementwise_affine, bool bias, Device? device, ScalarType? dtype) : base(nameof(LayerNorm))
        {
            this.normalized_shape = normalized_shape;
            this.eps = eps;
            this.elementwise_affine = elementwise_affine;
            if (!elementwise_affine) return;
            weight = new Parameter(LibTorch.Allocate.Empty(normalized_shape, device, dtype));
            this.bias = bias ? new Parameter(LibTorch.Allocate.Empty(normalized_shape, device, dtype)) : null;
            reset_parameters();
        }

        public long[] normalized_shape { get; set; }

        public double eps { get; set; }

        public bool elementwise_affine { get; set; }

        public Parameter? weight
        {
            get => gain;
            set => ConditionallyRegisterParameter(nameof(weight), gain = value);
        }

        public Parameter? bias
        {
            get => offset;
            set => ConditionallyRegisterParameter(nameof(bias), offset = value);
        }

        /// <summary>Weight 1, bias 0.</summary>
        public void reset_parameters()
        {
            if (gain is not null) init.ones_(gain);
            if (offset is not null) init.zeros_(offset);
        }

        public override Tensor forward(Tensor tensor) => functional.layer_norm(tensor, normalized_shape, gain, offset, eps);
    }
}
