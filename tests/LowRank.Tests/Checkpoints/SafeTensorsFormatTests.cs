using System.Buffers.Binary;
using System.Text;

namespace LowRank.Tests.Checkpoints;

/// <summary>The format's rules, each broken once, on files composed byte by byte.</summary>
public sealed class SafeTensorsFormatTests : IDisposable
{
    private const string TwoTensors = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static byte[] Compose(string header, int dataLength)
    {
        var text = Encoding.Latin1.GetBytes(header);
        var file = new byte[8 + text.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(file, text.Length);
        text.CopyTo(file, 8);
        for (var i = 0; i < dataLength; i++) file[8 + text.Length + i] = (byte)(i + 1);
        return file;
    }

    private InvalidDataException Refused(byte[] content)
    {
        var path = folder.File("bad.safetensors", content);
        var error = Assert.Throws<InvalidDataException>(() => SafeTensorsFile.Open(path).Dispose());
        Assert.StartsWith(path, error.Message);
        return error;
    }

    [Fact]
    public void A_well_formed_file_gives_names_types_shapes_and_bytes()
    {
        using var file = SafeTensorsFile.Open(folder.File("two.safetensors", Compose(TwoTensors, 11)));
        Assert.Equal(["a", "b"], file.Names);
        Assert.Equal((SafeTensorsType.F32, 0, 8), (file.Info("a").Type, file.Info("a").Begin, file.Info("a").End));
        Assert.Equal([3L], file.Info("b").Shape);
        Assert.Empty(file.Metadata);
        var bytes = new byte[2];
        file.CopyBytes("b", 1, bytes);
        Assert.Equal([10, 11], bytes);
    }

    [Theory]
    [InlineData("""{}""", 0)]
    [InlineData("""{"x":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}""", 8)] // a scalar
    [InlineData("""{"x":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]}}""", 0)] // an empty tensor
    [InlineData("""{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"z":{"dtype":"I8","shape":[0],"data_offsets":[1,1]}}""", 1)]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}        """, 1)] // padded with spaces
    [InlineData("""{"x":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"},"__metadata__":{"format":"pt"}}""", 1)] // any order
    [InlineData("""{"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"F4","shape":[3,2],"data_offsets":[2,5]}}""", 5)]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"later":{"a":[1,null]}}}""", 1)] // a field of a later version
    public void What_the_format_allows_opens(string header, int dataLength)
    {
        using var file = SafeTensorsFile.Open(folder.File("good.safetensors", Compose(header, dataLength)));
        Assert.Equal(dataLength, file.Names.Sum(name => file.Info(name).ByteCount));
    }

    [Theory]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "\"y\"", "within the tensor before it")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 2, "within the tensor before it")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}""", 5, "\"y\"", "belong to no tensor")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "\"x\"", "belong to no tensor")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 3, "something follows the last tensor")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 1, "cut short")]
    [InlineData("""{}""", 1, "something follows the last tensor")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"x":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}""", 4, "\"x\"", "twice")]
    [InlineData("""{"x":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 2, "\"x\"", "dtype stands twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "twice")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", 0, "\"k\" stands twice")]
    [InlineData("""{"__metadata__":{"k":1}}""", 0, "\"k\" is not a string")]
    [InlineData("""{"__metadata__":["k"]}""", 0, "not an object")]
    [InlineData("""{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,2]}}""", 2, "\"x\"", "unknown dtype \"F31\"")]
    [InlineData("""{"x":{"dtype":"u8","shape":[2],"data_offsets":[0,2]}}""", 2, "unknown dtype")]
    [InlineData("""{"x":{"dtype":4,"shape":[2],"data_offsets":[0,2]}}""", 2, "dtype is not a string")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}""", 7, "\"x\"", "takes 8 bytes", "span 7")]
    [InlineData("""{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "\"x\"", "whole bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "overflows")]
    [InlineData("""{"x":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}""", 0, "overflows")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", 0, "overflows")]
    [InlineData("""{"x":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}""", 1, "whole numbers")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}""", 1, "whole numbers")]
    [InlineData("""{"x":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}""", 1, "whole numbers")]
    [InlineData("""{"x":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}""", 1, "shape is not an array")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}""", 1, "end before they begin")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}""", 1, "3 numbers")]
    [InlineData("""{"x":{"shape":[1],"data_offsets":[0,1]}}""", 1, "dtype is missing")]
    [InlineData("""{"x":{"dtype":"U8","data_offsets":[0,1]}}""", 1, "shape is missing")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1]}}""", 1, "data_offsets is missing")]
    [InlineData("""{"x":7}""", 0, "\"x\"", "not described by an object")]
    [InlineData(""" {}""", 0, "does not begin with '{'")]
    [InlineData("""[]""", 0, "does not begin with '{'")]
    [InlineData("", 0, "does not begin with '{'")]
    [InlineData("{}\n", 0, "nothing but spaces")]
    [InlineData("{}{}", 0, "not valid JSON")]
    [InlineData("{\"x\":}", 0, "not valid JSON")]
    [InlineData("{\"x\": // comment\n 1}", 0, "not valid JSON")]
    [InlineData("{\"\xFF\":{}}", 0, "not UTF-8")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "not valid JSON")]
    public void Each_broken_rule_is_named(string header, int dataLength, params string[] expected)
    {
        var error = Refused(Compose(header, dataLength));
        foreach (var part in expected) Assert.Contains(part, error.Message);
    }

    [Fact]
    public void A_header_length_beyond_the_limit_or_the_file_is_refused_before_anything_is_read()
    {
        Assert.Contains("too few", Refused([1, 2, 3]).Message);
        Assert.Contains("too few", Refused([]).Message);
        var file = Compose("{}", 0);
        BinaryPrimitives.WriteInt64LittleEndian(file, 100_000_001);
        Assert.Contains("the format allows 100000000", Refused(file).Message);
        BinaryPrimitives.WriteUInt64LittleEndian(file, ulong.MaxValue);
        Assert.Contains("the format allows 100000000", Refused(file).Message);
        BinaryPrimitives.WriteInt64LittleEndian(file, 3);
        Assert.Contains("cut short", Refused(file).Message);
    }

    [Fact]
    public void Deep_nesting_is_an_error_and_not_a_stack_overflow() =>
        Assert.Contains("not valid JSON", Refused(Compose("{\"x\":{\"later\":" + new string('[', 100_000) + "}}", 0)).Message);

    [Fact]
    public void Damage_gives_the_same_exception_or_a_file_of_the_same_size()
    {
        var good = Compose(TwoTensors, 11);
        var random = new Random(1);
        for (var trial = 0; trial < 1000; trial++)
        {
            var bytes = good[..];
            if (trial % 3 == 0) bytes = bytes[..random.Next(bytes.Length)];
            else
                for (var flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            var path = folder.File("damaged.safetensors", bytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var file = SafeTensorsFile.Open(path);
                Assert.Equal(11, file.Names.Sum(name => file.Info(name).ByteCount));
            }
            catch (InvalidDataException error)
            {
                Assert.StartsWith(path, error.Message);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Fact]
    public void Written_bytes_are_those_of_the_reference_writer()
    {
        // Widest type first, then by name; the header padded with spaces to a multiple of 8.
        var path = folder.File("written.safetensors");
        SafeTensors.SaveBytes(path,
        [
            new("bytes", SafeTensorsType.U8, [3], stream => stream.Write([7, 8, 9])),
            new("z", SafeTensorsType.F32, [1], stream => stream.Write([1, 2, 3, 4])),
            new("é\n", SafeTensorsType.F32, [], stream => stream.Write([5, 6, 7, 8])),
            new("long", SafeTensorsType.I64, [0, 2], _ => { }),
        ], new Dictionary<string, string> { ["format"] = "pt" });

        const string header = """{"__metadata__":{"format":"pt"},"long":{"dtype":"I64","shape":[0,2],"data_offsets":[0,0]},"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"é\n":{"dtype":"F32","shape":[],"data_offsets":[4,8]},"bytes":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""";
        var text = Encoding.UTF8.GetBytes(header);
        var padded = (text.Length + 7) / 8 * 8;
        byte[] expected = [.. BitConverter.GetBytes((long)padded), .. text, .. Enumerable.Repeat((byte)' ', padded - text.Length), 1, 2, 3, 4, 5, 6, 7, 8, 7, 8, 9];
        Assert.Equal(expected, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path)); // no temporary file is left
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        var path = folder.File("kept.safetensors", "old");
        SafeTensorsEntry Entry(string name, int bytes) => new(name, SafeTensorsType.U8, [3], stream => stream.Write(new byte[bytes]));
        var wrong = Assert.Throws<InvalidOperationException>(() => SafeTensors.SaveBytes(path, [Entry("a", 3), Entry("b", 2)]));
        Assert.Contains("\"b\": 2 bytes were written", wrong.Message);
        Assert.Throws<IOException>(() => SafeTensors.SaveBytes(path, [new("a", SafeTensorsType.U8, [1], _ => throw new IOException("disk full"))]));
        Assert.Throws<ArgumentException>(() => SafeTensors.SaveBytes(path, [Entry("a", 3), Entry("a", 3)]));
        Assert.Throws<ArgumentException>(() => SafeTensors.SaveBytes(path, [Entry("__metadata__", 3)]));
        Assert.Throws<InvalidDataException>(() => SafeTensors.SaveBytes(path, [Entry("half \ud800", 3)]));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_name_that_is_not_there_is_answered_with_the_nearest()
    {
        using var file = SafeTensorsFile.Open(folder.File("two.safetensors", Compose(TwoTensors.Replace("\"a\"", "\"q_proj\""), 11)));
        var error = Assert.Throws<KeyNotFoundException>(() => file.Info("q_porj"));
        Assert.Contains("no tensor \"q_porj\"; nearest: q_proj", error.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.CopyBytes("b", 2, new byte[2]));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.CopyBytes("b", 0, new byte[2]));
        Assert.Throws<FileNotFoundException>(() => SafeTensorsFile.Open(folder.File("none.safetensors")));
    }
}
