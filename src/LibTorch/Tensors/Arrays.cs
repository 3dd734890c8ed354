// Tensors from C#'s numbers and arrays. Values keep their type (a double makes float64) unless dtype says otherwise; arrays are copied.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp;

public static partial class torch
{
    static ScalarType TypeOf(Type element) =>
        element == typeof(float) ? ScalarType.Float32 : element == typeof(double) ? ScalarType.Float64 : element == typeof(Half) ? ScalarType.Float16
        : element == typeof(long) ? ScalarType.Int64 : element == typeof(int) ? ScalarType.Int32 : element == typeof(short) ? ScalarType.Int16
        : element == typeof(sbyte) ? ScalarType.Int8 : element == typeof(byte) ? ScalarType.Byte : element == typeof(bool) ? ScalarType.Bool
        : element == typeof(Complex) ? ScalarType.ComplexFloat64 : element == typeof((float, float)) ? ScalarType.ComplexFloat32
        : throw new ArgumentException($"no tensor holds elements of type {element}");

    /// <summary>The elements in row-major order as they lie in memory, then converted and moved.</summary>
    static Tensor FromBytes(ReadOnlySpan<byte> bytes, ScalarType type, long[] shape, ScalarType? dtype, Device? device,
        bool requires_grad, string[]? names)
    {
        var count = bytes.Length / type.ElementSize();
        if (shape.TotalSize() != count)
            throw new ArgumentException($"{count} values do not fill a tensor of shape [{string.Join(", ", shape)}]");
        var tensor = empty(shape, type, CPU);
        bytes.CopyTo(tensor.bytes);
        device = DeviceOr(device);
        if ((dtype ?? type) != type || device.type != DeviceType.CPU) tensor = tensor.to(dtype ?? type, device,
            disposeAfter: true);
        return Finish(tensor, requires_grad, names);
    }

    static Tensor Of<T>(ReadOnlySpan<T> values, long[] shape, ScalarType? dtype, Device? device, bool requires_grad,
        string[]? names = null) where T : struct =>
        FromBytes(MemoryMarshal.AsBytes(values), TypeOf(typeof(T)), shape, dtype, device, requires_grad, names);

    static Tensor Of<T>(T value, ScalarType? dtype, Device? device, bool requires_grad) where T : struct =>
        Of(new ReadOnlySpan<T>(in value), [], dtype, device, requires_grad);

    /// <summary>An array of any number of dimensions.</summary>
    static Tensor Of(Array array, ScalarType? dtype, Device? device, bool requires_grad, string[]? names)
    {
        var type = TypeOf(array.GetType().GetElementType()!);
        var shape = new long[array.Rank];
        for (var d = 0; d < shape.Length; d++) shape[d] = array.GetLongLength(d);
        var bytes = array.Length == 0 ? [] : MemoryMarshal.CreateReadOnlySpan(ref MemoryMarshal.GetArrayDataReference(array),
            checked(array.Length * type.ElementSize()));
        return FromBytes(bytes, type, shape, dtype, device, requires_grad, names);
    }

    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        Of(rawArray, dtype, device, requires_grad, names);
    public static Tensor from_array(Array rawArray, Device? device = null) => Of(rawArray, null, device, false, null);

    public static Tensor as_tensor(Tensor data, ScalarType? dtype = null, Device? device = null) =>
        data.to(dtype ?? data.dtype, device ?? data.device);
    public static Tensor as_tensor(Array data, ScalarType? dtype = null, Device? device = null) =>
        from_array(data, dtype, device);
    public static Tensor as_tensor(bool[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(byte[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<bool> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<byte> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<double> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<short> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<int> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<long> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<Complex> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<sbyte> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<float> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(IList<(float, float)> rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(double[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(short[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(int[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(long[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(Complex[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(sbyte[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor(float[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
    public static Tensor as_tensor((float, float)[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        tensor(rawArray, dtype, device);
}
