// Single elements of CPU tensors by their place in memory, nested lists, and a tensor's bytes in streams and files.
using System.Collections;
using LibTorch;

namespace TorchSharp
{
    public static partial class torch
    {
        public partial class Tensor
        {
            public long element_size() => ElementSize;

            /// <summary>Element i as it lies in memory, whatever the shape.</summary>
            public unsafe T ReadCpuValue<T>(long i) where T : unmanaged
            {
                if (sizeof(T) != ElementSize) throw new ArgumentException($"{typeof(T).Name} has {sizeof(T)} bytes, an element of type {dtype} {ElementSize}");
                if (i < 0 || i >= NumberOfElements) throw new IndexOutOfRangeException($"index {i} is out of range for {NumberOfElements} elements");
                var value = ((T*)DataPointer())[i];
                GC.KeepAlive(this);
                return value;
            }

            public bool ReadCpuBool(long i) => ReadCpuValue<bool>(i);
            public byte ReadCpuByte(long i) => ReadCpuValue<byte>(i);
            public sbyte ReadCpuSByte(long i) => ReadCpuValue<sbyte>(i);
            public short ReadCpuInt16(long i) => ReadCpuValue<short>(i);
            public int ReadCpuInt32(long i) => ReadCpuValue<int>(i);
            public long ReadCpuInt64(long i) => ReadCpuValue<long>(i);
            public float ReadCpuFloat16(long i) => (float)ReadCpuValue<Half>(i);
            public float ReadCpuBFloat16(long i) => BitConverter.Int32BitsToSingle(ReadCpuValue<short>(i) << 16);
            public float ReadCpuSingle(long i) => ReadCpuValue<float>(i);
            public double ReadCpuDouble(long i) => ReadCpuValue<double>(i);

            /// <summary>A scalar, or a list (of lists …) of scalars.</summary>
            public object tolist() =>
                ndim == 0 ? ToScalar() : new ArrayList(Array.ConvertAll(unbind(), row => { using (row) return row.tolist(); }));

            /// <summary>The elements' bytes in row-major order, without type or shape.</summary>
            public void WriteBytesToStream(Stream stream, int bufferSize = 1024)
            {
                using var values = cpu().contiguous();
                stream.Write(values.bytes);
            }

            /// <summary>Fills this contiguous CPU tensor; too short a stream is an <see cref="EndOfStreamException"/>.</summary>
            public void ReadBytesFromStream(Stream stream, int bufferSize = 1024) => stream.ReadExactly(bytes);

            /// <summary>A tensor that <c>Save</c> wrote: type, shape and values.</summary>
            public static Tensor Load(BinaryReader reader) => TensorStream.Read(reader);
            public static Tensor Load(Stream stream) => TensorStream.Read(new BinaryReader(stream));
            public static Tensor Load(string location)
            {
                using var stream = File.OpenRead(location);
                return Load(stream);
            }
        }

        /// <summary>The shape that tensors of these shapes have after broadcasting.</summary>
        public static Size broadcast_shapes(params long[][] shapes)
        {
            var result = new long[shapes.Length == 0 ? 0 : shapes.Max(s => s.Length)];
            Array.Fill(result, 1);
            foreach (var shape in shapes)
                for (var d = 1; d <= shape.Length; d++)
                    if (shape[^d] != 1)
                        result[^d] = result[^d] == 1 || result[^d] == shape[^d] ? shape[^d] : throw new ArgumentException(
                            $"the shapes {string.Join(" and ", shapes.Select(s => $"[{string.Join(", ",
                                s)}]"))} can't be broadcast together");
            return result;
        }
    }

    public static partial class TensorExtensionMethods
    {
        /// <summary>Type, shape and values, in TorchSharp's layout.</summary>
        public static void Save(this torch.Tensor tensor, BinaryWriter writer) => TensorStream.Write(writer, tensor);
        public static void Save(this torch.Tensor tensor, Stream stream)
        {
            using var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true);
            tensor.Save(writer);
        }
        public static void Save(this torch.Tensor tensor, string location)
        {
            using var stream = File.Create(location);
            tensor.Save(stream);
        }
    }
}
