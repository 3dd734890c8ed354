// The nonlinearities that TorchSharp has on tensors themselves, and softmax.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor relu() => Op.Relu.Call(this);
        public Tensor relu_() => InPlace(Op.Relu_, this);
        public Tensor relu6() => Op.Relu6.Call(this);
        public Tensor relu6_() => InPlace(Op.Relu6_, this);
        public Tensor sigmoid() => Op.Sigmoid.Call(this);
        public Tensor sigmoid_() => InPlace(Op.Sigmoid_, this);
        public Tensor silu() => Op.Silu.Call(this);
        public Tensor silu_() => InPlace(Op.Silu_, this);
        public Tensor selu() => Op.Selu.Call(this);
        public Tensor selu_() => InPlace(Op.Selu_, this);
        public Tensor gelu() => Op.Gelu.Call(this);
        public Tensor gelu_() => InPlace(Op.Gelu_, this);
        public Tensor hardsigmoid() => Op.Hardsigmoid.Call(this);
        public Tensor hardsigmoid_() => InPlace(Op.Hardsigmoid_, this);
        public Tensor hardswish() => Op.Hardswish.Call(this);
        public Tensor hardswish_() => InPlace(Op.Hardswish_, this);
        public Tensor log_sigmoid() => Op.LogSigmoid.Call(this);
        public Tensor gelu(Modules.GELU.Approximate approximate) => Op.Gelu.Call(this, approximate.ToString());
        public Tensor gelu_(Modules.GELU.Approximate approximate) => InPlace(Op.Gelu_, this, approximate.ToString());
        public Tensor leaky_relu(Scalar negative_slope) => Op.LeakyRelu.Call(this, negative_slope);
        public Tensor leaky_relu_(Scalar negative_slope) => InPlace(Op.LeakyRelu_, this, negative_slope);
        public Tensor elu(double alpha = 1) => Op.Elu.Call(this, alpha);
        public Tensor elu_(double alpha = 1) => InPlace(Op.Elu_, this, alpha);
        public Tensor elu(Scalar alpha, Scalar scale, Scalar input_scale) => Op.Elu.Call(this, alpha, scale, input_scale);
        public Tensor elu_(Scalar alpha, Scalar scale, Scalar input_scale) => InPlace(Op.Elu_, this, alpha, scale, input_scale);
        public Tensor celu() => Op.Celu.Call(this);
        public Tensor celu_() => InPlace(Op.Celu_, this);
        public Tensor celu(Scalar alpha) => Op.Celu.Call(this, alpha);
        public Tensor celu_(Scalar alpha) => InPlace(Op.Celu_, this, alpha);
        public Tensor hardtanh(Scalar min, Scalar max) => Op.Hardtanh.Call(this, min, max);
        public Tensor hardtanh_(Scalar min, Scalar max) => InPlace(Op.Hardtanh_, this, min, max);
        public Tensor threshold(Scalar threshold, Scalar value) => Op.Threshold.Call(this, threshold, value);
        public Tensor threshold_(Scalar threshold, Scalar value) => InPlace(Op.Threshold_, this, threshold, value);
        public Tensor softplus(double beta = 1, double threshold = 20) => Op.Softplus.Call(this, beta, threshold);
        public Tensor prelu(Tensor target) => Op.Prelu.Call(this, target);

        /// <summary>The first half of <paramref name="dim"/> times the sigmoid of the second.</summary>
        public Tensor glu(long dim = -1) => Op.Glu.Call(this, dim);

        public Tensor softmax(long dim, ScalarType? dtype = null) => Op.SoftmaxInt.Call(this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Op.LogSoftmaxInt.Call(this, dim, dtype);
    }

    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

    public static Tensor sigmoid(Tensor input) => input.sigmoid();
    public static Tensor sigmoid_(Tensor input) => input.sigmoid_();

    static partial class Op
    {
        internal static readonly Operator
            Celu = new("celu"), Celu_ = new("celu_"), Elu = new("elu"), Elu_ = new("elu_"), Gelu = new("gelu"),
                Gelu_ = new("gelu_"),
            Glu = new("glu"), Hardsigmoid = new("hardsigmoid"), Hardsigmoid_ = new("hardsigmoid_"), Hardswish = new("hardswish"),
            Hardswish_ = new("hardswish_"), Hardtanh = new("hardtanh"), Hardtanh_ = new("hardtanh_"),
                LeakyRelu = new("leaky_relu"),
            LeakyRelu_ = new("leaky_relu_"), LogSigmoid = new("log_sigmoid"), LogSoftmaxInt = new("log_softmax", "int"),
            Prelu = new("prelu"), Relu = new("relu"), Relu6 = new("relu6"), Relu6_ = new("relu6_"), Relu_ = new("relu_"),
            Selu = new("selu"), Selu_ = new("selu_"), Sigmoid = new("sigmoid"), Sigmoid_ = new("sigmoid_"), Silu = new("silu"),
            Silu_ = new("silu_"), SoftmaxInt = new("softmax", "int"), Softplus = new("softplus"), Threshold = new("threshold"),
            Threshold_ = new("threshold_");
    }
}
