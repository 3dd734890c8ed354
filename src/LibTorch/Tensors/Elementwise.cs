// Functions of one element: exponentials, roots, rounding, trigonometry, special functions. Each is differentiable where the
// function is; the twins that end in _ work in place and return this very object.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor abs() => Op.Abs.Call(this);
        public Tensor abs_() => InPlace(Op.Abs_, this);
        public Tensor neg() => Op.Neg.Call(this);
        public Tensor neg_() => InPlace(Op.Neg_, this);
        public Tensor exp() => Op.Exp.Call(this);
        public Tensor exp_() => InPlace(Op.Exp_, this);
        public Tensor exp2() => Op.Exp2.Call(this);
        public Tensor exp2_() => InPlace(Op.Exp2_, this);
        public Tensor expm1() => Op.Expm1.Call(this);
        public Tensor expm1_() => InPlace(Op.Expm1_, this);
        public Tensor log() => Op.Log.Call(this);
        public Tensor log_() => InPlace(Op.Log_, this);
        public Tensor log2() => Op.Log2.Call(this);
        public Tensor log2_() => InPlace(Op.Log2_, this);
        public Tensor log10() => Op.Log10.Call(this);
        public Tensor log10_() => InPlace(Op.Log10_, this);
        public Tensor log1p() => Op.Log1p.Call(this);
        public Tensor log1p_() => InPlace(Op.Log1p_, this);
        public Tensor sqrt() => Op.Sqrt.Call(this);
        public Tensor sqrt_() => InPlace(Op.Sqrt_, this);
        public Tensor rsqrt() => Op.Rsqrt.Call(this);
        public Tensor rsqrt_() => InPlace(Op.Rsqrt_, this);
        public Tensor square() => Op.Square.Call(this);
        public Tensor reciprocal() => Op.Reciprocal.Call(this);
        public Tensor reciprocal_() => InPlace(Op.Reciprocal_, this);
        public Tensor sign() => Op.Sign.Call(this);
        public Tensor sign_() => InPlace(Op.Sign_, this);
        public Tensor sgn() => Op.Sgn.Call(this);
        public Tensor sgn_() => InPlace(Op.Sgn_, this);
        public Tensor signbit() => Op.Signbit.Call(this);
        public Tensor positive() => Op.Positive.Call(this);
        public Tensor absolute() => abs();
        public Tensor absolute_() => abs_();
        public Tensor negative() => neg();

        public Tensor ceil() => Op.Ceil.Call(this);
        public Tensor ceil_() => InPlace(Op.Ceil_, this);
        public Tensor floor() => Op.Floor.Call(this);
        public Tensor floor_() => InPlace(Op.Floor_, this);
        public Tensor trunc() => Op.Trunc.Call(this);
        public Tensor trunc_() => InPlace(Op.Trunc_, this);
        public Tensor frac() => Op.Frac.Call(this);
        public Tensor frac_() => InPlace(Op.Frac_, this);
        public Tensor fix() => trunc();
        public Tensor fix_() => trunc_();
        public Tensor round(long decimals = 0) => decimals == 0 ? Op.Round.Call(this) : Op.RoundDecimals.Call(this, decimals);
        public Tensor round_(long decimals = 0) =>
            decimals == 0 ? InPlace(Op.Round_, this) : InPlace(Op.RoundDecimals_, this, decimals);

        public Tensor sin() => Op.Sin.Call(this);
        public Tensor sin_() => InPlace(Op.Sin_, this);
        public Tensor cos() => Op.Cos.Call(this);
        public Tensor cos_() => InPlace(Op.Cos_, this);
        public Tensor tan() => Op.Tan.Call(this);
        public Tensor tan_() => InPlace(Op.Tan_, this);
        public Tensor asin() => Op.Asin.Call(this);
        public Tensor asin_() => InPlace(Op.Asin_, this);
        public Tensor acos() => Op.Acos.Call(this);
        public Tensor acos_() => InPlace(Op.Acos_, this);
        public Tensor atan() => Op.Atan.Call(this);
        public Tensor atan_() => InPlace(Op.Atan_, this);
        public Tensor sinh() => Op.Sinh.Call(this);
        public Tensor sinh_() => InPlace(Op.Sinh_, this);
        public Tensor cosh() => Op.Cosh.Call(this);
        public Tensor cosh_() => InPlace(Op.Cosh_, this);
        public Tensor tanh() => Op.Tanh.Call(this);
        public Tensor tanh_() => InPlace(Op.Tanh_, this);
        public Tensor asinh() => Op.Asinh.Call(this);
        public Tensor asinh_() => InPlace(Op.Asinh_, this);
        public Tensor acosh() => Op.Acosh.Call(this);
        public Tensor acosh_() => InPlace(Op.Acosh_, this);
        public Tensor atanh() => Op.Atanh.Call(this);
        public Tensor atanh_() => InPlace(Op.Atanh_, this);
        public Tensor sinc() => Op.Sinc.Call(this);
        public Tensor sinc_() => InPlace(Op.Sinc_, this);
        public Tensor deg2rad() => Op.Deg2rad.Call(this);
        public Tensor deg2rad_() => InPlace(Op.Deg2rad_, this);
        public Tensor rad2deg() => Op.Rad2deg.Call(this);
        public Tensor rad2deg_() => InPlace(Op.Rad2deg_, this);
        public Tensor arcsin() => asin();
        public Tensor arcsin_() => asin_();
        public Tensor arccos() => acos();
        public Tensor arccos_() => acos_();
        public Tensor arctan() => atan();
        public Tensor arctan_() => atan_();
        public Tensor arcsinh() => asinh();
        public Tensor arcsinh_() => asinh_();
        public Tensor arccosh() => acosh();
        public Tensor arccosh_() => acosh_();
        public Tensor arctanh() => atanh();
        public Tensor arctanh_() => atanh_();

        public Tensor erf() => Op.Erf.Call(this);
        public Tensor erf_() => InPlace(Op.Erf_, this);
        public Tensor erfc() => Op.Erfc.Call(this);
        public Tensor erfc_() => InPlace(Op.Erfc_, this);
        public Tensor erfinv() => Op.Erfinv.Call(this);
        public Tensor erfinv_() => InPlace(Op.Erfinv_, this);
        public Tensor lgamma() => Op.Lgamma.Call(this);
        public Tensor lgamma_() => InPlace(Op.Lgamma_, this);
        public Tensor digamma() => Op.Digamma.Call(this);
        public Tensor digamma_() => InPlace(Op.Digamma_, this);
        public Tensor i0() => Op.I0.Call(this);
        public Tensor i0_() => InPlace(Op.I0_, this);
        public Tensor polygamma(long p) => Op.Polygamma.Call(p, this);
        public Tensor polygamma_(long p) => InPlace(Op.Polygamma_, this, p);
        public Tensor mvlgamma(long p) => Op.Mvlgamma.Call(this, p);
        public Tensor mvlgamma_(long p) => InPlace(Op.Mvlgamma_, this, p);
        public Tensor igamma(Tensor other) => Op.Igamma.Call(this, other);
        public Tensor igammac(Tensor other) => Op.Igammac.Call(this, other);
        public Tensor logit(double? eps = null) => Op.Logit.Call(this, eps);
        public Tensor logit_(double? eps = null) => InPlace(Op.Logit_, this, eps);

        public Tensor nan_to_num(double nan = 0, double? posinf = null, double? neginf = null) =>
            Op.NanToNum.Call(this, nan, posinf, neginf);
        public Tensor nan_to_num_(double nan = 0, double? posinf = null, double? neginf = null) =>
            InPlace(Op.NanToNum_, this, nan, posinf, neginf);

        /// <summary>this = Mantissa · 2^Exponent</summary>
        public (Tensor Mantissa, Tensor Exponent) frexp() => Op.FrexpTensor.CallPair(this);

        public Tensor angle() => Op.Angle.Call(this);

        /// <summary>Computed, never a lazy view: the elements that C# reads are the conjugate ones.</summary>
        public Tensor conj() => Op.ConjPhysical.Call(this);
        public Tensor conj_physical() => Op.ConjPhysical.Call(this);
        public Tensor conj_physical_() => InPlace(Op.ConjPhysical_, this);
        public Tensor resolve_conj() => Op.ResolveConj.Call(this);
        public Tensor resolve_neg() => Op.ResolveNeg.Call(this);
        public Tensor real => is_complex() ? Op.Real.Call(this) : this;
        public Tensor imag => Op.Imag.Call(this).resolve_neg();
        public Tensor view_as_complex() => Op.ViewAsComplex.Call(this);
        public Tensor view_as_real() => Op.ViewAsReal.Call(this);
    }

    public static Tensor real(Tensor input) => input.real;
    public static Tensor imag(Tensor input) => input.imag;
    public static Tensor complex(Tensor real, Tensor imag) => Op.Complex.Call(real, imag);
    public static Tensor polar(Tensor abs, Tensor angle) => Op.Polar.Call(abs, angle);
    public static Tensor negative_(Tensor input) => input.neg_();

    public static Tensor abs(Tensor input) => input.abs();
    public static Tensor abs_(Tensor input) => input.abs_();
    public static Tensor neg(Tensor input) => input.neg();
    public static Tensor neg_(Tensor input) => input.neg_();
    public static Tensor exp(Tensor input) => input.exp();
    public static Tensor exp_(Tensor input) => input.exp_();
    public static Tensor exp2(Tensor input) => input.exp2();
    public static Tensor exp2_(Tensor input) => input.exp2_();
    public static Tensor expm1(Tensor input) => input.expm1();
    public static Tensor expm1_(Tensor input) => input.expm1_();
    public static Tensor log(Tensor input) => input.log();
    public static Tensor log_(Tensor input) => input.log_();
    public static Tensor log2(Tensor input) => input.log2();
    public static Tensor log2_(Tensor input) => input.log2_();
    public static Tensor log10(Tensor input) => input.log10();
    public static Tensor log10_(Tensor input) => input.log10_();
    public static Tensor log1p(Tensor input) => input.log1p();
    public static Tensor log1p_(Tensor input) => input.log1p_();
    public static Tensor sqrt(Tensor input) => input.sqrt();
    public static Tensor sqrt_(Tensor input) => input.sqrt_();
    public static Tensor rsqrt(Tensor input) => input.rsqrt();
    public static Tensor rsqrt_(Tensor input) => input.rsqrt_();
    public static Tensor square(Tensor input) => input.square();
    public static Tensor reciprocal(Tensor input) => input.reciprocal();
    public static Tensor reciprocal_(Tensor input) => input.reciprocal_();
    public static Tensor sign(Tensor input) => input.sign();
    public static Tensor sign_(Tensor input) => input.sign_();
    public static Tensor sgn(Tensor input) => input.sgn();
    public static Tensor sgn_(Tensor input) => input.sgn_();
    public static Tensor signbit(Tensor input) => input.signbit();
    public static Tensor positive(Tensor input) => input.positive();
    public static Tensor absolute(Tensor input) => input.absolute();
    public static Tensor absolute_(Tensor input) => input.absolute_();
    public static Tensor negative(Tensor input) => input.negative();
    public static Tensor ceil(Tensor input) => input.ceil();
    public static Tensor ceil_(Tensor input) => input.ceil_();
    public static Tensor floor(Tensor input) => input.floor();
    public static Tensor floor_(Tensor input) => input.floor_();
    public static Tensor trunc(Tensor input) => input.trunc();
    public static Tensor trunc_(Tensor input) => input.trunc_();
    public static Tensor frac(Tensor input) => input.frac();
    public static Tensor frac_(Tensor input) => input.frac_();
    public static Tensor fix(Tensor input) => input.fix();
    public static Tensor fix_(Tensor input) => input.fix_();
    public static Tensor round(Tensor input, long decimals = 0) => input.round(decimals);
    public static Tensor round_(Tensor input, long decimals = 0) => input.round_(decimals);
    public static Tensor sin(Tensor input) => input.sin();
    public static Tensor sin_(Tensor input) => input.sin_();
    public static Tensor cos(Tensor input) => input.cos();
    public static Tensor cos_(Tensor input) => input.cos_();
    public static Tensor tan(Tensor input) => input.tan();
    public static Tensor tan_(Tensor input) => input.tan_();
    public static Tensor asin(Tensor input) => input.asin();
    public static Tensor asin_(Tensor input) => input.asin_();
    public static Tensor acos(Tensor input) => input.acos();
    public static Tensor acos_(Tensor input) => input.acos_();
    public static Tensor atan(Tensor input) => input.atan();
    public static Tensor atan_(Tensor input) => input.atan_();
    public static Tensor sinh(Tensor input) => input.sinh();
    public static Tensor sinh_(Tensor input) => input.sinh_();
    public static Tensor cosh(Tensor input) => input.cosh();
    public static Tensor cosh_(Tensor input) => input.cosh_();
    public static Tensor tanh(Tensor input) => input.tanh();
    public static Tensor tanh_(Tensor input) => input.tanh_();
    public static Tensor asinh(Tensor input) => input.asinh();
    public static Tensor asinh_(Tensor input) => input.asinh_();
    public static Tensor acosh(Tensor input) => input.acosh();
    public static Tensor acosh_(Tensor input) => input.acosh_();
    public static Tensor atanh(Tensor input) => input.atanh();
    public static Tensor atanh_(Tensor input) => input.atanh_();
    public static Tensor sinc(Tensor input) => input.sinc();
    public static Tensor sinc_(Tensor input) => input.sinc_();
    public static Tensor deg2rad(Tensor input) => input.deg2rad();
    public static Tensor deg2rad_(Tensor input) => input.deg2rad_();
    public static Tensor rad2deg(Tensor input) => input.rad2deg();
    public static Tensor rad2deg_(Tensor input) => input.rad2deg_();
    public static Tensor arcsin(Tensor input) => input.arcsin();
    public static Tensor arcsin_(Tensor input) => input.arcsin_();
    public static Tensor arccos(Tensor input) => input.arccos();
    public static Tensor arccos_(Tensor input) => input.arccos_();
    public static Tensor arctan(Tensor input) => input.arctan();
    public static Tensor arctan_(Tensor input) => input.arctan_();
    public static Tensor arcsinh(Tensor input) => input.arcsinh();
    public static Tensor arcsinh_(Tensor input) => input.arcsinh_();
    public static Tensor arccosh(Tensor input) => input.arccosh();
    public static Tensor arccosh_(Tensor input) => input.arccosh_();
    public static Tensor arctanh(Tensor input) => input.arctanh();
    public static Tensor arctanh_(Tensor input) => input.arctanh_();
    public static Tensor erf(Tensor input) => input.erf();
    public static Tensor erf_(Tensor input) => input.erf_();
    public static Tensor erfc(Tensor input) => input.erfc();
    public static Tensor erfc_(Tensor input) => input.erfc_();
    public static Tensor erfinv(Tensor input) => input.erfinv();
    public static Tensor erfinv_(Tensor input) => input.erfinv_();
    public static Tensor lgamma(Tensor input) => input.lgamma();
    public static Tensor lgamma_(Tensor input) => input.lgamma_();
    public static Tensor digamma(Tensor input) => input.digamma();
    public static Tensor digamma_(Tensor input) => input.digamma_();
    public static Tensor i0(Tensor input) => input.i0();
    public static Tensor i0_(Tensor input) => input.i0_();
    public static Tensor polygamma(Tensor input, long p) => input.polygamma(p);
    public static Tensor polygamma_(Tensor input, long p) => input.polygamma_(p);
    public static Tensor mvlgamma(Tensor input, long p) => input.mvlgamma(p);
    public static Tensor mvlgamma_(Tensor input, long p) => input.mvlgamma_(p);
    public static Tensor igamma(Tensor input, Tensor other) => input.igamma(other);
    public static Tensor igammac(Tensor input, Tensor other) => input.igammac(other);
    public static Tensor logit(Tensor input, double? eps = null) => input.logit(eps);
    public static Tensor logit_(Tensor input, double? eps = null) => input.logit_(eps);
    public static Tensor nan_to_num(Tensor input, double nan = 0, double? posinf = null, double? neginf = null) =>
        input.nan_to_num(nan, posinf, neginf);
    public static Tensor nan_to_num_(Tensor input, double nan = 0, double? posinf = null, double? neginf = null) =>
        input.nan_to_num_(nan, posinf, neginf);
    public static (Tensor Mantissa, Tensor Exponent) frexp(Tensor input) => input.frexp();
    public static Tensor angle(Tensor input) => input.angle();
    public static Tensor conj(Tensor input) => input.conj();
    public static Tensor conj_physical(Tensor input) => input.conj_physical();
    public static Tensor conj_physical_(Tensor input) => input.conj_physical_();
    public static Tensor resolve_conj(Tensor input) => input.resolve_conj();
    public static Tensor resolve_neg(Tensor input) => input.resolve_neg();
    public static Tensor view_as_complex(Tensor input) => input.view_as_complex();
    public static Tensor view_as_real(Tensor input) => input.view_as_real();

    static partial class Op
    {
        internal static readonly Operator
            Abs = new("abs"), Abs_ = new("abs_"), Acos = new("acos"), Acos_ = new("acos_"), Acosh = new("acosh"),
            Acosh_ = new("acosh_"), Angle = new("angle"), Asin = new("asin"), Asin_ = new("asin_"), Asinh = new("asinh"),
            Asinh_ = new("asinh_"), Atan = new("atan"), Atan_ = new("atan_"), Atanh = new("atanh"), Atanh_ = new("atanh_"),
            Ceil = new("ceil"), Ceil_ = new("ceil_"), Complex = new("complex"), 
            ConjPhysical = new("conj_physical"), ConjPhysical_ = new("conj_physical_"), Cos = new("cos"), Cos_ = new("cos_"),
            Cosh = new("cosh"), Cosh_ = new("cosh_"), Deg2rad = new("deg2rad"), Deg2rad_ = new("deg2rad_"),
                Digamma = new("digamma"),
            Digamma_ = new("digamma_"), Erf = new("erf"), Erf_ = new("erf_"), Erfc = new("erfc"), Erfc_ = new("erfc_"),
            Erfinv = new("erfinv"), Erfinv_ = new("erfinv_"), Exp = new("exp"), Exp2 = new("exp2"), Exp2_ = new("exp2_"),
            Exp_ = new("exp_"), Expm1 = new("expm1"), Expm1_ = new("expm1_"), Floor = new("floor"), Floor_ = new("floor_"),
            Frac = new("frac"), Frac_ = new("frac_"), FrexpTensor = new("frexp", "Tensor"), I0 = new("i0"), I0_ = new("i0_"),
            Igamma = new("igamma"), Igammac = new("igammac"), Imag = new("imag"), Lgamma = new("lgamma"),
                Lgamma_ = new("lgamma_"),
            Log = new("log"), Log10 = new("log10"), Log10_ = new("log10_"), Log1p = new("log1p"), Log1p_ = new("log1p_"),
            Log2 = new("log2"), Log2_ = new("log2_"), Log_ = new("log_"), Logit = new("logit"), Logit_ = new("logit_"),
            Mvlgamma = new("mvlgamma"), Mvlgamma_ = new("mvlgamma_"), NanToNum = new("nan_to_num"),
                NanToNum_ = new("nan_to_num_"),
            Neg = new("neg"), Neg_ = new("neg_"), Polar = new("polar"), Polygamma = new("polygamma"),
                Polygamma_ = new("polygamma_"),
            Positive = new("positive"), Rad2deg = new("rad2deg"), Rad2deg_ = new("rad2deg_"), Real = new("real"),
            Reciprocal = new("reciprocal"), Reciprocal_ = new("reciprocal_"), ResolveConj = new("resolve_conj"),
            ResolveNeg = new("resolve_neg"), Round = new("round"), RoundDecimals = new("round", "decimals"),
            RoundDecimals_ = new("round_", "decimals"), Round_ = new("round_"), Rsqrt = new("rsqrt"), Rsqrt_ = new("rsqrt_"),
            Sgn = new("sgn"), Sgn_ = new("sgn_"), Sign = new("sign"), Sign_ = new("sign_"), Signbit = new("signbit"),
            Sin = new("sin"), Sin_ = new("sin_"), Sinc = new("sinc"), Sinc_ = new("sinc_"), Sinh = new("sinh"),
                Sinh_ = new("sinh_"),
            Sqrt = new("sqrt"), Sqrt_ = new("sqrt_"), Square = new("square"), Tan = new("tan"), Tan_ = new("tan_"),
            Tanh = new("tanh"), Tanh_ = new("tanh_"), Trunc = new("trunc"), Trunc_ = new("trunc_"),
            ViewAsComplex = new("view_as_complex"), ViewAsReal = new("view_as_real");
    }
}
