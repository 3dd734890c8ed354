// The same values as another type or on another device. Nothing is copied where nothing changes, unless copy says so; the result is
// a tensor object of its own in every case, so disposeAfter (dispose this one) is always safe.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        Tensor Convert(ScalarType? type, Device? device, bool copy, bool disposeAfter, bool non_blocking)
        {
            var result = Op.ToDtypeLayout.Call(this, type, Argument.None, device is null ? null : Ready(device), Argument.None,
                non_blocking, copy);
            if (disposeAfter) Dispose();
            return result;
        }

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(type, null, copy, disposeAfter, non_blocking);
        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(type, null, copy, disposeAfter, non_blocking);
        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(null, device, copy, disposeAfter, non_blocking);
        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false,
            bool non_blocking = false) =>
            Convert(type, device, copy, disposeAfter, non_blocking);
        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(device), copy, disposeAfter, non_blocking);
        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false,
            bool non_blocking = false) =>
            to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);
        public Tensor to(Tensor other, bool non_blocking = false) => to(other.dtype, other.device, non_blocking: non_blocking);
        public Tensor type(ScalarType dtype) => to_type(dtype);
        public Tensor type(Func<Tensor, Tensor> typeFunc) => typeFunc(this);
        public Tensor type_as(Tensor tensor) => to_type(tensor.dtype);

        public Tensor @bool() => to_type(ScalarType.Bool);
        public Tensor @byte() => to_type(ScalarType.Byte);
        public Tensor @char() => to_type(ScalarType.Int8);
        public Tensor @short() => to_type(ScalarType.Int16);
        public Tensor @int() => to_type(ScalarType.Int32);
        public Tensor @long() => to_type(ScalarType.Int64);
        public Tensor half() => to_type(ScalarType.Float16);
        public Tensor bfloat16() => to_type(ScalarType.BFloat16);
        public Tensor @float() => to_type(ScalarType.Float32);
        public Tensor @double() => to_type(ScalarType.Float64);
        public Tensor cfloat() => to_type(ScalarType.ComplexFloat32);
        public Tensor cdouble() => to_type(ScalarType.ComplexFloat64);

        public Tensor cpu() => to(CPU);
        public Tensor cuda(Device? device = null, bool non_blocking = false) =>
            device is null or { type: DeviceType.CUDA } ? to(device ?? CUDA, non_blocking: non_blocking)
            : throw new ArgumentException($"cuda: {device} is not a CUDA device; use to({device})");
        public Tensor pin_memory() => Op.PinMemory.Call(this);
        public bool is_pinned() => Op.IsPinned.CallBool(this);

        public Tensor clone() => Op.Clone.Call(this);
        public Tensor copy_(Tensor source, bool nonBlocking = false) => InPlace(Op.Copy_, this, source, nonBlocking);

        /// <summary>Makes this tensor another view of source's memory, with source's shape.</summary>
        public Tensor set_(Tensor source) => InPlace(Op.SetSourceTensor_, this, source);
        public Tensor fill_(Scalar value) => InPlace(Op.FillScalar_, this, value);
        public Tensor zero_() => InPlace(Op.Zero_, this);
        public Tensor to_dense() => Op.ToDense.Call(this);
    }

    public static Tensor BoolTensor(Tensor t) => t.@bool();
    public static Tensor ByteTensor(Tensor t) => t.@byte();
    public static Tensor ShortTensor(Tensor t) => t.@short();
    public static Tensor IntTensor(Tensor t) => t.@int();
    public static Tensor LongTensor(Tensor t) => t.@long();
    public static Tensor FloatTensor(Tensor t) => t.@float();
    public static Tensor DoubleTensor(Tensor t) => t.@double();

    public static Tensor clone(Tensor input) => input.clone();

    static partial class Op
    {
        internal static readonly Operator
            Clone = new("clone"), Copy_ = new("copy_"), FillScalar_ = new("fill_", "Scalar"), IsPinned = new("is_pinned"),
            PinMemory = new("pin_memory"), SetSourceTensor_ = new("set_", "source_Tensor"), ToDense = new("to_dense"),
            ToDtypeLayout = new("to", "dtype_layout"), Zero_ = new("zero_");
    }
}
