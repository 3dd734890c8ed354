// One argument of a boxed call, and its native twins (native/dispatch.cpp).
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch;

internal enum ArgumentTag
{
    Default, None, Tensor, Int, Double, Bool, String, Ints, Doubles, Bools, Tensors, OptionalTensors, Device, Generator, Dtype
}

[StructLayout(LayoutKind.Sequential)]
internal struct NativeArgument
{
    public ArgumentTag Tag;
    public int Count;
    public long Integer;
    public double Real;
    public nint Pointer;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NativeResult
{
    public ArgumentTag Tag;
    int unused;
    public long Integer;
    public double Real;
    public nint Tensor;
}

/// <summary>A value for one parameter of an operator; made by implicit conversion, <c>null</c> becomes None.</summary>
public readonly struct Argument
{
    internal readonly ArgumentTag Tag;
    internal readonly long Integer;
    internal readonly double Real;
    internal readonly object? Reference;

    Argument(ArgumentTag tag, long integer = 0, double real = 0, object? reference = null)
    {
        Tag = tag;
        Integer = integer;
        Real = real;
        Reference = reference;
    }

    /// <summary>Nothing, for an optional parameter.</summary>
    public static Argument None => new(ArgumentTag.None);

    /// <summary>What the operator's schema says when nothing is given.</summary>
    public static Argument Default => default;

    /// <summary>A <c>Tensor?[]</c>, as indexing takes it.</summary>
    public static Argument OptionalTensors(IReadOnlyList<Tensor?> list) => new(ArgumentTag.OptionalTensors, reference: list);

    public static implicit operator Argument(Tensor? value) => value is null ? None : new(ArgumentTag.Tensor, reference: value);
    public static implicit operator Argument(int value) => new(ArgumentTag.Int, value);
    public static implicit operator Argument(long value) => new(ArgumentTag.Int, value);
    public static implicit operator Argument(double value) => new(ArgumentTag.Double, real: value);
    public static implicit operator Argument(float value) => new(ArgumentTag.Double, real: value);
    public static implicit operator Argument(bool value) => new(ArgumentTag.Bool, value ? 1 : 0);
    public static implicit operator Argument(int? value) => value is { } v ? v : None;
    public static implicit operator Argument(long? value) => value is { } v ? v : None;
    public static implicit operator Argument(double? value) => value is { } v ? v : None;
    public static implicit operator Argument(bool? value) => value is { } v ? v : None;
    public static implicit operator Argument(string? value) => value is null ? None : new(ArgumentTag.String, reference: value);
    public static implicit operator Argument(long[]? value) => value is null ? None : new(ArgumentTag.Ints, reference: value);
    public static implicit operator Argument(int[]? value) =>
        value is null ? None : new(ArgumentTag.Ints, reference: Array.ConvertAll(value, v => (long)v));
    public static implicit operator Argument(double[]? value) => value is null ? None : new(ArgumentTag.Doubles, reference: value);
    public static implicit operator Argument(bool[]? value) => value is null ? None : new(ArgumentTag.Bools, reference: value);
    public static implicit operator Argument(Tensor[]? value) => value is null ? None : new(ArgumentTag.Tensors, reference: value);
    public static implicit operator Argument(List<Tensor>? value) => value is null ? None : new(ArgumentTag.Tensors, reference: value.ToArray());
    public static implicit operator Argument(ScalarType value) => new(ArgumentTag.Dtype, (long)value);
    public static implicit operator Argument(ScalarType? value) => value is { } v ? v : None;
    public static implicit operator Argument(Device? value) => value is null ? None : new(ArgumentTag.Device, value.Packed);
    public static implicit operator Argument(Generator? value) => value is null ? None : new(ArgumentTag.Generator, reference: value);
    public static implicit operator Argument(Scalar? value) => value is null ? None : value.AsArgument();

    internal static Argument OfScalar(ArgumentTag tag, long integer, double real) => new(tag, integer, real);

    /// <summary>Bytes of unmanaged scratch that this argument's list needs.</summary>
    internal int ScratchBytes => Tag switch
    {
        ArgumentTag.String => System.Text.Encoding.UTF8.GetMaxByteCount(((string)Reference!).Length),
        ArgumentTag.Ints => ((long[])Reference!).Length * 8,
        ArgumentTag.Doubles => ((double[])Reference!).Length * 8,
        ArgumentTag.Bools => ((bool[])Reference!).Length,
        ArgumentTag.Tensors => ((Tensor[])Reference!).Length * 8,
        ArgumentTag.OptionalTensors => ((IReadOnlyList<Tensor?>)Reference!).Count * 8,
        _ => 0,
    };
}
