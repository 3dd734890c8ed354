// The elements of a CPU tensor, seen from C#.
using System.Collections;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LibTorch;
using TorchSharp.Utils;

namespace TorchSharp
{
    public static partial class torch
    {
        public partial class Tensor
        {
            static readonly Operator LocalScalar = new("_local_scalar_dense");

            internal unsafe nint DataPointer()
            {
                if (device_type != DeviceType.CPU)
                    throw new InvalidOperationException($"the elements are on {device}; call .cpu() first to read them here");
                var h = handle.Acquire();
                try
                {
                    nint data;
                    Native.Check(Native.wt_data(h, &data));
                    return data;
                }
                finally { handle.DangerousRelease(); }
            }

            /// <summary>The raw bytes of a contiguous CPU tensor; valid while this object is alive. Setting copies into it.</summary>
            public unsafe Span<byte> bytes
            {
                get
                {
                    if (!is_contiguous()) throw new InvalidOperationException("bytes: the tensor is not contiguous; call .contiguous() first");
                    return new Span<byte>((void*)DataPointer(), checked((int)(NumberOfElements * ElementSize)));
                }
                set
                {
                    var target = bytes;
                    if (value.Length != target.Length)
                        throw new ArgumentException($"bytes: {value.Length} bytes given for a tensor of {target.Length} bytes");
                    value.CopyTo(target);
                }
            }

            /// <summary>Element access with the tensor's strides; the accessor keeps the tensor alive.</summary>
            public TensorAccessor<T> data<T>() where T : unmanaged
            {
                RequireType(typeof(T), "data");
                DataPointer();
                return new TensorAccessor<T>(this);
            }

            /// <summary>The value of a one-element tensor, from whatever device.</summary>
            public T item<T>() where T : unmanaged
            {
                if (NumberOfElements != 1) throw new ArgumentException($"item: a tensor with {NumberOfElements} elements has no single value");
                RequireType(typeof(T), "item");
                using var cpu = device_type == DeviceType.CPU ? null : Copy();
                var pointer = (cpu ?? this).DataPointer();
                unsafe { return *(T*)pointer; }
            }

            static readonly Operator ToDevice = new("to", "device");

            Tensor Copy()
            {
                var copy = ToDevice.Call(this, CPU, dtype);
                return copy.DetachFromDisposeScope();
            }

            /// <summary>The value of a one-element tensor as a scalar of the tensor's type.</summary>
            public Scalar ToScalar()
            {
                if (NumberOfElements != 1) throw new ArgumentException($"ToScalar: a tensor with {NumberOfElements} elements has no single value");
                return dtype switch
                {
                    ScalarType.Bool => item<bool>(),
                    ScalarType.Byte => item<byte>(),
                    ScalarType.Int8 => item<sbyte>(),
                    ScalarType.Int16 => item<short>(),
                    ScalarType.Int32 => item<int>(),
                    ScalarType.Int64 => item<long>(),
                    ScalarType.Float16 => item<Half>(),
                    ScalarType.Float32 => item<float>(),
                    ScalarType.Float64 => item<double>(),
                    _ => LocalScalar.CallDouble(this),
                };
            }

            void RequireType(Type type, string what)
            {
                var expected = ClrType(dtype);
                if (expected != type && !(type == typeof(ushort) && dtype == ScalarType.BFloat16))
                    throw new ArgumentException($"{what}<{type.Name}>: the tensor holds {dtype} (read it as {expected?.Name ?? "another type after .to(...)"})");
            }

            static Type? ClrType(ScalarType type) => type switch
            {
                ScalarType.Bool => typeof(bool),
                ScalarType.Byte => typeof(byte),
                ScalarType.Int8 => typeof(sbyte),
                ScalarType.Int16 => typeof(short),
                ScalarType.Int32 => typeof(int),
                ScalarType.Int64 => typeof(long),
                ScalarType.Float16 => typeof(Half),
                ScalarType.Float32 => typeof(float),
                ScalarType.Float64 => typeof(double),
                ScalarType.ComplexFloat64 => typeof(Complex),
                ScalarType.ComplexFloat32 => typeof((float, float)),
                _ => null,
            };
        }
    }
}

namespace TorchSharp.Utils
{
    /// <summary>Reads and writes elements of a CPU tensor of any strides, in row-major order.</summary>
    public sealed unsafe class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
    {
        readonly torch.Tensor tensor;
        readonly long[] shape, strides;
        readonly bool contiguous;

        internal TensorAccessor(torch.Tensor tensor)
        {
            this.tensor = tensor;
            shape = tensor.shape;
            strides = tensor.stride();
            contiguous = tensor.is_contiguous();
        }

        public long Count => tensor.NumberOfElements;

        public bool IsReadOnly => false;

        T* Start => (T*)tensor.DataPointer();

        public T this[params long[] indices]
        {
            get { var value = Start[Offset(indices)]; GC.KeepAlive(tensor); return value; }
            set { Start[Offset(indices)] = value; GC.KeepAlive(tensor); }
        }

        long Offset(long[] indices)
        {
            if (indices.Length == 1 && shape.Length != 1) return Offset(indices[0]);   // a flat index
            if (indices.Length != shape.Length) throw new ArgumentException($"{indices.Length} indices for a tensor of {shape.Length} dimensions");
            long offset = 0;
            for (var d = 0; d < indices.Length; d++)
            {
                if (indices[d] < 0 || indices[d] >= shape[d])
                    throw new IndexOutOfRangeException($"index {indices[d]} is out of range for dimension {d} of size {shape[d]}");
                offset += indices[d] * strides[d];
            }
            return offset;
        }

        long Offset(long flat)
        {
            if (flat < 0 || flat >= Count) throw new IndexOutOfRangeException($"index {flat} is out of range for {Count} elements");
            if (contiguous) return flat;
            long offset = 0;
            for (var d = shape.Length - 1; d >= 0; d--)
            {
                offset += flat % shape[d] * strides[d];
                flat /= shape[d];
            }
            return offset;
        }

        public T[] ToArray()
        {
            var array = new T[Count];
            CopyTo(array.AsSpan());
            return array;
        }

        public Array ToNDArray()
        {
            var array = Array.CreateInstance(typeof(T), shape);
            CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(array)), array.Length));
            return array;
        }

        public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

        public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
        {
            var count = Common(array.Length, arrayIndex, tensorIndex);
            if (contiguous) new Span<T>(Start + tensorIndex, checked((int)count)).CopyTo(array[arrayIndex..]);
            else for (long i = 0; i < count; i++) array[(int)(arrayIndex + i)] = Start[Offset(tensorIndex + i)];
            GC.KeepAlive(tensor);
        }

        public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

        public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
        {
            var count = Common(array.Length, arrayIndex, tensorIndex);
            if (contiguous) array.Slice(arrayIndex, checked((int)count)).CopyTo(new Span<T>(Start + tensorIndex, (int)count));
            else for (long i = 0; i < count; i++) Start[Offset(tensorIndex + i)] = array[(int)(arrayIndex + i)];
            GC.KeepAlive(tensor);
        }

        /// <summary>How many elements both have from the two positions on.</summary>
        long Common(int length, int arrayIndex, long tensorIndex)
        {
            if (arrayIndex < 0 || arrayIndex > length) throw new ArgumentOutOfRangeException(nameof(arrayIndex), arrayIndex, $"the array has {length} elements");
            if (tensorIndex < 0 || tensorIndex > Count) throw new ArgumentOutOfRangeException(nameof(tensorIndex), tensorIndex, $"the tensor has {Count} elements");
            return Math.Min(length - arrayIndex, Count - tensorIndex);
        }

        public IEnumerator<T> GetEnumerator()
        {
            for (long i = 0; i < Count; i++) yield return this[i];
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public void Dispose() { }
    }
}
