// The smallest PNG that shows a matrix: one byte a pixel into a table of colours, stored without compression, so that the same numbers give
// the same bytes wherever they are drawn. (PNG specification, third edition; RFC 1950 and 1951 for the stored blocks.)

using System.Buffers.Binary;

namespace Charts;

static class Png
{
    static readonly byte[] Signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>The picture in base 64.</summary>
    /// <param name="pixels">Indices into the table, row after row; width × height of them.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="table">At most 256 colours.</param>
    public static string Encode(byte[] pixels, int width, int height, (byte R, byte G, byte B)[] table)
    {
        using var file = new MemoryStream();
        file.Write(Signature);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, 3);                                             // eight bits, indexed
        Chunk(file, "IHDR", header);
        Chunk(file, "PLTE", [.. table.SelectMany(c => new[] { c.R, c.G, c.B })]);
        Chunk(file, "IDAT", Stored([.. pixels.Chunk(width).SelectMany(row => row.Prepend((byte)0))]));    // each row: filter 0
        Chunk(file, "IEND", []);
        return Convert.ToBase64String(file.GetBuffer(), 0, (int)file.Length);
    }

    static void Chunk(Stream file, string name, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        byte[] body = [.. name.Select(c => (byte)c), .. data];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        file.Write(number);
    }

    static byte[] Stored(byte[] data)
    {
        const int most = 65_535;
        using var stream = new MemoryStream();
        stream.Write([0x78, 0x01]);
        for (var from = 0; from == 0 || from < data.Length; from += most)
        {
            var length = (ushort)Math.Min(most, data.Length - from);
            var last = from + length >= data.Length;
            stream.Write([(byte)(last ? 1 : 0), (byte)length, (byte)(length >> 8), (byte)~length, (byte)(~length >> 8)]);
            stream.Write(data, from, length);
        }
        uint a = 1, b = 0;                                                           // Adler-32
        foreach (var value in data) (a, b) = ((a + value) % 65_521, (b + (a + value) % 65_521) % 65_521);
        Span<byte> sum = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(sum, b << 16 | a);
        stream.Write(sum);
        return stream.ToArray();
    }

    static uint Crc(byte[] data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
