// Moving a module to another type or device. The parameters stay the same objects (an optimizer made before the move goes on working):
// only the data they point to is exchanged, as PyTorch does it.
using LibTorch;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public partial class Module
            {
                static readonly Operator Convert = new("to", "device"), SetData = new("set_data");

                protected internal virtual Module _to(Device device, ScalarType dtype, bool non_blocking)
                {
                    RequireFloating(dtype);
                    _toEpilog(dtype, device, non_blocking);
                    return this;
                }

                protected internal virtual Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking)
                {
                    _toEpilog(null, new Device(deviceType, deviceIndex), non_blocking);
                    return this;
                }

                protected internal virtual Module _to(ScalarType dtype, bool non_blocking)
                {
                    RequireFloating(dtype);
                    _toEpilog(dtype, null, non_blocking);
                    return this;
                }

                public Module _to(Tensor other, bool non_blocking) => _to(other.device, other.dtype, non_blocking);

                static void RequireFloating(ScalarType dtype)
                {
                    if (!IsFloating(dtype)) throw new ArgumentException($"a module can be moved to a floating-point or complex type, not to {dtype}");
                }

                static bool IsFloating(ScalarType type) => type is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64
                    or ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;

                /// <summary>Moves this module's own tensors and, through their own moves, its children. Integer and bool buffers keep their type.</summary>
                protected virtual void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
                {
                    foreach (var (_, child) in named_children())
                    {
                        if (device is null) child._to(dtype!.Value, non_blocking);
                        else if (dtype is null) child._to(device.type, device.index, non_blocking);
                        else child._to(device, dtype.Value, non_blocking);
                    }
                    using var guard = no_grad();
                    foreach (var (_, parameter) in named_parameters(recurse: false))
                    {
                        using var gradient = parameter.grad;
                        if (!Exchange(parameter, dtype, device, non_blocking, () => parameter.grad = null)) continue;
                        if (gradient is null) continue;
                        using var moved = Convert.Call(gradient, parameter.device, parameter.dtype, non_blocking);
                        parameter.grad = moved;
                    }
                    foreach (var (_, buffer) in named_buffers(recurse: false)) Exchange(buffer, dtype, device, non_blocking, () => { });
                }

                static bool Exchange(Tensor tensor, ScalarType? dtype, Device? device, bool non_blocking, Action before)
                {
                    var (type, place) = (IsFloating(tensor.dtype) ? dtype ?? tensor.dtype : tensor.dtype, device ?? tensor.device);
                    using var moved = Convert.Call(tensor, place, type, non_blocking);   // the tensor itself where nothing changes
                    if (moved.Equals(tensor)) return false;
                    before();
                    SetData.CallVoid(tensor, moved);
                    return true;
                }
            }
        }
    }

    /// <summary>Moves that return the module with its own type, so that <c>var model = new Net().to(device)</c> reads well.</summary>
    public static class ModuleExtensionMethods
    {
        public static T to<T>(this T module, torch.Device device, bool non_blocking = false) where T : torch.nn.Module =>
            (T)module._to(device.type, device.index, non_blocking);

        public static T to<T>(this T module, torch.Device device, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module =>
            (T)module._to(device, type, non_blocking);

        public static T to<T>(this T module, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module =>
            (T)module._to(type, non_blocking);

        public static T to<T>(this T module, string device, bool non_blocking = false) where T : torch.nn.Module =>
            module.to(new torch.Device(device), non_blocking);

        public static T to<T>(this T module, DeviceType deviceType, int deviceIndex = -1, bool non_blocking = false) where T : torch.nn.Module =>
            (T)module._to(deviceType, deviceIndex, non_blocking);

        public static T to<T>(this T module, torch.Tensor other, bool non_blocking = false) where T : torch.nn.Module =>
            (T)module._to(other, non_blocking);

        public static T cpu<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(DeviceType.CPU, -1, non_blocking);

        public static T cuda<T>(this T module, int deviceIndex = -1, bool non_blocking = false) where T : torch.nn.Module =>
            module.to(DeviceType.CUDA, deviceIndex, non_blocking);

        public static T half<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.Float16, non_blocking);

        public static T bfloat16<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.BFloat16, non_blocking);

        public static T @float<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.Float32, non_blocking);

        public static T @double<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.Float64, non_blocking);
    }
}
