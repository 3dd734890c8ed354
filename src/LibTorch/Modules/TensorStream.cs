// One tensor in a binary stream, in TorchSharp's layout: type, number of dimensions and sizes as 7-bit integers, then the values, row-major.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch;

internal static class TensorStream
{
    static readonly Operator ToDevice = new("to", "device"), Contiguous = new("contiguous");

    public static void Write(BinaryWriter writer, Tensor tensor)
    {
        using (no_grad())
        {
            using var here = tensor.device_type == DeviceType.CPU ? null : ToDevice.Call(tensor, CPU, tensor.dtype);
            using var values = Contiguous.Call(here ?? tensor);
            var shape = values.shape;
            writer.Write7BitEncodedInt64((long)values.dtype);
            writer.Write7BitEncodedInt64(shape.Length);
            foreach (var size in shape) writer.Write7BitEncodedInt64(size);
            writer.Write(values.bytes);
        }
    }

    /// <exception cref="InvalidDataException">The record's type or sizes make no sense.</exception>
    public static Tensor Read(BinaryReader reader)
    {
        var type = reader.Read7BitEncodedInt64();
        var dimensions = reader.Read7BitEncodedInt64();
        if (!Enum.IsDefined((ScalarType)type) || dimensions is < 0 or > 64)
            throw new InvalidDataException($"no tensor can have type {type} and {dimensions} dimensions: the stream is not a saved state");
        var shape = new long[dimensions];
        for (var d = 0; d < shape.Length; d++) shape[d] = reader.Read7BitEncodedInt64();
        var tensor = Allocate.Empty(shape, CPU, (ScalarType)type);
        reader.BaseStream.ReadExactly(tensor.bytes);
        return tensor;
    }
}
