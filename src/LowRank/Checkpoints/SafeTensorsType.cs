// The element types of the safetensors format, in the format's own order: writers sort tensors by it, descending, so that
// the widest types come first and every tensor's data is aligned to its element.

namespace LowRank;

/// <summary>An element type, by the name that stands in a safetensors header.</summary>
public enum SafeTensorsType
{
    BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64,
}

/// <summary>Sizes and names of <see cref="SafeTensorsType"/>.</summary>
public static class SafeTensorsTypes
{
    private static readonly Dictionary<string, SafeTensorsType> ByName =
        Enum.GetValues<SafeTensorsType>().ToDictionary(type => type.ToString(), StringComparer.Ordinal);

    /// <summary>Bits an element takes; 4 and 6 for the packed float types.</summary>
    public static int Bits(this SafeTensorsType type) => type switch
    {
        SafeTensorsType.F4 => 4,
        SafeTensorsType.F6_E2M3 or SafeTensorsType.F6_E3M2 => 6,
        SafeTensorsType.BOOL or SafeTensorsType.U8 or SafeTensorsType.I8 or SafeTensorsType.F8_E5M2
            or SafeTensorsType.F8_E4M3 or SafeTensorsType.F8_E8M0 => 8,
        SafeTensorsType.I16 or SafeTensorsType.U16 or SafeTensorsType.F16 or SafeTensorsType.BF16 => 16,
        SafeTensorsType.I32 or SafeTensorsType.U32 or SafeTensorsType.F32 => 32,
        _ => 64,
    };

    internal static bool TryParse(string name, out SafeTensorsType type) => ByName.TryGetValue(name, out type);

    /// <summary>Bytes that a tensor of this type and shape takes. Throws <see cref="InvalidDataException"/> without a place
    /// (the caller names file and tensor) on a negative dimension, on overflow, and where packed elements end within a byte.</summary>
    internal static long ByteCount(SafeTensorsType type, IReadOnlyList<long> shape)
    {
        // The format's reference multiplies in order and refuses an overflow even where a later dimension is 0.
        var elements = 1L;
        try
        {
            foreach (var dimension in shape)
            {
                if (dimension < 0) throw new InvalidDataException($"shape [{string.Join(", ", shape)}] has a negative dimension");
                elements = checked(elements * dimension);
            }
            var bits = checked(elements * type.Bits());
            return bits % 8 == 0
                ? bits / 8
                : throw new InvalidDataException($"{elements} elements of {type} do not fill whole bytes");
        }
        catch (OverflowException)
        {
            throw new InvalidDataException($"shape [{string.Join(", ", shape)}] of {type} overflows a 64-bit size");
        }
    }
}
