// Element-wise arithmetic, C#'s operators, comparisons and casts against closed forms.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsArithmeticTests
{
    static double[] Values(Tensor t) => t.to(float64).contiguous().data<double>().ToArray();

    static readonly double[] Some = [-2.5, -1, -0.25, 0.5, 1, 3];

    static Tensor X => tensor(Some);

    static readonly Dictionary<string, (Func<Tensor, Tensor> Ours, Func<double, double> Exact)> Functions = new()
    {
        ["abs"] = (x => x.abs(), Math.Abs), ["neg"] = (x => x.neg(), v => -v), ["exp"] = (x => x.exp(), Math.Exp),
        ["sign"] = (x => x.sign(), v => Math.Sign(v)),
        ["floor"] = (x => x.floor(), Math.Floor), ["ceil"] = (x => x.ceil(), Math.Ceiling),
        ["trunc"] = (x => x.trunc(), Math.Truncate), ["frac"] = (x => x.frac(), v => v - Math.Truncate(v)),
        ["round"] = (x => x.round(), v => Math.Round(v, MidpointRounding.ToEven)), ["sin"] = (x => x.sin(), Math.Sin),
        ["cos"] = (x => x.cos(), Math.Cos),
        ["tanh"] = (x => x.tanh(), Math.Tanh), ["sigmoid"] = (x => x.sigmoid(), v => 1 / (1 + Math.Exp(-v))),
        ["silu"] = (x => x.silu(), v => v / (1 + Math.Exp(-v))),
        ["relu"] = (x => x.relu(), v => Math.Max(0, v)), ["square"] = (x => x.square(), v => v * v),
        ["reciprocal"] = (x => x.reciprocal(), v => 1 / v),
        ["rsqrt of square"] = (x => x.square().rsqrt(), v => 1 / Math.Abs(v)),
        ["log1p"] = (x => x.abs().log1p(), v => Math.Log(1 + Math.Abs(v))),
        ["clamp"] = (x => x.clamp(-1, 0.75), v => Math.Clamp(v, -1, 0.75)),
        ["clamp min"] = (x => x.clamp(min: 0), v => Math.Max(v, 0)), ["clamp_max"] = (x => x.clamp_max(0), v => Math.Min(v, 0)),
        ["+"] = (x => x + 2, v => v + 2), ["2 +"] = (x => 2L + x, v => v + 2),
        ["-"] = (x => x - 0.5f, v => v - 0.5), ["1 -"] = (x => 1 - x, v => 1 - v), ["*"] = (x => x * 3.0, v => v * 3),
        ["/"] = (x => x / 4, v => v / 4), ["1 /"] = (x => 1.0 / x, v => 1 / v),
        ["%"] = (x => x % 2, v => v - 2 * Math.Floor(v / 2)), ["fmod"] = (x => x.fmod(2), v => v % 2),
        ["pow"] = (x => x.pow(3), v => v * v * v), ["unary -"] = (x => -x, v => -v),
        ["div floor"] = (x => x.div(2, RoundingMode.floor), v => Math.Floor(v / 2)),
        ["div trunc"] = (x => x.div(2, RoundingMode.trunc), v => Math.Truncate(v / 2)),
        ["floor_divide"] = (x => x.floor_divide(2), v => Math.Floor(v / 2)),
        ["add alpha"] = (x => x.add(x, 0.5), v => 1.5 * v), ["addcmul"] = (x => x.addcmul(x, x, 2), v => v + 2 * v * v),
        ["addcdiv"] = (x => x.addcdiv(x, x, 2), v => v + 2), ["lerp"] = (x => x.lerp(x * 3, tensor(0.5)), v => 2 * v),
        ["where"] = (x => where(x > 0, x, 0.0), v => v > 0 ? v : 0),
        ["maximum"] = (x => x.maximum(tensor(0.25)), v => Math.Max(v, 0.25)),
        ["atan2"] = (x => x.atan2(tensor(2.0)), v => Math.Atan2(v, 2)),
        ["gelu"] = (x => x.gelu() - x * 0.5 * (1 + (x / Math.Sqrt(2)).erf()), _ => 0),
        ["tanh gelu"] = (x => x.gelu(TorchSharp.Modules.GELU.Approximate.tanh),
            v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)))),
        ["softplus"] = (x => x.softplus(), v => Math.Log(1 + Math.Exp(v))),
        ["nan_to_num"] = (x => (x / 0).nan_to_num(0, 5, -5), v => v > 0 ? 5 : -5),
        ["leaky_relu"] = (x => x.leaky_relu(0.1), v => v > 0 ? v : 0.1 * v),
        ["elu"] = (x => x.elu(), v => v > 0 ? v : Math.Exp(v) - 1),
        ["hardtanh"] = (x => x.hardtanh(-1, 1), v => Math.Clamp(v, -1, 1)),
        ["copysign"] = (x => x.copysign(tensor(-1.0)), v => -Math.Abs(v)),
        ["heaviside"] = (x => x.heaviside(tensor(0.5)), v => v > 0 ? 1 : 0),
        ["deg2rad"] = (x => x.deg2rad(), v => v * Math.PI / 180),
    };

    public static TheoryData<string> Names => new(Functions.Keys);

    [Theory, MemberData(nameof(Names))]
    public void Values_are_the_closed_form(string name)
    {
        var (ours, exact) = Functions[name];
        var values = Values(ours(X));
        for (var i = 0; i < Some.Length; i++) Assert.Equal(exact(Some[i]), values[i], 1e-12);
    }

    [Fact]
    public void In_place_twins_change_the_tensor_and_return_it()
    {
        var x = X;
        Assert.Same(x, x.add_(1).mul_(2).sub_(0.5).div_(4).neg_().exp_().pow_(2).clamp_(0, 3).addcmul_(X, X, 0.1).lerp_(X, tensor(0.25)));
        var expected = Some.Select(v => Math.Clamp(Math.Exp(-2 * ((2 * (v + 1) - 0.5) / 4)), 0, 3) + 0.1 * v * v).Zip(Some, (y, v) => y + 0.25 * (v - y)).ToArray();
        Assert.Equal(expected, Values(x), (a, b) => Math.Abs(a - b) < 1e-12);
        var y = zeros(3);
        Assert.Same(y, y.fill_(7));
        Assert.Same(y, y.copy_(tensor(new[] { 1f, 2, 3 })));
        Assert.Equal([1, 2, 3], Values(y));
        Assert.Same(y, y.zero_());
        Assert.Equal([0, 0, 0], Values(y));
    }

    [Fact]
    public void An_integer_operand_keeps_an_integer_tensor_and_a_real_one_does_not()
    {
        var x = tensor(new long[] { 1, 2, 3 });
        Assert.Equal(int64, (x + 1).dtype);
        Assert.Equal(float32, (x + 1.5).dtype);
        Assert.Equal(float32, (x / 2).dtype);
        Assert.Equal(int64, x.div(2, RoundingMode.floor).dtype);
        Assert.Equal(float16, (zeros(2, dtype: float16) * 2.5).dtype);
        Assert.Equal(bfloat16, (2 * zeros(2, dtype: bfloat16)).dtype);
    }

    [Fact]
    public void Comparisons_are_element_wise()
    {
        var x = tensor(new[] { 1.0, 2, 3 });
        var same = x.clone();
        bool[] Of(Tensor t) => t.data<bool>().ToArray();
        Assert.Equal([false, true, false], Of(x == 2));
        Assert.Equal([true, false, true], Of(x != 2));
        Assert.Equal([true, false, false], Of(x < 2));
        Assert.Equal([false, false, true], Of(2 < x));
        Assert.Equal([true, true, false], Of(2.0 >= x));
        Assert.Equal([true, true, true], Of(x >= same));
        Assert.Equal([false, true, true], Of((x > 1) & (x <= 3)));
        Assert.Equal([true, false, true], Of((x == 2) ^ tensor(true)));
        Assert.Equal([true, false, true], Of(~(x == 2)));
        Assert.Equal([true, false, true], Of(x.isin(tensor(new[] { 1.0, 3 }))));
        Assert.Equal([true, true, false], Of(tensor(new[] { double.NaN, double.PositiveInfinity, 1 }).isfinite().logical_not()));
        Assert.True((bool)x.eq(x).all());
        Assert.True(x.allclose(x + 1e-9));
        Assert.False(x.allclose(x + 1e-3));
        Assert.False((bool)x.eq((Tensor)null!));
        Assert.True((bool)x.ne((Tensor)null!));
        Assert.True(tensor(1).is_nonzero());
    }

    [Fact]
    public void Bits()
    {
        var x = tensor(new[] { 12, 10 });
        Assert.Equal([8, 8], Values(x & tensor(9)));
        Assert.Equal([13, 11], Values(x | tensor(1)));
        Assert.Equal([48, 40], Values(x.bitwise_left_shift(tensor(2))));
        Assert.Equal([-13, -11], Values(~x));
        Assert.Equal([4, 2], Values(x.gcd(tensor(8))));
    }

    [Fact]
    public void Casts()
    {
        Assert.Equal(3.5, (double)tensor(3.5));
        Assert.Equal(3, (int)tensor(3.5f));
        Assert.Equal(3L, (long)tensor(new[,] { { 3 } }));
        Assert.True((bool)tensor(0.5));
        Assert.Equal(1.5f, (float)tensor(1.5).bfloat16());
        Tensor fromDouble = 2.0, fromInt = 2, fromArray = new[] { 1f, 2 }, fromScalar = 4.ToScalar();
        Assert.Equal((float64, int32, float32, int32), (fromDouble.dtype, fromInt.dtype, fromArray.dtype, fromScalar.dtype));
        Assert.Equal(Array.Empty<long>(), fromScalar.shape);
        Assert.Throws<ArgumentException>(() => (float)tensor(new[] { 1f, 2 }));
    }

    [Fact]
    public void Complex_numbers()
    {
        var z = complex(tensor(new[] { 3.0 }), tensor(new[] { 4.0 }));
        Assert.Equal(complex128, z.dtype);
        Assert.Equal([5], Values(z.abs()));
        Assert.Equal([3], Values(z.real));
        Assert.Equal([-4], Values(z.conj().imag));
        Assert.Equal([3, 4], Values(z.view_as_real()));
        Assert.Equal([Math.Atan2(4, 3)], Values(z.angle()));
        var (mantissa, exponent) = tensor(new[] { 6.0 }).frexp();
        Assert.Equal((0.75, 3.0), (Values(mantissa)[0], Values(exponent)[0]));
    }
}
