using static TorchSharp.torch;

namespace LowRank.Tests.Checkpoints;

/// <summary>Tensors to a file and back.</summary>
public sealed class SafeTensorsTensorTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private Tensor SavedAndLoaded(Tensor tensor)
    {
        var path = folder.File("one.safetensors");
        SafeTensors.Save(path, new Dictionary<string, Tensor> { ["x"] = tensor });
        return SafeTensors.Load(path)["x"];
    }

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int16)]
    [InlineData(ScalarType.Int8)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Bool)]
    public void Every_type_keeps_type_shape_and_values(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var tensor = arange(0, 24).reshape(2, 3, 4).to(type);
        var back = SavedAndLoaded(tensor);
        Assert.Equal(type, back.dtype);
        Assert.Equal([2, 3, 4], back.shape);
        Assert.Equal(tensor.contiguous().bytes.ToArray(), back.bytes.ToArray());
    }

    [Fact]
    public void Transposed_sliced_scalar_and_empty_tensors_come_back_as_they_read()
    {
        using var scope = NewDisposeScope();
        var table = arange(0, 12).reshape(3, 4).to(ScalarType.Float32);
        foreach (var tensor in new[] { table.t(), table.narrow(1, 1, 2), table.narrow(0, 2, 1), zeros(0, 3), table.sum() })
        {
            var back = SavedAndLoaded(tensor);
            Assert.Equal(tensor.shape, back.shape);
            Assert.Equal(tensor.contiguous().bytes.ToArray(), back.bytes.ToArray());
        }
    }

    [Fact]
    public void Special_values_keep_their_bits()
    {
        using var scope = NewDisposeScope();
        float[] values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, float.Epsilon, float.MaxValue];
        Assert.Equal(values.Select(BitConverter.SingleToInt32Bits), SavedAndLoaded(tensor(values)).data<float>().ToArray().Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void Reading_converts_on_request_and_outlives_the_file()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("x.safetensors");
        SafeTensors.Save(path, new Dictionary<string, Tensor> { ["x"] = tensor(new[] { 1.5f, -2f }) }, new Dictionary<string, string> { ["format"] = "pt" });
        Tensor read;
        using (var file = SafeTensorsFile.Open(path))
        {
            Assert.Equal("pt", file.Metadata["format"]);
            read = file.Read("x", ScalarType.Float64);
        }
        SafeTensors.Save(path, new Dictionary<string, Tensor>()); // replaces the file under the tensor
        Assert.Equal([1.5, -2.0], read.data<double>().ToArray());
    }

    [Fact]
    public void A_type_that_torch_lacks_is_an_error_that_names_file_and_tensor()
    {
        var path = folder.File("f8.safetensors");
        SafeTensors.SaveBytes(path, [new("scale", SafeTensorsType.F8_E8M0, [1], stream => stream.WriteByte(1))]);
        using var file = SafeTensorsFile.Open(path);
        var error = Assert.Throws<NotSupportedException>(() => file.Read("scale"));
        Assert.Contains(path, error.Message);
        Assert.Contains("\"scale\"", error.Message);
    }
}
