// What a tensor is: type, shape, device. None of it goes through the dispatcher.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public ScalarType dtype { get { var h = handle.Acquire(); try { return (ScalarType)Native.wt_dtype(h); } finally { handle.DangerousRelease(); } } }

        public Device device => new(DeviceBits);

        public DeviceType device_type => (DeviceType)(DeviceBits >> 32);

        public int device_index => (int)DeviceBits;

        long DeviceBits { get { var h = handle.Acquire(); try { return Native.wt_device(h); } finally { handle.DangerousRelease(); } } }

        /// <summary>Bytes an element.</summary>
        public long ElementSize { get { var h = handle.Acquire(); try { return Native.wt_element_size(h); } finally { handle.DangerousRelease(); } } }

        public long NumberOfElements { get { var h = handle.Acquire(); try { return Native.wt_numel(h); } finally { handle.DangerousRelease(); } } }

        public long numel() => NumberOfElements;

        public long Dimensions { get { var h = handle.Acquire(); try { return Native.wt_dim(h); } finally { handle.DangerousRelease(); } } }

        public long ndim => Dimensions;

        public long dim() => Dimensions;

        public unsafe long[] shape
        {
            get
            {
                var h = handle.Acquire();
                try
                {
                    var sizes = new long[Native.wt_dim(h)];
                    fixed (long* p = sizes) Native.Check(Native.wt_sizes(h, p));
                    return sizes;
                }
                finally { handle.DangerousRelease(); }
            }
        }

        public long[] size() => shape;

        public long size(int dim) => At(shape, dim, nameof(size));

        public unsafe long[] stride()
        {
            var h = handle.Acquire();
            try
            {
                var strides = new long[Native.wt_dim(h)];
                fixed (long* p = strides) Native.Check(Native.wt_strides(h, p));
                return strides;
            }
            finally { handle.DangerousRelease(); }
        }

        public long stride(int dim) => At(stride(), dim, nameof(stride));

        static long At(long[] list, int dim, string what)
        {
            var index = dim < 0 ? dim + list.Length : dim;
            if (index < 0 || index >= list.Length)
                throw new ArgumentOutOfRangeException(nameof(dim), $"{what}({dim}): the tensor has {list.Length} dimensions");
            return list[index];
        }

        public unsafe long storage_offset()
        {
            var h = handle.Acquire();
            try
            {
                long offset;
                Native.Check(Native.wt_storage_offset(h, &offset));
                return offset;
            }
            finally { handle.DangerousRelease(); }
        }

        public unsafe bool is_contiguous()
        {
            var h = handle.Acquire();
            try
            {
                int contiguous;
                Native.Check(Native.wt_is_contiguous(h, &contiguous));
                return contiguous != 0;
            }
            finally { handle.DangerousRelease(); }
        }

        public bool is_cuda => device_type == DeviceType.CUDA;

        public bool is_meta => device_type == DeviceType.META;

        public bool is_cpu() => device_type == DeviceType.CPU;

        public bool is_sparse { get { var h = handle.Acquire(); try { return Native.wt_layout(h) == 1; } finally { handle.DangerousRelease(); } } }

        public bool is_floating_point() => dtype is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16;

        public bool is_complex() => dtype is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;

        public bool is_integral() => dtype is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64;
    }
}
