// Element by element: two operands, a tensor and a tensor or a number.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public enum RoundingMode { None = 0, trunc = 1, floor = 2 }

    public partial class Tensor
    {
        static class Binary
        {
            internal static readonly Operator add = new("add", "Tensor"), add_ = new("add_", "Tensor"), addScalar = new("add", "Scalar"), add_Scalar = new("add_", "Scalar");
            internal static readonly Operator sub = new("sub", "Tensor"), sub_ = new("sub_", "Tensor"), subScalar = new("sub", "Scalar"), sub_Scalar = new("sub_", "Scalar");
            internal static readonly Operator mul = new("mul", "Tensor"), mul_ = new("mul_", "Tensor"), mulScalar = new("mul", "Scalar"), mul_Scalar = new("mul_", "Scalar");
            internal static readonly Operator div = new("div", "Tensor_mode"), div_ = new("div_", "Tensor_mode"), divScalar = new("div", "Scalar_mode"), div_Scalar = new("div_", "Scalar_mode");
            internal static readonly Operator pow = new("pow", "Tensor_Tensor"), pow_ = new("pow_", "Tensor"), powScalar = new("pow", "Tensor_Scalar"), pow_Scalar = new("pow_", "Scalar");
            internal static readonly Operator eq = new("eq", "Tensor"), eqScalar = new("eq", "Scalar");
            internal static readonly Operator ne = new("ne", "Tensor"), neScalar = new("ne", "Scalar");
            internal static readonly Operator lt = new("lt", "Tensor"), ltScalar = new("lt", "Scalar");
            internal static readonly Operator le = new("le", "Tensor"), leScalar = new("le", "Scalar");
            internal static readonly Operator gt = new("gt", "Tensor"), gtScalar = new("gt", "Scalar");
            internal static readonly Operator ge = new("ge", "Tensor"), geScalar = new("ge", "Scalar");
            internal static readonly Operator remainder = new("remainder", "Tensor"), remainderScalar = new("remainder", "Scalar");
            internal static readonly Operator maximum = new("maximum"), minimum = new("minimum"), and = new("logical_and"), or = new("logical_or"), rsub = new("rsub", "Scalar");
            internal static readonly Operator addcmul = new("addcmul"), addcmul_ = new("addcmul_"), addcdiv = new("addcdiv"), addcdiv_ = new("addcdiv_");
            internal static readonly Operator lerp = new("lerp", "Scalar"), lerp_ = new("lerp_", "Scalar"), lerpTensor = new("lerp", "Tensor"), lerp_Tensor = new("lerp_", "Tensor");
            internal static readonly Operator clamp = new("clamp"), clamp_ = new("clamp_"), clampTensor = new("clamp", "Tensor"), where = new("where", "self");
            internal static readonly Operator allclose = new("allclose"), equal = new("equal"), maskedFill = new("masked_fill", "Scalar"), maskedFill_ = new("masked_fill_", "Scalar");
        }

        public Tensor add(Tensor target) => Binary.add.Call(this, target);
        public Tensor add(Scalar scalar) => Binary.addScalar.Call(this, scalar);
        public Tensor add_(Tensor target) => Binary.add_.Call(this, target);
        public Tensor add_(Scalar scalar) => Binary.add_Scalar.Call(this, scalar);
        public Tensor sub(Tensor target) => Binary.sub.Call(this, target);
        public Tensor sub(Scalar target) => Binary.subScalar.Call(this, target);
        public Tensor sub_(Tensor target) => Binary.sub_.Call(this, target);
        public Tensor sub_(Scalar target) => Binary.sub_Scalar.Call(this, target);
        public Tensor mul(Tensor target) => Binary.mul.Call(this, target);
        public Tensor mul(Scalar target) => Binary.mulScalar.Call(this, target);
        public Tensor mul_(Tensor target) => Binary.mul_.Call(this, target);
        public Tensor mul_(Scalar target) => Binary.mul_Scalar.Call(this, target);
        public Tensor add(Tensor target, Scalar alpha) => Binary.add.Call(this, target, alpha);
        public Tensor add(Scalar scalar, Scalar alpha) => Binary.addScalar.Call(this, scalar, alpha);
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Binary.div.Call(this, target, Mode(rounding_mode));
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Binary.divScalar.Call(this, target, Mode(rounding_mode));
        public Tensor pow(Tensor exponent) => Binary.pow.Call(this, exponent);
        public Tensor pow(Scalar exponent) => Binary.powScalar.Call(this, exponent);
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => Binary.addcmul.Call(this, tensor1, tensor2, value);
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => Binary.addcdiv.Call(this, tensor1, tensor2, value);
        public Tensor lerp(Tensor end, Tensor weight) => Binary.lerpTensor.Call(this, end, weight);
        internal Tensor lerp(Tensor end, Scalar weight) => Binary.lerp.Call(this, end, weight);
        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Binary.clamp.Call(this, min, max);
        public Tensor masked_fill(Tensor mask, Scalar value) => Binary.maskedFill.Call(this, mask, value);
        public Tensor add_(Tensor target, Scalar alpha) => Binary.add_.Call(this, target, alpha);
        public Tensor add_(Scalar scalar, Scalar alpha) => Binary.add_Scalar.Call(this, scalar, alpha);
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Binary.div_.Call(this, target, Mode(rounding_mode));
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Binary.div_Scalar.Call(this, target, Mode(rounding_mode));
        public Tensor pow_(Tensor exponent) => Binary.pow_.Call(this, exponent);
        public Tensor pow_(Scalar exponent) => Binary.pow_Scalar.Call(this, exponent);
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => Binary.addcmul_.Call(this, tensor1, tensor2, value);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => Binary.addcdiv_.Call(this, tensor1, tensor2, value);
        public Tensor lerp_(Tensor end, Tensor weight) => Binary.lerp_Tensor.Call(this, end, weight);
        internal Tensor lerp_(Tensor end, Scalar weight) => Binary.lerp_.Call(this, end, weight);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => Binary.clamp_.Call(this, min, max);
        public Tensor masked_fill_(Tensor mask, Scalar value) => Binary.maskedFill_.Call(this, mask, value);

        static string? Mode(RoundingMode mode) => mode switch { RoundingMode.trunc => "trunc", RoundingMode.floor => "floor", _ => null };

        public Tensor maximum(Tensor other) => Binary.maximum.Call(this, other);
        public Tensor minimum(Tensor other) => Binary.minimum.Call(this, other);
        public Tensor logical_and(Tensor other) => Binary.and.Call(this, other);
        public Tensor logical_or(Tensor other) => Binary.or.Call(this, other);
        public Tensor where(Tensor condition, Tensor y) => Binary.where.Call(condition, this, y);
        public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) => Binary.allclose.CallBool(this, target, rtol, atol, equal_nan);

        public Tensor eq(Tensor target) => Binary.eq.Call(this, target);
        public Tensor eq(Scalar target) => Binary.eqScalar.Call(this, target);
        public Tensor ne(Tensor target) => Binary.ne.Call(this, target);
        public Tensor ne(Scalar target) => Binary.neScalar.Call(this, target);
        public Tensor lt(Tensor target) => Binary.lt.Call(this, target);
        public Tensor lt(Scalar target) => Binary.ltScalar.Call(this, target);
        public Tensor le(Tensor target) => Binary.le.Call(this, target);
        public Tensor le(Scalar target) => Binary.leScalar.Call(this, target);
        public Tensor gt(Tensor target) => Binary.gt.Call(this, target);
        public Tensor gt(Scalar target) => Binary.gtScalar.Call(this, target);
        public Tensor ge(Tensor target) => Binary.ge.Call(this, target);
        public Tensor ge(Scalar target) => Binary.geScalar.Call(this, target);
        public Tensor remainder(Tensor target) => Binary.remainder.Call(this, target);
        public Tensor remainder(Scalar scalar) => Binary.remainderScalar.Call(this, scalar);
    }

    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);
    public static Tensor maximum(Tensor input, Tensor other) => input.maximum(other);
    public static Tensor minimum(Tensor input, Tensor other) => input.minimum(other);
    public static bool allclose(Tensor tensor, Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) => tensor.allclose(target, rtol, atol, equal_nan);
    public static Tensor pow(Tensor left, Scalar exponent) => left.pow(exponent);
    public static Tensor clamp(Tensor input, Scalar? min = null, Scalar? max = null) => input.clamp(min, max);
}
