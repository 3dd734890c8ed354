// y = x Wᵀ + b.
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>Weight and bias uniform in ±1/√inputSize.</summary>
            public static Modules.Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null)
            {
                if (inputSize < 0 || outputSize < 0) throw new ArgumentException($"Linear({inputSize}, {outputSize}): a size can't be negative");
                var weight = init.kaiming_uniform_(LibTorch.Allocate.Empty([outputSize, inputSize], device, dtype), a: Math.Sqrt(5));
                var bound = inputSize > 0 ? 1 / Math.Sqrt(inputSize) : 0;
                var bias = hasBias ? init.uniform_(LibTorch.Allocate.Empty([outputSize], device, dtype), -bound, bound) : null;
                return new Modules.Linear(new(weight), bias is null ? null : new(bias));
            }

            /// <summary>A layer over existing parameters, which it then owns.</summary>
            public static Modules.Linear Linear(Modules.Parameter weight, Modules.Parameter? bias = null) => new(weight, bias);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>x [..., in] x weight [out, in]ᵀ + bias [out] -> [..., out].</summary>
    public sealed class Linear : Module<Tensor, Tensor>
    {
        [ComponentName(Name = nameof(weight))] Parameter matrix = null!;
        [ComponentName(Name = nameof(bias))] Parameter? offset;

        internal Linear(Parameter weight, Parameter? bias) : base(nameof(Linear))
        {
            if (weight.dim() != 2) throw new ArgumentException($"a linear layer's weight is [out, in], not [{string.Join(", ", weight.shape)}]");
            this.weight = weight;
            this.bias = bias;
            (out_features, in_features) = (weight.shape[0], weight.shape[1]);
        }

        public long in_features { get; set; }

        public long out_features { get; set; }

        public Parameter weight
        {
            get => matrix;
            set => ConditionallyRegisterParameter(nameof(weight), matrix = value);
        }

        public Parameter? bias
        {
            get => offset;
            set => ConditionallyRegisterParameter(nameof(bias), offset = value);
        }

        public override Tensor forward(Tensor tensor) => functional.linear(tensor, matrix, offset);
    }
}
