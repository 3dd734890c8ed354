// Copies: other types, other devices, other storage; and filling what is there.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        static class Copying
        {
            internal static readonly Operator toType = new("to", "dtype"), toDevice = new("to", "device"), clone = new("clone"), copy_ = new("copy_"),
                zero_ = new("zero_"), fill_ = new("fill_", "Scalar"), normal_ = new("normal_"), uniform_ = new("uniform_"), bernoulli_ = new("bernoulli_", "float"), set = new("set_data");
        }

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            After(Copying.toType.Call(this, type, non_blocking, copy), disposeAfter);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            After(Copying.toDevice.Call(this, device, dtype, non_blocking, copy), disposeAfter);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            After(Copying.toDevice.Call(this, device, type, non_blocking, copy), disposeAfter);

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(new Device(device), copy, disposeAfter, non_blocking);

        public Tensor to(Tensor other, bool non_blocking = false) => to(other.dtype, other.device, non_blocking: non_blocking);

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(type, copy, disposeAfter, non_blocking);

        public Tensor type_as(Tensor tensor) => to(tensor.dtype);

        public Tensor cpu() => to(CPU);

        public Tensor cuda(Device? device = null, bool non_blocking = false) => to(device ?? CUDA, non_blocking: non_blocking);

        Tensor After(Tensor result, bool disposeThis)
        {
            if (disposeThis) Dispose();
            return result;
        }

        public Tensor clone() => Copying.clone.Call(this);
        public Tensor copy_(Tensor source, bool nonBlocking = false) => Copying.copy_.Call(this, source, nonBlocking);
        public Tensor zero_() => Copying.zero_.Call(this);
        public Tensor fill_(Scalar value) => Copying.fill_.Call(this, value);
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => Copying.normal_.Call(this, mean, std, generator);
        public Tensor uniform_(double from, double to, Generator? generator = null) => Copying.uniform_.Call(this, from, to, generator);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => Copying.bernoulli_.Call(this, p, generator);

        public static explicit operator float(Tensor value) => value.ToScalar().ToSingle();
        public static explicit operator double(Tensor value) => value.ToScalar().ToDouble();
        public static explicit operator int(Tensor value) => value.ToScalar().ToInt32();
        public static explicit operator long(Tensor value) => value.ToScalar().ToInt64();
        public static explicit operator bool(Tensor value) => value.ToScalar().ToBoolean();
    }

    public static Tensor clone(Tensor input) => input.clone();
}
