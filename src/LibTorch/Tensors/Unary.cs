// Element by element: one operand.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        static class Unary
        {
            internal static readonly Operator abs = new("abs"), abs_ = new("abs_");
            internal static readonly Operator neg = new("neg"), neg_ = new("neg_");
            internal static readonly Operator exp = new("exp"), exp_ = new("exp_");
            internal static readonly Operator log = new("log"), log_ = new("log_");
            internal static readonly Operator log2 = new("log2"), log2_ = new("log2_");
            internal static readonly Operator log10 = new("log10"), log10_ = new("log10_");
            internal static readonly Operator log1p = new("log1p"), log1p_ = new("log1p_");
            internal static readonly Operator expm1 = new("expm1"), expm1_ = new("expm1_");
            internal static readonly Operator sqrt = new("sqrt"), sqrt_ = new("sqrt_");
            internal static readonly Operator rsqrt = new("rsqrt"), rsqrt_ = new("rsqrt_");
            internal static readonly Operator square = new("square");
            internal static readonly Operator sin = new("sin"), sin_ = new("sin_");
            internal static readonly Operator cos = new("cos"), cos_ = new("cos_");
            internal static readonly Operator tan = new("tan"), tan_ = new("tan_");
            internal static readonly Operator tanh = new("tanh"), tanh_ = new("tanh_");
            internal static readonly Operator asin = new("asin"), asin_ = new("asin_");
            internal static readonly Operator acos = new("acos"), acos_ = new("acos_");
            internal static readonly Operator atan = new("atan"), atan_ = new("atan_");
            internal static readonly Operator sigmoid = new("sigmoid"), sigmoid_ = new("sigmoid_");
            internal static readonly Operator ceil = new("ceil"), ceil_ = new("ceil_");
            internal static readonly Operator floor = new("floor"), floor_ = new("floor_");
            internal static readonly Operator round = new("round"), round_ = new("round_"), roundDecimals = new("round", "decimals"), round_Decimals = new("round_", "decimals");
            internal static readonly Operator trunc = new("trunc"), trunc_ = new("trunc_");
            internal static readonly Operator sign = new("sign"), sign_ = new("sign_");
            internal static readonly Operator reciprocal = new("reciprocal"), reciprocal_ = new("reciprocal_");
            internal static readonly Operator erf = new("erf"), erf_ = new("erf_");
            internal static readonly Operator erfc = new("erfc"), erfc_ = new("erfc_");
            internal static readonly Operator erfinv = new("erfinv"), erfinv_ = new("erfinv_");
            internal static readonly Operator silu = new("silu"), silu_ = new("silu_"), relu = new("relu"), relu_ = new("relu_"), gelu = new("gelu");
            internal static readonly Operator isnan = new("isnan"), isinf = new("isinf"), isfinite = new("isfinite"), logical_not = new("logical_not");
        }

        public Tensor abs() => Unary.abs.Call(this);
        public Tensor abs_() => Unary.abs_.Call(this);
        public Tensor neg() => Unary.neg.Call(this);
        public Tensor neg_() => Unary.neg_.Call(this);
        public Tensor exp() => Unary.exp.Call(this);
        public Tensor exp_() => Unary.exp_.Call(this);
        public Tensor log() => Unary.log.Call(this);
        public Tensor log_() => Unary.log_.Call(this);
        public Tensor log2() => Unary.log2.Call(this);
        public Tensor log2_() => Unary.log2_.Call(this);
        public Tensor log10() => Unary.log10.Call(this);
        public Tensor log10_() => Unary.log10_.Call(this);
        public Tensor log1p() => Unary.log1p.Call(this);
        public Tensor log1p_() => Unary.log1p_.Call(this);
        public Tensor expm1() => Unary.expm1.Call(this);
        public Tensor expm1_() => Unary.expm1_.Call(this);
        public Tensor sqrt() => Unary.sqrt.Call(this);
        public Tensor sqrt_() => Unary.sqrt_.Call(this);
        public Tensor rsqrt() => Unary.rsqrt.Call(this);
        public Tensor rsqrt_() => Unary.rsqrt_.Call(this);
        public Tensor square() => Unary.square.Call(this);
        public Tensor sin() => Unary.sin.Call(this);
        public Tensor sin_() => Unary.sin_.Call(this);
        public Tensor cos() => Unary.cos.Call(this);
        public Tensor cos_() => Unary.cos_.Call(this);
        public Tensor tan() => Unary.tan.Call(this);
        public Tensor tan_() => Unary.tan_.Call(this);
        public Tensor tanh() => Unary.tanh.Call(this);
        public Tensor tanh_() => Unary.tanh_.Call(this);
        public Tensor asin() => Unary.asin.Call(this);
        public Tensor asin_() => Unary.asin_.Call(this);
        public Tensor acos() => Unary.acos.Call(this);
        public Tensor acos_() => Unary.acos_.Call(this);
        public Tensor atan() => Unary.atan.Call(this);
        public Tensor atan_() => Unary.atan_.Call(this);
        public Tensor sigmoid() => Unary.sigmoid.Call(this);
        public Tensor sigmoid_() => Unary.sigmoid_.Call(this);
        public Tensor ceil() => Unary.ceil.Call(this);
        public Tensor ceil_() => Unary.ceil_.Call(this);
        public Tensor floor() => Unary.floor.Call(this);
        public Tensor floor_() => Unary.floor_.Call(this);
        public Tensor round(long decimals = 0) => decimals == 0 ? Unary.round.Call(this) : Unary.roundDecimals.Call(this, decimals);
        public Tensor round_(long decimals = 0) => decimals == 0 ? Unary.round_.Call(this) : Unary.round_Decimals.Call(this, decimals);
        public Tensor trunc() => Unary.trunc.Call(this);
        public Tensor trunc_() => Unary.trunc_.Call(this);
        public Tensor sign() => Unary.sign.Call(this);
        public Tensor sign_() => Unary.sign_.Call(this);
        public Tensor reciprocal() => Unary.reciprocal.Call(this);
        public Tensor reciprocal_() => Unary.reciprocal_.Call(this);
        public Tensor erf() => Unary.erf.Call(this);
        public Tensor erf_() => Unary.erf_.Call(this);
        public Tensor erfc() => Unary.erfc.Call(this);
        public Tensor erfc_() => Unary.erfc_.Call(this);
        public Tensor erfinv() => Unary.erfinv.Call(this);
        public Tensor erfinv_() => Unary.erfinv_.Call(this);
        public Tensor silu() => Unary.silu.Call(this);
        public Tensor silu_() => Unary.silu_.Call(this);
        public Tensor relu() => Unary.relu.Call(this);
        public Tensor relu_() => Unary.relu_.Call(this);
        public Tensor gelu() => Unary.gelu.Call(this);
        public Tensor isnan() => Unary.isnan.Call(this);
        public Tensor isinf() => Unary.isinf.Call(this);
        public Tensor isfinite() => Unary.isfinite.Call(this);
        public Tensor logical_not() => Unary.logical_not.Call(this);
    }

    public static Tensor abs(Tensor input) => input.abs();
    public static Tensor neg(Tensor input) => input.neg();
    public static Tensor exp(Tensor input) => input.exp();
    public static Tensor log(Tensor input) => input.log();
    public static Tensor log2(Tensor input) => input.log2();
    public static Tensor log10(Tensor input) => input.log10();
    public static Tensor log1p(Tensor input) => input.log1p();
    public static Tensor expm1(Tensor input) => input.expm1();
    public static Tensor sqrt(Tensor input) => input.sqrt();
    public static Tensor rsqrt(Tensor input) => input.rsqrt();
    public static Tensor square(Tensor input) => input.square();
    public static Tensor sin(Tensor input) => input.sin();
    public static Tensor cos(Tensor input) => input.cos();
    public static Tensor tan(Tensor input) => input.tan();
    public static Tensor tanh(Tensor input) => input.tanh();
    public static Tensor asin(Tensor input) => input.asin();
    public static Tensor acos(Tensor input) => input.acos();
    public static Tensor atan(Tensor input) => input.atan();
    public static Tensor sigmoid(Tensor input) => input.sigmoid();
    public static Tensor ceil(Tensor input) => input.ceil();
    public static Tensor floor(Tensor input) => input.floor();
    public static Tensor round(Tensor input, long decimals = 0) => input.round(decimals);
    public static Tensor trunc(Tensor input) => input.trunc();
    public static Tensor sign(Tensor input) => input.sign();
    public static Tensor reciprocal(Tensor input) => input.reciprocal();
    public static Tensor erf(Tensor input) => input.erf();
    public static Tensor erfc(Tensor input) => input.erfc();
    public static Tensor erfinv(Tensor input) => input.erfinv();
    public static Tensor isnan(Tensor input) => input.isnan();
    public static Tensor isinf(Tensor tensor) => tensor.isinf();
    public static Tensor isfinite(Tensor tensor) => tensor.isfinite();
}
