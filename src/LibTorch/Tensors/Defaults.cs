// The element type and device of new tensors, and what is known about element types.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    static ScalarType defaultType = ScalarType.Float32;
    static Device defaultDevice = CPU;

    public static ScalarType get_default_dtype() => defaultType;

    /// <summary>What floating-point tensors are made of when nothing is said: float32 at first.</summary>
    public static void set_default_dtype(ScalarType dtype) => defaultType = is_floating_point(dtype) ? dtype
        : throw new ArgumentException($"the default type has to be a floating-point type, not {dtype}");

    public static Device get_default_device() => defaultDevice;
    public static void set_default_device(Device device) => defaultDevice = device;
    public static void set_default_device(string device) => defaultDevice = new Device(device);

    internal static Device DeviceOr(Device? device) => Ready(device ?? defaultDevice);

    /// <summary>Asks for a CUDA device only where there is one, with a sentence that libtorch's page-long message lacks.</summary>
    internal static Device Ready(Device device)
    {
        if (device.type != DeviceType.CUDA) return device;
        var count = cuda.device_count();
        if (count > 0 && device.index >= -1 && device.index < count) return device;
        throw new InvalidOperationException(count > 0
            ? $"there is no CUDA device {device.index}: this machine has {count}, counted from 0"
            : $"{device} is not available: this machine or its libtorch ({__version__}) has no CUDA; " +
              "use torch.CPU, or test torch.cuda.is_available() first");
    }

    /// <summary>The type that a sum of the two has.</summary>
    public static ScalarType promote_types(ScalarType type1, ScalarType type2)
    {
        using var a = empty([1], type1, META);
        using var b = empty([1], type2, META);
        return result_type(a, b);
    }

    /// <summary>The type that a sum of the two has; tensors without dimensions count less.</summary>
    public static ScalarType result_type(Tensor tensor1, Tensor tensor2) =>
        (ScalarType)Op.ResultTypeTensor.CallLong(tensor1, tensor2);

    public static bool can_cast(ScalarType from, ScalarType to) => Op.CanCast.CallBool(from, to);

    public static bool is_floating_point(ScalarType type) =>
        type is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16;
    public static bool is_complex(ScalarType type) => type is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;
    public static bool is_quantized(ScalarType type) => type is ScalarType.QInt8 or ScalarType.QUInt8 or ScalarType.QInt32;
    public static bool is_integral(ScalarType type) =>
        type is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Bool;

    /// <summary>The largest value of an integer type.</summary>
    public static long max_int_value(ScalarType type) => type switch
    {
        ScalarType.Byte => byte.MaxValue,
        ScalarType.Int8 => sbyte.MaxValue,
        ScalarType.Int16 => short.MaxValue,
        ScalarType.Int32 => int.MaxValue,
        ScalarType.Int64 => long.MaxValue,
        _ => throw new ArgumentException($"{type} is not an integer type"),
    };

    public static bool is_floating_point(Tensor input) => input.is_floating_point();
    public static bool is_complex(Tensor input) => input.is_complex();
    public static bool is_integral(Tensor t) => t.is_integral();
    public static bool is_tensor(object obj) => obj is Tensor;
    public static long numel(Tensor input) => input.numel();

    /// <summary>The numeric limits of a floating-point type.</summary>
    public struct FInfo
    {
        public int bits;
        public double eps, max, min, tiny, smallest_normal, resolution;
    }

    public static FInfo finfo() => finfo(defaultType);

    public static FInfo finfo(ScalarType dtype) => dtype switch
    {
        ScalarType.Float16 => Limits(16, Math.ScaleB(1, -10), 65504, Math.ScaleB(1, -14), 1e-3),
        ScalarType.BFloat16 => Limits(16, Math.ScaleB(1, -7), Math.ScaleB(255.0 / 128, 127), Math.ScaleB(1, -126), 1e-2),
        ScalarType.Float32 => Limits(32, Math.ScaleB(1, -23), float.MaxValue, Math.ScaleB(1, -126), 1e-6),
        ScalarType.Float64 => Limits(64, Math.ScaleB(1, -52), double.MaxValue, Math.ScaleB(1, -1022), 1e-15),
        _ => throw new ArgumentException($"finfo: {dtype} is not a floating-point type"),
    };

    static FInfo Limits(int bits, double eps, double max, double tiny, double resolution) =>
        new() { bits = bits, eps = eps, max = max, min = -max, tiny = tiny, smallest_normal = tiny, resolution = resolution };

    static partial class Op
    {
        internal static readonly Operator
            CanCast = new("can_cast"), ResultTypeTensor = new("result_type", "Tensor");
    }
}
