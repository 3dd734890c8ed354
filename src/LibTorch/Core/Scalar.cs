// A number for an operator's Scalar parameter: a tag and bits, nothing native, so nothing that could leak.
using LibTorch;

namespace TorchSharp;

public sealed class Scalar : IDisposable
{
    readonly long integer;
    readonly double real;

    Scalar(torch.ScalarType type, long integer, double real)
    {
        Type = type;
        this.integer = integer;
        this.real = real;
    }

    public torch.ScalarType Type { get; }

    bool IsReal => Type is torch.ScalarType.Float16 or torch.ScalarType.Float32 or torch.ScalarType.Float64;

    internal double Real => IsReal ? real : integer;

    internal long Integer => IsReal ? checked((long)real) : integer;

    internal Argument AsArgument() =>
        Argument.OfScalar(IsReal ? ArgumentTag.Double : Type == torch.ScalarType.Bool ? ArgumentTag.Bool : ArgumentTag.Int, integer, real);

    public static implicit operator Scalar(byte value) => new(torch.ScalarType.Byte, value, 0);
    public static implicit operator Scalar(sbyte value) => new(torch.ScalarType.Int8, value, 0);
    public static implicit operator Scalar(short value) => new(torch.ScalarType.Int16, value, 0);
    public static implicit operator Scalar(int value) => new(torch.ScalarType.Int32, value, 0);
    public static implicit operator Scalar(long value) => new(torch.ScalarType.Int64, value, 0);
    public static implicit operator Scalar(bool value) => new(torch.ScalarType.Bool, value ? 1 : 0, 0);
    public static implicit operator Scalar(Half value) => new(torch.ScalarType.Float16, 0, (double)value);
    public static implicit operator Scalar(float value) => new(torch.ScalarType.Float32, 0, value);
    public static implicit operator Scalar(double value) => new(torch.ScalarType.Float64, 0, value);

    /// <summary>Nothing to free; here because TorchSharp's scalars are disposable.</summary>
    public void Dispose() { }

    public override string ToString() => IsReal ? real.ToString() : Type == torch.ScalarType.Bool ? (integer != 0).ToString() : integer.ToString();
}

public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this byte value) => value;
    public static Scalar ToScalar(this sbyte value) => value;
    public static Scalar ToScalar(this short value) => value;
    public static Scalar ToScalar(this int value) => value;
    public static Scalar ToScalar(this long value) => value;
    public static Scalar ToScalar(this bool value) => value;
    public static Scalar ToScalar(this Half value) => value;
    public static Scalar ToScalar(this float value) => value;
    public static Scalar ToScalar(this double value) => value;

    public static byte ToByte(this Scalar value) => (byte)value.Integer;
    public static sbyte ToSByte(this Scalar value) => (sbyte)value.Integer;
    public static short ToInt16(this Scalar value) => (short)value.Integer;
    public static int ToInt32(this Scalar value) => (int)value.Integer;
    public static long ToInt64(this Scalar value) => value.Integer;
    public static bool ToBoolean(this Scalar value) => value.Real != 0;
    public static Half ToHalf(this Scalar value) => (Half)value.Real;
    public static float ToSingle(this Scalar value) => (float)value.Real;
    public static double ToDouble(this Scalar value) => value.Real;
}
