// Comparisons, element by element, and tests of values. An absent right side (C#'s null) is equal to no tensor.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor eq(Tensor target) => target is null ? torch.tensor(false) : Op.EqTensor.Call(this, target);
        public Tensor eq(Scalar target) => target is null ? torch.tensor(false) : Op.EqScalar.Call(this, target);
        public Tensor eq_(Tensor target) => InPlace(Op.EqTensor_, this, target);
        public Tensor eq_(Scalar target) => InPlace(Op.EqScalar_, this, target);
        public Tensor ne(Tensor target) => target is null ? torch.tensor(true) : Op.NeTensor.Call(this, target);
        public Tensor ne(Scalar target) => target is null ? torch.tensor(true) : Op.NeScalar.Call(this, target);
        public Tensor ne_(Tensor target) => InPlace(Op.NeTensor_, this, target);
        public Tensor ne_(Scalar target) => InPlace(Op.NeScalar_, this, target);
        public Tensor lt(Tensor target) => Op.LtTensor.Call(this, target);
        public Tensor lt(Scalar target) => Op.LtScalar.Call(this, target);
        public Tensor lt_(Tensor target) => InPlace(Op.LtTensor_, this, target);
        public Tensor lt_(Scalar target) => InPlace(Op.LtScalar_, this, target);
        public Tensor le(Tensor target) => Op.LeTensor.Call(this, target);
        public Tensor le(Scalar target) => Op.LeScalar.Call(this, target);
        public Tensor le_(Tensor target) => InPlace(Op.LeTensor_, this, target);
        public Tensor le_(Scalar target) => InPlace(Op.LeScalar_, this, target);
        public Tensor gt(Tensor target) => Op.GtTensor.Call(this, target);
        public Tensor gt(Scalar target) => Op.GtScalar.Call(this, target);
        public Tensor gt_(Tensor target) => InPlace(Op.GtTensor_, this, target);
        public Tensor gt_(Scalar target) => InPlace(Op.GtScalar_, this, target);
        public Tensor ge(Tensor target) => Op.GeTensor.Call(this, target);
        public Tensor ge(Scalar target) => Op.GeScalar.Call(this, target);
        public Tensor ge_(Tensor target) => InPlace(Op.GeTensor_, this, target);
        public Tensor ge_(Scalar target) => InPlace(Op.GeScalar_, this, target);

        /// <summary>Element by element, as TorchSharp has it; PyTorch's <c>equal</c> is <c>eq(target).all()</c>.</summary>
        public Tensor equal(Tensor target) => eq(target);
        public Tensor not_equal(Tensor target) => ne(target);
        public Tensor not_equal_(Tensor target) => ne_(target);
        public Tensor less(Tensor target) => lt(target);
        public Tensor less_equal(Tensor target) => le(target);
        public Tensor less_equal_(Tensor target) => le_(target);
        public Tensor greater(Tensor target) => gt(target);
        public Tensor greater_equal(Tensor target) => ge(target);

        public Tensor isclose(Tensor other, double rtol = 1e-05, double atol = 1e-08, bool nanEqual = false) =>
            Op.Isclose.Call(this, other, rtol, atol, nanEqual);

        /// <summary>All of |this − target| ≤ atol + rtol·|target|. The types must agree.</summary>
        public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) =>
            target is not null && Op.Allclose.CallBool(this, target, rtol, atol, equal_nan);

        public Tensor isnan() => Op.Isnan.Call(this);
        public Tensor isinf() => Op.Isinf.Call(this);
        public Tensor isfinite() => Op.Isfinite.Call(this);
        public Tensor isneginf() => Op.Isneginf.Call(this);
        public Tensor isposinf() => Op.Isposinf.Call(this);
        public Tensor isreal() => Op.Isreal.Call(this);
        public Tensor isin(Tensor test_elements, bool assumeUnique = false, bool invert = false) =>
            Op.IsinTensorTensor.Call(this, test_elements, assumeUnique, invert);

        /// <summary>Is the one element of this tensor not zero?</summary>
        public bool is_nonzero() => Op.IsNonzero.CallBool(this);

        public Tensor logical_not() => Op.LogicalNot.Call(this);
        public Tensor logical_not_() => InPlace(Op.LogicalNot_, this);
        public Tensor bitwise_not() => Op.BitwiseNot.Call(this);
        public Tensor bitwise_not_() => InPlace(Op.BitwiseNot_, this);
        public Tensor logical_and(Tensor other) => Op.LogicalAnd.Call(this, other);
        public Tensor logical_and_(Tensor other) => InPlace(Op.LogicalAnd_, this, other);
        public Tensor logical_or(Tensor other) => Op.LogicalOr.Call(this, other);
        public Tensor logical_or_(Tensor other) => InPlace(Op.LogicalOr_, this, other);
        public Tensor logical_xor(Tensor other) => Op.LogicalXor.Call(this, other);
        public Tensor logical_xor_(Tensor other) => InPlace(Op.LogicalXor_, this, other);
        public Tensor bitwise_and(Tensor other) => Op.BitwiseAndTensor.Call(this, other);
        public Tensor bitwise_and_(Tensor other) => InPlace(Op.BitwiseAndTensor_, this, other);
        public Tensor bitwise_or(Tensor other) => Op.BitwiseOrTensor.Call(this, other);
        public Tensor bitwise_or_(Tensor other) => InPlace(Op.BitwiseOrTensor_, this, other);
        public Tensor bitwise_xor(Tensor other) => Op.BitwiseXorTensor.Call(this, other);
        public Tensor bitwise_xor_(Tensor other) => InPlace(Op.BitwiseXorTensor_, this, other);
        public Tensor bitwise_left_shift(Tensor other) => Op.BitwiseLeftShiftTensor.Call(this, other);
        public Tensor bitwise_left_shift_(Tensor other) => InPlace(Op.BitwiseLeftShiftTensor_, this, other);
        public Tensor bitwise_right_shift(Tensor other) => Op.BitwiseRightShiftTensor.Call(this, other);
        public Tensor bitwise_right_shift_(Tensor other) => InPlace(Op.BitwiseRightShiftTensor_, this, other);
    }

    public static Tensor eq(Tensor left, Tensor right) => left.eq(right);
    public static Tensor ne(Tensor left, Tensor right) => left.ne(right);
    public static Tensor lt(Tensor left, Tensor right) => left.lt(right);
    public static Tensor le(Tensor left, Tensor right) => left.le(right);
    public static Tensor gt(Tensor left, Tensor right) => left.gt(right);
    public static Tensor ge(Tensor left, Tensor right) => left.ge(right);
    public static Tensor equal(Tensor tensor, Tensor target) => tensor.equal(target);
    public static Tensor not_equal(Tensor tensor, Tensor target) => tensor.not_equal(target);
    public static Tensor less(Tensor tensor, Tensor target) => tensor.less(target);
    public static Tensor less_equal(Tensor tensor, Tensor target) => tensor.less_equal(target);
    public static Tensor greater(Tensor tensor, Tensor target) => tensor.greater(target);
    public static Tensor greater_equal(Tensor tensor, Tensor target) => tensor.greater_equal(target);
    public static Tensor isclose(Tensor tensor, Tensor other, double rtol = 1e-05, double atol = 1e-08, bool nanEqual = false) =>
        tensor.isclose(other, rtol, atol, nanEqual);
    public static bool allclose(Tensor tensor, Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) =>
        tensor.allclose(target, rtol, atol, equal_nan);
    public static Tensor isnan(Tensor input) => input.isnan();
    public static Tensor isinf(Tensor tensor) => tensor.isinf();
    public static Tensor isfinite(Tensor tensor) => tensor.isfinite();
    public static Tensor isneginf(Tensor tensor) => tensor.isneginf();
    public static Tensor isposinf(Tensor tensor) => tensor.isposinf();
    public static Tensor isreal(Tensor tensor) => tensor.isreal();
    public static Tensor isin(Tensor tensor, Tensor test_elements, bool assumeUnique = false, bool invert = false) =>
        tensor.isin(test_elements, assumeUnique, invert);
    public static bool is_nonzero(Tensor input) => input.is_nonzero();
    public static Tensor logical_not(Tensor input) => input.logical_not();
    public static Tensor bitwise_not(Tensor input) => input.bitwise_not();
    public static Tensor bitwise_not_(Tensor input) => input.bitwise_not_();
    public static Tensor logical_and(Tensor left, Tensor right) => left.logical_and(right);
    public static Tensor logical_and_(Tensor left, Tensor right) => left.logical_and_(right);
    public static Tensor logical_or(Tensor left, Tensor right) => left.logical_or(right);
    public static Tensor logical_or_(Tensor left, Tensor right) => left.logical_or_(right);
    public static Tensor logical_xor(Tensor left, Tensor right) => left.logical_xor(right);
    public static Tensor logical_xor_(Tensor left, Tensor right) => left.logical_xor_(right);
    public static Tensor bitwise_and(Tensor left, Tensor right) => left.bitwise_and(right);
    public static Tensor bitwise_and_(Tensor left, Tensor right) => left.bitwise_and_(right);
    public static Tensor bitwise_or(Tensor left, Tensor right) => left.bitwise_or(right);
    public static Tensor bitwise_or_(Tensor left, Tensor right) => left.bitwise_or_(right);
    public static Tensor bitwise_xor(Tensor left, Tensor right) => left.bitwise_xor(right);
    public static Tensor bitwise_xor_(Tensor left, Tensor right) => left.bitwise_xor_(right);
    public static Tensor bitwise_left_shift(Tensor left, Tensor right) => left.bitwise_left_shift(right);
    public static Tensor bitwise_left_shift_(Tensor left, Tensor right) => left.bitwise_left_shift_(right);
    public static Tensor bitwise_right_shift(Tensor left, Tensor right) => left.bitwise_right_shift(right);
    public static Tensor bitwise_right_shift_(Tensor left, Tensor right) => left.bitwise_right_shift_(right);

    static partial class Op
    {
        internal static readonly Operator
            Allclose = new("allclose"), BitwiseAndTensor = new("bitwise_and", "Tensor"),
            BitwiseAndTensor_ = new("bitwise_and_", "Tensor"), BitwiseLeftShiftTensor = new("bitwise_left_shift", "Tensor"),
            BitwiseLeftShiftTensor_ = new("bitwise_left_shift_", "Tensor"), BitwiseNot = new("bitwise_not"),
            BitwiseNot_ = new("bitwise_not_"), BitwiseOrTensor = new("bitwise_or", "Tensor"),
            BitwiseOrTensor_ = new("bitwise_or_", "Tensor"), BitwiseRightShiftTensor = new("bitwise_right_shift", "Tensor"),
            BitwiseRightShiftTensor_ = new("bitwise_right_shift_", "Tensor"), BitwiseXorTensor = new("bitwise_xor", "Tensor"),
            BitwiseXorTensor_ = new("bitwise_xor_", "Tensor"), EqScalar = new("eq", "Scalar"), EqScalar_ = new("eq_", "Scalar"),
            EqTensor = new("eq", "Tensor"), EqTensor_ = new("eq_", "Tensor"), GeScalar = new("ge", "Scalar"),
            GeScalar_ = new("ge_", "Scalar"), GeTensor = new("ge", "Tensor"), GeTensor_ = new("ge_", "Tensor"),
            GtScalar = new("gt", "Scalar"), GtScalar_ = new("gt_", "Scalar"), GtTensor = new("gt", "Tensor"),
            GtTensor_ = new("gt_", "Tensor"), IsNonzero = new("is_nonzero"), Isclose = new("isclose"), Isfinite = new("isfinite"),
            IsinTensorTensor = new("isin", "Tensor_Tensor"), Isinf = new("isinf"), Isnan = new("isnan"),
                Isneginf = new("isneginf"),
            Isposinf = new("isposinf"), Isreal = new("isreal"), LeScalar = new("le", "Scalar"), LeScalar_ = new("le_", "Scalar"),
            LeTensor = new("le", "Tensor"), LeTensor_ = new("le_", "Tensor"), LogicalAnd = new("logical_and"),
            LogicalAnd_ = new("logical_and_"), LogicalNot = new("logical_not"), LogicalNot_ = new("logical_not_"),
            LogicalOr = new("logical_or"), LogicalOr_ = new("logical_or_"), LogicalXor = new("logical_xor"),
            LogicalXor_ = new("logical_xor_"), LtScalar = new("lt", "Scalar"), LtScalar_ = new("lt_", "Scalar"),
            LtTensor = new("lt", "Tensor"), LtTensor_ = new("lt_", "Tensor"), NeScalar = new("ne", "Scalar"),
            NeScalar_ = new("ne_", "Scalar"), NeTensor = new("ne", "Tensor"), NeTensor_ = new("ne_", "Tensor");
    }
}
