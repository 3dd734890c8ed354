// Numbers and arrays to tensors, implicitly; one-element tensors to numbers, explicitly.
using System.Numerics;

namespace TorchSharp
{
    public static partial class torch
    {
        public partial class Tensor
        {
            public static implicit operator Tensor(byte value) => torch.tensor(value);
            public static implicit operator Tensor(sbyte value) => torch.tensor(value);
            public static implicit operator Tensor(short value) => torch.tensor(value);
            public static implicit operator Tensor(int value) => torch.tensor(value);
            public static implicit operator Tensor(long value) => torch.tensor(value);
            public static implicit operator Tensor(float value) => torch.tensor(value);
            public static implicit operator Tensor(double value) => torch.tensor(value);
            public static implicit operator Tensor(bool value) => torch.tensor(value);
            public static implicit operator Tensor((float, float) value) => torch.tensor(value);
            public static implicit operator Tensor(Complex value) => torch.tensor(value);
            public static implicit operator Tensor(byte[] value) => torch.tensor(value);
            public static implicit operator Tensor(sbyte[] value) => torch.tensor(value);
            public static implicit operator Tensor(short[] value) => torch.tensor(value);
            public static implicit operator Tensor(int[] value) => torch.tensor(value);
            public static implicit operator Tensor(long[] value) => torch.tensor(value);
            public static implicit operator Tensor(float[] value) => torch.tensor(value);
            public static implicit operator Tensor(double[] value) => torch.tensor(value);
            public static implicit operator Tensor(bool[] value) => torch.tensor(value);
            public static implicit operator Tensor((float, float)[] value) => torch.tensor(value);
            public static implicit operator Tensor(Complex[] value) => torch.tensor(value);
            public static implicit operator Tensor(Scalar scalar) => torch.full([], scalar, scalar.Type);

            public static explicit operator bool(Tensor value) => value.ToBoolean();
            public static explicit operator byte(Tensor value) => value.ToByte();
            public static explicit operator sbyte(Tensor value) => value.ToSByte();
            public static explicit operator short(Tensor value) => value.ToInt16();
            public static explicit operator int(Tensor value) => value.ToInt32();
            public static explicit operator long(Tensor value) => value.ToInt64();
            public static explicit operator float(Tensor value) => value.ToSingle();
            public static explicit operator double(Tensor value) => value.ToDouble();
        }
    }

    public static partial class TensorExtensionMethods
    {
        public static bool ToBoolean(this torch.Tensor value) => value.ToScalar().ToBoolean();
        public static byte ToByte(this torch.Tensor value) => value.ToScalar().ToByte();
        public static sbyte ToSByte(this torch.Tensor value) => value.ToScalar().ToSByte();
        public static short ToInt16(this torch.Tensor value) => value.ToScalar().ToInt16();
        public static int ToInt32(this torch.Tensor value) => value.ToScalar().ToInt32();
        public static long ToInt64(this torch.Tensor value) => value.ToScalar().ToInt64();
        public static Half ToHalf(this torch.Tensor value) => value.ToScalar().ToHalf();
        public static float ToSingle(this torch.Tensor value) => value.ToScalar().ToSingle();
        public static double ToDouble(this torch.Tensor value) => value.ToScalar().ToDouble();

        /// <summary>A parameter that takes this tensor over.</summary>
        public static Modules.Parameter AsParameter(this torch.Tensor tensor) => new(tensor);

        /// <summary>A one-element tensor of any numeric type.</summary>
        public static torch.Tensor ToTensor<T>(this T scalar, torch.Device? device = null,
            bool requires_grad = false) where T : struct =>
            torch.from_array(new[] { scalar }, device).squeeze_(0).requires_grad_(requires_grad);

        /// <summary>Bytes an element.</summary>
        public static int ElementSize(this torch.ScalarType type) => type switch
        {
            torch.ScalarType.Byte or torch.ScalarType.Int8 or torch.ScalarType.Bool or torch.ScalarType.QInt8 or torch.ScalarType.QUInt8 => 1,
            torch.ScalarType.Int16 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16 => 2,
            torch.ScalarType.Int32 or torch.ScalarType.Float32 or torch.ScalarType.QInt32 => 4,
            torch.ScalarType.Int64 or torch.ScalarType.Float64 or torch.ScalarType.ComplexFloat32 => 8,
            torch.ScalarType.ComplexFloat64 => 16,
            _ => throw new ArgumentException($"there is no element type {(int)type}"),
        };

        /// <summary>The product of a shape's sizes.</summary>
        public static long TotalSize(this IEnumerable<long> shape) =>
            shape.Aggregate(1L, (product, size) => checked(product * size));

        public static ReadOnlySpan<int> IntShape(this torch.Tensor tensor) =>
            Array.ConvertAll(tensor.shape, size => checked((int)size));
    }
}
