// Element types and devices, numbered as libtorch numbers them.
using LibTorch;

namespace TorchSharp
{
    public enum DeviceType
    {
        CPU = 0, CUDA = 1, MKLDNN = 2, OPENGL = 3, OPENCL = 4, IDEEP = 5, HIP = 6, FPGA = 7, MSNPU = 8, XLA = 9, MPS = 13, META = 14
    }

    public static partial class torch
    {
        public enum ScalarType : sbyte
        {
            Byte = 0, Int8 = 1, Int16 = 2, Int32 = 3, Int64 = 4, Float16 = 5, Float32 = 6, Float64 = 7,
            ComplexFloat32 = 9, ComplexFloat64 = 10, Bool = 11, QInt8 = 12, QUInt8 = 13, QInt32 = 14, BFloat16 = 15
        }

        public static ScalarType uint8 = ScalarType.Byte, int8 = ScalarType.Int8, int16 = ScalarType.Int16, @short = ScalarType.Int16,
            int32 = ScalarType.Int32, @int = ScalarType.Int32, int64 = ScalarType.Int64, @long = ScalarType.Int64,
            float16 = ScalarType.Float16, half = ScalarType.Float16, bfloat16 = ScalarType.BFloat16,
            float32 = ScalarType.Float32, @float = ScalarType.Float32, float64 = ScalarType.Float64, @double = ScalarType.Float64,
            complex64 = ScalarType.ComplexFloat32, cfloat = ScalarType.ComplexFloat32,
            complex128 = ScalarType.ComplexFloat64, cdouble = ScalarType.ComplexFloat64, @bool = ScalarType.Bool;

        public static readonly Device CPU = new(DeviceType.CPU);
        public static readonly Device META = new(DeviceType.META);

        public static Device CUDA => new(DeviceType.CUDA);

        /// <summary>Where a tensor lives: a kind of device and, for those that there are several of, its index.</summary>
        public class Device
        {
            public DeviceType type { get; }

            /// <summary>-1: the current one.</summary>
            public int index { get; }

            public Device(DeviceType deviceType, int index = -1)
            {
                type = deviceType;
                this.index = deviceType is DeviceType.CPU or DeviceType.META ? -1 : index;
            }

            public Device(string deviceType, int index = -1) : this(Parse(deviceType, out var described), index >= 0 ? index : described) { }

            /// <summary>"cpu", "cuda", "cuda:1", "meta".</summary>
            public Device(string description) : this(Parse(description, out var described), described) { }

            public Device(int index) : this(DeviceType.CUDA, index) { }

            internal Device(long packed) : this((DeviceType)(packed >> 32), (int)packed) { }

            internal long Packed => ((long)type << 32) | (uint)index;

            static DeviceType Parse(string description, out int index)
            {
                var parts = description.Split(':');
                index = -1;
                if (parts.Length <= 2 && Enum.TryParse<DeviceType>(parts[0], ignoreCase: true, out var type) && !char.IsDigit(parts[0].FirstOrDefault())
                    && (parts.Length == 1 || int.TryParse(parts[1], out index)))
                    return type;
                throw new ArgumentException($"no device is called \"{description}\"; write cpu, cuda, cuda:0 or meta");
            }

            public override string ToString() => type.ToString().ToLowerInvariant() + (index >= 0 ? $":{index}" : "");

            public static implicit operator Device(string description) => new(description);
        }

        public static Device device(string description) => new(description);

        public static Device device(string deviceType, int index = -1) => new(deviceType, index);

        public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

        public static Device device(int index) => new(index);

        public static string __version__ => Runtime.Version;

        public static int get_num_threads() => Native.wt_threads();

        public static void set_num_threads(int num) => Native.Check(Native.wt_set_threads(num));

        public static int get_num_interop_threads() => Native.wt_interop_threads();

        public static partial class cuda
        {
            public static bool is_available() => device_count() > 0;

            public static int device_count() => Native.wt_cuda_device_count();

            public static bool is_cudnn_available() => Native.wt_cudnn_available() != 0;

            public static void manual_seed(long seed) => Native.Check(Native.wt_cuda_manual_seed((ulong)seed, 0));

            public static void manual_seed_all(long seed) => Native.Check(Native.wt_cuda_manual_seed((ulong)seed, 1));

            /// <summary>Waits until everything queued on the device has run.</summary>
            public static void synchronize(Device? device = null) => Native.Check(Native.wt_cuda_synchronize(device?.index ?? -1));
        }

        public static bool cuda_is_available() => cuda.is_available();
    }
}
