// Elements of CPU tensors as float32, whatever type they are kept in: float32 where it lies, bfloat16 and float16 through a small buffer.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class Elements
{
    /// <summary>The first byte of a CPU tensor. The caller keeps the tensor alive until it is done with the pointer.</summary>
    public static nint Start(Tensor tensor) =>
        KernelLauncher.Has(tensor) ? throw new InvalidOperationException($"the elements are on {tensor.device}, where kernels read them; call .cpu() first to read them here")
        : tensor.NumberOfElements == 0 ? 0 : (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    public static float* Singles(Tensor tensor) => (float*)Start(tensor);

    public static byte* Bytes(Tensor tensor) => (byte*)Start(tensor);

    /// <summary>Elements [start, start + count) as float32: in place, or in the buffer.</summary>
    public static float* Read(nint from, ScalarType type, long start, int count, float* buffer)
    {
        switch (type)
        {
            case ScalarType.Float32:
                return (float*)from + start;
            case ScalarType.BFloat16:
                Widen((ushort*)from + start, buffer, count);
                return buffer;
            default:
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)from + start, count), new Span<float>(buffer, count));
                return buffer;
        }
    }

    /// <summary>Writes float32 numbers as elements [start, start + count), rounded to nearest even.</summary>
    public static void Write(float* from, nint to, ScalarType type, long start, int count)
    {
        switch (type)
        {
            case ScalarType.Float32:
                new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>((float*)to + start, count));
                break;
            case ScalarType.BFloat16:
                Narrow(from, (ushort*)to + start, count);
                break;
            case ScalarType.Float16:
                TensorPrimitives.ConvertToHalf(new ReadOnlySpan<float>(from, count), new Span<Half>((Half*)to + start, count));
                break;
            default:
                for (var i = 0; i < count; i++) ((double*)to)[start + i] = from[i];
                break;
        }
    }

    /// <summary>A number as that type holds it.</summary>
    public static float Round(float value, ScalarType type)
    {
        if (type == ScalarType.Float16) return (float)(Half)value;
        if (type != ScalarType.BFloat16) return value;
        ushort upper;
        Narrow(&value, &upper, 1);
        return BitConverter.Int32BitsToSingle(upper << 16);
    }

    /// <summary>bfloat16 is the upper half of a float32.</summary>
    private static void Widen(ushort* from, float* to, int count)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(from + i));
            (low << 16).AsSingle().Store(to + i);
            (high << 16).AsSingle().Store(to + i + 8);
        }
        for (; i < count; i++) to[i] = BitConverter.Int32BitsToSingle(from[i] << 16);
    }

    /// <summary>Adds half of what falls away, and the last bit that stays: to nearest, ties to even. Numbers are finite here.</summary>
    private static void Narrow(float* from, ushort* to, int count)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
            Vector256.Narrow(Upper(Vector256.Load((uint*)from + i)), Upper(Vector256.Load((uint*)from + i + 8))).Store(to + i);
        for (; i < count; i++)
        {
            var bits = ((uint*)from)[i];
            to[i] = (ushort)(bits + 0x7fff + (bits >> 16 & 1) >> 16);
        }

        static Vector256<uint> Upper(Vector256<uint> bits) =>
            bits + Vector256.Create(0x7fffu) + (bits >>> 16 & Vector256<uint>.One) >>> 16;
    }
}
