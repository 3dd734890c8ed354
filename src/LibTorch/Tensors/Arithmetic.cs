// Sums, products, quotients, powers and their fused forms. The twins that end in _ work in place and return this very object.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>How a quotient is made whole: not at all, towards zero, downwards.</summary>
    public enum RoundingMode { None = 0, trunc = 1, floor = 2 }

    public partial class Tensor
    {
        /// <summary>Runs an in-place operator; this object stays the tensor's only wrapper.</summary>
        Tensor InPlace(Operator op, params ReadOnlySpan<Argument> arguments)
        {
            op.CallVoid(arguments);
            return this;
        }

        public Tensor add(Tensor target) => Op.AddTensor.Call(this, target);
        public Tensor add(Tensor target, Scalar alpha) => Op.AddTensor.Call(this, target, alpha);
        public Tensor add(Scalar scalar) => Op.AddScalar.Call(this, scalar);
        public Tensor add(Scalar scalar, Scalar alpha) => Op.AddScalar.Call(this, scalar, alpha);
        public Tensor add_(Tensor target) => InPlace(Op.AddTensor_, this, target);
        public Tensor add_(Tensor target, Scalar alpha) => InPlace(Op.AddTensor_, this, target, alpha);
        public Tensor add_(Scalar scalar) => InPlace(Op.AddScalar_, this, scalar);
        public Tensor add_(Scalar scalar, Scalar alpha) => InPlace(Op.AddScalar_, this, scalar, alpha);

        public Tensor sub(Tensor target) => Op.SubTensor.Call(this, target);
        public Tensor sub(Scalar target) => Op.SubScalar.Call(this, target);
        public Tensor sub_(Tensor target) => InPlace(Op.SubTensor_, this, target);
        public Tensor sub_(Scalar target) => InPlace(Op.SubScalar_, this, target);
        public Tensor subtract(Tensor target) => sub(target);
        public Tensor subtract(Scalar target) => sub(target);
        public Tensor subtract_(Tensor target) => sub_(target);
        public Tensor subtract_(Scalar target) => sub_(target);

        public Tensor mul(Tensor target) => Op.MulTensor.Call(this, target);
        public Tensor mul(Scalar target) => Op.MulScalar.Call(this, target);
        public Tensor mul_(Tensor target) => InPlace(Op.MulTensor_, this, target);
        public Tensor mul_(Scalar target) => InPlace(Op.MulScalar_, this, target);
        public Tensor multiply(Tensor target) => mul(target);
        public Tensor multiply(Scalar target) => mul(target);

        static string? Name(RoundingMode mode) => mode switch
        {
            RoundingMode.None => null,
            RoundingMode.trunc => "trunc",
            RoundingMode.floor => "floor",
            _ => throw new ArgumentException($"div: there is no rounding mode {(int)mode}; use None, trunc or floor"),
        };

        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
            Op.DivTensorMode.Call(this, target, Name(rounding_mode));
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
            Op.DivScalarMode.Call(this, target, Name(rounding_mode));
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
            InPlace(Op.DivTensorMode_, this, target, Name(rounding_mode));
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
            InPlace(Op.DivScalarMode_, this, target, Name(rounding_mode));
        public Tensor divide(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);
        public Tensor divide_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);
        public Tensor true_divide(Tensor other) => div(other);
        public Tensor true_divide(Scalar other) => div(other);
        public Tensor true_divide_(Tensor other) => div_(other);
        public Tensor true_divide_(Scalar other) => div_(other);
        public Tensor floor_divide(Tensor other) => div(other, RoundingMode.floor);
        public Tensor floor_divide(Scalar other) => div(other, RoundingMode.floor);
        public Tensor floor_divide_(Tensor other) => div_(other, RoundingMode.floor);
        public Tensor floor_divide_(Scalar other) => div_(other, RoundingMode.floor);

        public Tensor remainder(Tensor target) => Op.RemainderTensor.Call(this, target);
        public Tensor remainder(Scalar scalar) => Op.RemainderScalar.Call(this, scalar);
        public Tensor remainder_(Tensor target) => InPlace(Op.RemainderTensor_, this, target);
        public Tensor remainder_(Scalar scalar) => InPlace(Op.RemainderScalar_, this, scalar);
        public Tensor fmod(Tensor target) => Op.FmodTensor.Call(this, target);
        public Tensor fmod(Scalar scalar) => Op.FmodScalar.Call(this, scalar);
        public Tensor fmod_(Tensor target) => InPlace(Op.FmodTensor_, this, target);
        public Tensor fmod_(Scalar scalar) => InPlace(Op.FmodScalar_, this, scalar);

        public Tensor pow(Tensor exponent) => Op.PowTensorTensor.Call(this, exponent);
        public Tensor pow(Scalar exponent) => Op.PowTensorScalar.Call(this, exponent);
        public Tensor pow_(Tensor exponent) => InPlace(Op.PowTensor_, this, exponent);
        public Tensor pow_(Scalar exponent) => InPlace(Op.PowScalar_, this, exponent);
        public Tensor float_power(Tensor target) => Op.FloatPowerTensorTensor.Call(this, target);
        public Tensor float_power_(Tensor target) => InPlace(Op.FloatPowerTensor_, this, target);

        /// <summary>this + value · tensor1 ⊙ tensor2</summary>
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => Op.Addcmul.Call(this, tensor1, tensor2, value);
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) =>
            InPlace(Op.Addcmul_, this, tensor1, tensor2, value);

        /// <summary>this + value · tensor1 / tensor2</summary>
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => Op.Addcdiv.Call(this, tensor1, tensor2, value);
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => addcdiv(tensor1, tensor2, 1);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) =>
            InPlace(Op.Addcdiv_, this, tensor1, tensor2, value);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => addcdiv_(tensor1, tensor2, 1);

        /// <summary>this + weight ⊙ (end − this)</summary>
        public Tensor lerp(Tensor end, Tensor weight) => Op.LerpTensor.Call(this, end, weight);
        public Tensor lerp_(Tensor end, Tensor weight) => InPlace(Op.LerpTensor_, this, end, weight);

        internal Tensor lerp(Tensor end, Scalar weight) => Op.LerpScalar.Call(this, end, weight);
        internal Tensor lerp_(Tensor end, Scalar weight) => InPlace(Op.LerpScalar_, this, end, weight);

        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Op.Clamp.Call(this, min, max);
        public Tensor clamp(Tensor? min = null, Tensor? max = null) => Op.ClampTensor.Call(this, min, max);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => InPlace(Op.Clamp_, this, min, max);
        public Tensor clamp_(Tensor? min = null, Tensor? max = null) => InPlace(Op.ClampTensor_, this, min, max);
        public Tensor clip(Scalar? min = null, Scalar? max = null) => clamp(min, max);
        public Tensor clamp_max(Scalar max) => Op.ClampMax.Call(this, max);
        public Tensor clamp_max_(Scalar max) => InPlace(Op.ClampMax_, this, max);
        public Tensor clamp_min(Scalar min) => Op.ClampMin.Call(this, min);
        public Tensor clamp_min_(Scalar min) => InPlace(Op.ClampMin_, this, min);

        public Tensor maximum(Tensor other) => Op.Maximum.Call(this, other);
        public Tensor minimum(Tensor other) => Op.Minimum.Call(this, other);
        public Tensor fmax(Tensor other) => Op.Fmax.Call(this, other);
        public Tensor fmin(Tensor other) => Op.Fmin.Call(this, other);
        public Tensor hypot(Tensor other) => Op.Hypot.Call(this, other);
        public Tensor atan2(Tensor other) => Op.Atan2.Call(this, other);
        public Tensor atan2_(Tensor other) => InPlace(Op.Atan2_, this, other);
        public Tensor logaddexp(Tensor other) => Op.Logaddexp.Call(this, other);
        public Tensor logaddexp2(Tensor other) => Op.Logaddexp2.Call(this, other);
        public Tensor copysign(Tensor other) => Op.CopysignTensor.Call(this, other);
        public Tensor copysign_(Tensor other) => InPlace(Op.CopysignTensor_, this, other);
        public Tensor heaviside(Tensor other) => Op.Heaviside.Call(this, other);
        public Tensor heaviside_(Tensor other) => InPlace(Op.Heaviside_, this, other);
        public Tensor nextafter(Tensor other) => Op.Nextafter.Call(this, other);
        public Tensor nextafter_(Tensor other) => InPlace(Op.Nextafter_, this, other);
        public Tensor gcd(Tensor other) => Op.Gcd.Call(this, other);
        public Tensor gcd_(Tensor other) => InPlace(Op.Gcd_, this, other);
        public Tensor lcm(Tensor other) => Op.Lcm.Call(this, other);
        public Tensor lcm_(Tensor other) => InPlace(Op.Lcm_, this, other);
        public Tensor xlogy(Tensor y) => Op.XlogyTensor.Call(this, y);
        public Tensor xlogy_(Tensor y) => InPlace(Op.XlogyTensor_, this, y);
        public Tensor xlogy(Scalar y) => Op.XlogyScalarOther.Call(this, y);
        public Tensor xlogy_(Scalar y) => InPlace(Op.XlogyScalarOther_, this, y);
        public Tensor ldexp(Tensor other) => Op.LdexpTensor.Call(this, other);
        public Tensor ldexp_(Tensor other) => InPlace(Op.Ldexp_, this, other);
        public Tensor max(Tensor other) => maximum(other);
        public Tensor min(Tensor other) => minimum(other);
        public Tensor arctan(Tensor other) => atan2(other);
        public Tensor arctan_(Tensor other) => atan2_(other);
        public Tensor arctan2(Tensor other) => atan2(other);
        public Tensor arctan2_(Tensor other) => atan2_(other);

        /// <summary>The q-norm distance of the two tensors' elements.</summary>
        public Tensor dist(Tensor other, float p = 2) => Op.Dist.Call(this, other, p);

        /// <summary>Where <paramref name="condition"/> holds this tensor's elements, elsewhere y's.</summary>
        public Tensor where(Tensor condition, Tensor y) =>
            condition.dtype == ScalarType.Bool ? Op.WhereSelf.Call(condition, this, y)
            : throw new ArgumentException($"where: the condition holds {condition.dtype}; make it a bool tensor, for example with .ne(0)");
    }

    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);

    /// <summary>The indices of the elements that are not zero, one tensor a dimension.</summary>
    public static Tensor[] where(Tensor condition) => Op.Where.CallList(condition);

    public static Tensor divide_(Tensor left, Scalar right) => left.div_(right);
    public static Tensor multiply_(Tensor left, Tensor right) => left.mul_(right);
    public static Tensor multiply_(Tensor left, Scalar right) => left.mul_(right);

    public static Tensor add(Tensor left, Scalar right) => left.add(right);
    public static Tensor add(Tensor left, Scalar right, Scalar alpha) => left.add(right, alpha);
    public static Tensor add(Tensor left, Tensor right) => left.add(right);
    public static Tensor add(Tensor left, Tensor right, Scalar alpha) => left.add(right, alpha);
    public static Tensor add_(Tensor left, Scalar right) => left.add_(right);
    public static Tensor add_(Tensor left, Scalar right, Scalar alpha) => left.add_(right, alpha);
    public static Tensor add_(Tensor left, Tensor right) => left.add_(right);
    public static Tensor add_(Tensor left, Tensor right, Scalar alpha) => left.add_(right, alpha);
    public static Tensor sub(Tensor left, Scalar right) => left.sub(right);
    public static Tensor sub(Tensor left, Tensor right) => left.sub(right);
    public static Tensor sub_(Tensor left, Scalar right) => left.sub_(right);
    public static Tensor sub_(Tensor left, Tensor right) => left.sub_(right);
    public static Tensor subtract(Tensor left, Scalar right) => left.subtract(right);
    public static Tensor subtract(Tensor left, Tensor right) => left.subtract(right);
    public static Tensor subtract_(Tensor left, Scalar right) => left.subtract_(right);
    public static Tensor subtract_(Tensor left, Tensor right) => left.subtract_(right);
    public static Tensor mul(Tensor left, Scalar right) => left.mul(right);
    public static Tensor mul(Tensor left, Tensor right) => left.mul(right);
    public static Tensor mul_(Tensor left, Scalar right) => left.mul_(right);
    public static Tensor mul_(Tensor left, Tensor right) => left.mul_(right);
    public static Tensor multiply(Tensor left, Scalar right) => left.multiply(right);
    public static Tensor multiply(Tensor left, Tensor right) => left.multiply(right);
    public static Tensor div(Tensor left, Scalar right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.div(right, rounding_mode);
    public static Tensor div(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.div(right, rounding_mode);
    public static Tensor div_(Tensor left, Scalar right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.div_(right, rounding_mode);
    public static Tensor div_(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.div_(right, rounding_mode);
    public static Tensor divide(Tensor left, Scalar right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.divide(right, rounding_mode);
    public static Tensor divide(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.divide(right, rounding_mode);
    public static Tensor divide_(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.divide_(right, rounding_mode);
    public static Tensor true_divide(Tensor dividend, Tensor divisor) => dividend.true_divide(divisor);
    public static Tensor true_divide_(Tensor dividend, Tensor divisor) => dividend.true_divide_(divisor);
    public static Tensor floor_divide(Tensor input, Tensor other) => input.floor_divide(other);
    public static Tensor floor_divide_(Tensor input, Tensor other) => input.floor_divide_(other);
    public static Tensor remainder(Tensor left, Scalar right) => left.remainder(right);
    public static Tensor remainder(Tensor left, Tensor right) => left.remainder(right);
    public static Tensor remainder_(Tensor left, Scalar right) => left.remainder_(right);
    public static Tensor remainder_(Tensor left, Tensor right) => left.remainder_(right);
    public static Tensor fmod(Tensor left, Scalar right) => left.fmod(right);
    public static Tensor fmod(Tensor left, Tensor right) => left.fmod(right);
    public static Tensor fmod_(Tensor left, Scalar right) => left.fmod_(right);
    public static Tensor fmod_(Tensor left, Tensor right) => left.fmod_(right);
    public static Tensor pow(Tensor left, Scalar exponent) => left.pow(exponent);
    public static Tensor pow(Tensor left, Tensor exponent) => left.pow(exponent);
    public static Tensor pow_(Tensor left, Scalar exponent) => left.pow_(exponent);
    public static Tensor pow_(Tensor left, Tensor exponent) => left.pow_(exponent);
    public static Tensor float_power(Tensor input, Tensor target) => input.float_power(target);
    public static Tensor float_power_(Tensor input, Tensor target) => input.float_power_(target);
    public static Tensor addcmul(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
        input.addcmul(tensor1, tensor2, value);
    public static Tensor addcmul_(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
        input.addcmul_(tensor1, tensor2, value);
    public static Tensor addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
        input.addcdiv(tensor1, tensor2, value);
    public static Tensor addcdiv_(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
        input.addcdiv_(tensor1, tensor2, value);
    public static Tensor lerp(Tensor input, Tensor end, Tensor weight) => input.lerp(end, weight);
    public static Tensor clamp(Tensor input, Scalar? min = null, Scalar? max = null) => input.clamp(min, max);
    public static Tensor clamp(Tensor input, Tensor? min = null, Tensor? max = null) => input.clamp(min, max);
    public static Tensor clamp_(Tensor input, Scalar? min = null, Scalar? max = null) => input.clamp_(min, max);
    public static Tensor clamp_(Tensor input, Tensor? min = null, Tensor? max = null) => input.clamp_(min, max);
    public static Tensor clip(Tensor input, Scalar? min = null, Scalar? max = null) => input.clip(min, max);
    public static Tensor clamp_max(Tensor input, Scalar max) => input.clamp_max(max);
    public static Tensor clamp_max_(Tensor input, Scalar max) => input.clamp_max_(max);
    public static Tensor clamp_min(Tensor input, Scalar min) => input.clamp_min(min);
    public static Tensor clamp_min_(Tensor input, Scalar min) => input.clamp_min_(min);
    public static Tensor maximum(Tensor input, Tensor other) => input.maximum(other);
    public static Tensor minimum(Tensor input, Tensor other) => input.minimum(other);
    public static Tensor fmax(Tensor input, Tensor other) => input.fmax(other);
    public static Tensor fmin(Tensor input, Tensor other) => input.fmin(other);
    public static Tensor hypot(Tensor left, Tensor right) => left.hypot(right);
    public static Tensor atan2(Tensor input, Tensor other) => input.atan2(other);
    public static Tensor atan2_(Tensor input, Tensor other) => input.atan2_(other);
    public static Tensor logaddexp(Tensor left, Tensor right) => left.logaddexp(right);
    public static Tensor logaddexp2(Tensor left, Tensor right) => left.logaddexp2(right);
    public static Tensor copysign(Tensor input, Tensor other) => input.copysign(other);
    public static Tensor copysign_(Tensor input, Tensor other) => input.copysign_(other);
    public static Tensor heaviside(Tensor input, Tensor values) => input.heaviside(values);
    public static Tensor heaviside_(Tensor input, Tensor values) => input.heaviside_(values);
    public static Tensor nextafter(Tensor input, Tensor other) => input.nextafter(other);
    public static Tensor nextafter_(Tensor input, Tensor other) => input.nextafter_(other);
    public static Tensor gcd(Tensor left, Tensor right) => left.gcd(right);
    public static Tensor gcd_(Tensor left, Tensor right) => left.gcd_(right);
    public static Tensor lcm(Tensor input, Tensor other) => input.lcm(other);
    public static Tensor lcm_(Tensor input, Tensor other) => input.lcm_(other);
    public static Tensor xlogy(Tensor x, Scalar y) => x.xlogy(y);
    public static Tensor xlogy(Tensor x, Tensor y) => x.xlogy(y);
    public static Tensor xlogy_(Tensor x, Scalar y) => x.xlogy_(y);
    public static Tensor xlogy_(Tensor x, Tensor y) => x.xlogy_(y);
    public static Tensor ldexp(Tensor input, Tensor other) => input.ldexp(other);
    public static Tensor ldexp_(Tensor input, Tensor other) => input.ldexp_(other);
    public static Tensor max(Tensor input, Tensor other) => input.max(other);
    public static Tensor min(Tensor input, Tensor other) => input.min(other);
    public static Tensor arctan(Tensor input, Tensor other) => input.arctan(other);
    public static Tensor arctan_(Tensor input, Tensor other) => input.arctan_(other);
    public static Tensor arctan2(Tensor input, Tensor other) => input.arctan2(other);
    public static Tensor arctan2_(Tensor input, Tensor other) => input.arctan2_(other);
    public static Tensor dist(Tensor input, Tensor other, float p = 2) => input.dist(other, p);

    static partial class Op
    {
        internal static readonly Operator
            AddScalar = new("add", "Scalar"), AddScalar_ = new("add_", "Scalar"), AddTensor = new("add", "Tensor"),
            AddTensor_ = new("add_", "Tensor"), Addcdiv = new("addcdiv"), Addcdiv_ = new("addcdiv_"), Addcmul = new("addcmul"),
            Addcmul_ = new("addcmul_"), Atan2 = new("atan2"), Atan2_ = new("atan2_"), Clamp = new("clamp"),
            ClampMax = new("clamp_max"), ClampMax_ = new("clamp_max_"), ClampMin = new("clamp_min"),
                ClampMin_ = new("clamp_min_"),
            ClampTensor = new("clamp", "Tensor"), ClampTensor_ = new("clamp_", "Tensor"), Clamp_ = new("clamp_"),
            CopysignTensor = new("copysign", "Tensor"), CopysignTensor_ = new("copysign_", "Tensor"), Dist = new("dist"),
            DivScalarMode = new("div", "Scalar_mode"), DivScalarMode_ = new("div_", "Scalar_mode"),
            DivTensorMode = new("div", "Tensor_mode"), DivTensorMode_ = new("div_", "Tensor_mode"),
            FloatPowerTensorTensor = new("float_power", "Tensor_Tensor"), FloatPowerTensor_ = new("float_power_", "Tensor"),
            Fmax = new("fmax"), Fmin = new("fmin"), FmodScalar = new("fmod", "Scalar"), FmodScalar_ = new("fmod_", "Scalar"),
            FmodTensor = new("fmod", "Tensor"), FmodTensor_ = new("fmod_", "Tensor"), Gcd = new("gcd"), Gcd_ = new("gcd_"),
            Heaviside = new("heaviside"), Heaviside_ = new("heaviside_"), Hypot = new("hypot"), Lcm = new("lcm"),
                Lcm_ = new("lcm_"),
            LdexpTensor = new("ldexp", "Tensor"), Ldexp_ = new("ldexp_"), LerpScalar = new("lerp", "Scalar"),
            LerpScalar_ = new("lerp_", "Scalar"), LerpTensor = new("lerp", "Tensor"), LerpTensor_ = new("lerp_", "Tensor"),
            Logaddexp = new("logaddexp"), Logaddexp2 = new("logaddexp2"), Maximum = new("maximum"), Minimum = new("minimum"),
            MulScalar = new("mul", "Scalar"), MulScalar_ = new("mul_", "Scalar"), MulTensor = new("mul", "Tensor"),
            MulTensor_ = new("mul_", "Tensor"), Nextafter = new("nextafter"), Nextafter_ = new("nextafter_"),
            PowScalar_ = new("pow_", "Scalar"), PowTensorScalar = new("pow", "Tensor_Scalar"),
            PowTensorTensor = new("pow", "Tensor_Tensor"), PowTensor_ = new("pow_", "Tensor"),
            RemainderScalar = new("remainder", "Scalar"), RemainderScalar_ = new("remainder_", "Scalar"),
            RemainderTensor = new("remainder", "Tensor"), RemainderTensor_ = new("remainder_", "Tensor"),
            SubScalar = new("sub", "Scalar"), SubScalar_ = new("sub_", "Scalar"), SubTensor = new("sub", "Tensor"),
            SubTensor_ = new("sub_", "Tensor"), Where = new("where"), WhereSelf = new("where", "self"),
            XlogyScalarOther = new("xlogy", "Scalar_Other"), XlogyScalarOther_ = new("xlogy_", "Scalar_Other"),
            XlogyTensor = new("xlogy", "Tensor"), XlogyTensor_ = new("xlogy_", "Tensor");
    }
}
