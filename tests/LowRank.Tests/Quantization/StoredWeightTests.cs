// Quantized weights in files: bitsandbytes' layout name for name, ours, and what is wrong with a file.
using System.Text;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class StoredWeightTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public StoredWeightTests() => manual_seed(29);

    public void Dispose() => scope.Dispose();

    private static QuantizedTensor Make(string format, Tensor weight) => format switch
    {
        "nf4" => Nf4.Quantize(weight), "nf4 plain" => Nf4.Quantize(weight, 128, false), "fp4" => Fp4.Quantize(weight),
        "nf3" => Nf3.Quantize(weight), "nf3 plain" => Nf3.Quantize(weight, 32, false),
        "int8" => Int8Dynamic.Quantize(weight, 64), "rows" => Int8Rows.Quantize(weight), _ => GroupInt4.Quantize(weight, 16),
    };

    [Theory]
    [InlineData("nf4"), InlineData("nf4 plain"), InlineData("fp4"), InlineData("nf3"), InlineData("nf3 plain"), InlineData("int8"), InlineData("rows"), InlineData("int4")]
    public void ThroughAFile(string format)
    {
        foreach (var (rows, columns) in new[] { (48L, 80L), (5L, 37L), (300L, 64L) })
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
            {
                using var folder = new TemporaryFolder();
                var stored = Make(format, randn(rows, columns).to(type));
                var path = folder.File("w.safetensors");
                SafeTensors.Save(path, stored.ToTensors("layer.weight"));
                var read = SafeTensors.Load(path);
                Assert.True(QuantizedTensor.IsIn(read, "layer.weight"));
                Assert.False(QuantizedTensor.IsIn(read, "layer.weigh"));
                var back = QuantizedTensor.FromTensors("layer.weight", read, type);       // rows of int8 do not say
                Assert.Equal((stored.Format, stored.SourceType, stored.Bytes), (back.Format, back.SourceType, back.Bytes));
                Assert.Equal(stored.Shape, back.Shape);
                foreach (var (a, b) in stored.Tensors.Zip(back.Tensors)) Assert.True(a.dtype == b.dtype && a.eq(b).all().item<bool>());
                Assert.True(stored.Dequantize().eq(back.Dequantize()).all().item<bool>());
            }
    }

    /// <summary>The names, types and shapes that bitsandbytes writes, and the fields of its JSON.</summary>
    [Fact]
    public void TheLayoutOfBitsAndBytes()
    {
        var t = Nf4.Quantize(randn(256, 80).to(ScalarType.BFloat16)).ToTensors("q.weight");
        string Is(string key) => $"{t[key].dtype} {string.Join(" x ", t[key].shape)}";
        Assert.Equal(["q.weight", "q.weight.absmax", "q.weight.nested_absmax", "q.weight.nested_quant_map", "q.weight.quant_map", "q.weight.quant_state.bitsandbytes__nf4"],
            t.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(["Byte 10240 x 1", "Byte 320", "Float32 2", "Float32 256", "Float32 16"],
            new[] { "q.weight", "q.weight.absmax", "q.weight.nested_absmax", "q.weight.nested_quant_map", "q.weight.quant_map" }.Select(Is));
        var state = JsonNode.Parse(t["q.weight.quant_state.bitsandbytes__nf4"].data<byte>().ToArray())!.AsObject();
        Assert.Equal(["blocksize", "dtype", "nested_blocksize", "nested_dtype", "nested_offset", "quant_type", "shape"], state.Select(f => f.Key).Order(StringComparer.Ordinal));
        Assert.Equal("nf4 64 bfloat16 [256,80] 256 float32", $"{state["quant_type"]} {state["blocksize"]} {state["dtype"]} {state["shape"]!.ToJsonString()} {state["nested_blocksize"]} {state["nested_dtype"]}");
    }

    /// <summary>The names, types and shapes that bitsandbytes' Linear8bitLt writes.</summary>
    [Fact]
    public void TheLayoutOfLlmInt8()
    {
        var t = Int8Rows.Quantize(randn(24, 80)).ToTensors("q.weight");
        Assert.Equal(["Float32 24", "Int8 24 x 80", "Byte "],
            new[] { "q.SCB", "q.weight", "q.weight_format" }.Select(key => $"{t[key].dtype} {string.Join(" x ", t[key].shape)}"));
        Assert.Equal(3, t.Count);

        // The reference's own numbers, dequantized as it does: code · SCB / 127.
        var golden = Golden.Fixture("quant/normal").Load();
        var file = new Dictionary<string, Tensor> { ["q.weight"] = golden["int8row.codes"], ["q.SCB"] = golden["int8row.absmax"], ["q.weight_format"] = zeros(1, ScalarType.Byte) };
        var expected = golden["int8row.codes"].to(ScalarType.Float32) * golden["int8row.absmax"].unsqueeze(1) / 127;
        Golden.Close(expected, QuantizedTensor.FromTensors("q.weight", file).Dequantize(), 2e-7, "dequantized");

        string Refused(Action<Dictionary<string, Tensor>> spoil)
        {
            var spoiled = new Dictionary<string, Tensor>(file);
            spoil(spoiled);
            return Assert.Throws<InvalidDataException>(() => QuantizedTensor.FromTensors("q.weight", spoiled)).Message;
        }
        Assert.Contains("no tensor q.weight beside q.SCB", Refused(f => f.Remove("q.weight")));
        Assert.Contains("makes it Int8 [out, in]", Refused(f => f["q.weight"] = zeros(64, 64)));
        Assert.Contains("q.SCB is Float32 [3]", Refused(f => f["q.SCB"] = ones(3)));
        Assert.Contains("not finite", Refused(f => f["q.SCB"] = full([64], float.PositiveInfinity)));
        Assert.Contains("row by row", Refused(f => f["q.weight_format"] = ones(1, ScalarType.Byte)));
    }

    [Theory]
    [InlineData("nf4"), InlineData("nf4 plain"), InlineData("fp4"), InlineData("int8"), InlineData("rows"), InlineData("int4")]
    public void BytesAreKnownBeforeItIsMade(string format)
    {
        foreach (var (rows, columns) in new[] { (48L, 80L), (5L, 37L), (1L, 1L), (300L, 128L) })
        {
            var stored = Make(format, randn(rows, columns));
            Assert.Equal(stored.Bytes, stored.Format.BytesOf(rows, columns));
        }
        Assert.Null(Make(format, randn(8, 64)).Format.BytesOf(new LayerShape("lm_head", 8, 8)));
    }

    /// <summary>A dictionary put together as bitsandbytes does from its own numbers, without ours.</summary>
    [Fact]
    public void ReadsTheReferencesNumbers()
    {
        var (t, tables) = (Golden.Fixture("quant/normal").Load(), Golden.Fixture("quant/code_tables").Load());
        var offset = t["nf4.b64.nested.offset"].reshape(1)[0].item<float>();
        var json = $$"""{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [64, 64], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": {{(double)offset:R}}}""";
        var file = new Dictionary<string, Tensor>
        {
            ["w"] = t["nf4.b64.packed"].view(-1, 1), ["w.absmax"] = t["nf4.b64.nested.absmax8"], ["w.quant_map"] = tables["nf4"], ["w.nested_absmax"] = t["nf4.b64.nested.absmax2"],
            ["w.nested_quant_map"] = tables["dynamic_signed"], ["w.quant_state.bitsandbytes__nf4"] = tensor(Encoding.UTF8.GetBytes(json)),
        };
        Assert.True(t["nf4.b64.nested.dequant"].eq(QuantizedTensor.FromTensors("w", file).Dequantize()).all().item<bool>());
    }

    [Fact]
    public void AFileThatMakesNoSenseIsRefused()
    {
        Dictionary<string, Tensor> File() => Nf4.Quantize(randn(256, 80)).ToTensors("w");
        const string State = "w.quant_state.bitsandbytes__nf4";
        string Refused(Action<Dictionary<string, Tensor>> spoil, string prefix = "w")
        {
            var file = File();
            spoil(file);
            return Assert.Throws<InvalidDataException>(() => QuantizedTensor.FromTensors(prefix, file)).Message;
        }
        Action<Dictionary<string, Tensor>> Field(string name, JsonNode? value) => file =>
        {
            var state = JsonNode.Parse(file[State].data<byte>().ToArray())!.AsObject();
            if (value is null) state.Remove(name);
            else state[name] = value;
            file[State] = tensor(Encoding.UTF8.GetBytes(state.ToJsonString()));
        };
        Assert.Contains("nearest: w", Refused(_ => { }, "v"));
        Assert.Contains("no tensor w.absmax", Refused(f => f.Remove("w.absmax")));
        Assert.Contains("w is Byte [100]", Refused(f => f["w"] = zeros(100, ScalarType.Byte)));
        Assert.Contains("w.absmax is Float32 [320]", Refused(f => f["w.absmax"] = zeros(320)));
        Assert.Contains("w.nested_absmax is Float32 [3]", Refused(f => f["w.nested_absmax"] = zeros(3)));
        Assert.Contains("not finite", Refused(f => f["w.nested_absmax"] = full([2], float.NaN)));
        Assert.Contains("for code 3", Refused(f => f["w.quant_map"][3] = 0.5f));
        Assert.Contains("not a JSON object", Refused(f => f[State] = tensor("[1"u8.ToArray())));
        Assert.Contains("not a JSON object", Refused(f => f[State] = zeros(4)));
        Assert.Contains("no field \"blocksize\"", Refused(Field("blocksize", null)));
        Assert.Contains("blocksize is \"many\"", Refused(Field("blocksize", "many")));
        Assert.Contains("blocksize is 100", Refused(Field("blocksize", 100)));
        Assert.Contains("dtype is \"float8\"", Refused(Field("dtype", "float8")));
        Assert.Contains("quant_type is \"fp4\"", Refused(Field("quant_type", "fp4")));
        Assert.Contains("shape is [0, 3]", Refused(Field("shape", new JsonArray(0, 3))));
        Assert.Contains("overflows", Refused(Field("shape", new JsonArray(1L << 40, 1L << 40))));
        Assert.Contains("shape is", Refused(Field("shape", new JsonArray("a"))));
        Assert.Contains("w is Byte [10240, 1]", Refused(Field("shape", new JsonArray(256, 81))));
        Assert.Contains("nested_blocksize is 128", Refused(Field("nested_blocksize", 128)));
        Assert.Contains("known", Refused(f => { f["w.quant_state.other__q2"] = f[State]; f.Remove(State); }));
        Assert.Contains("2 quant_states", Refused(f => f["w.quant_state.other__q2"] = f[State]));
        var nf3 = Nf3.Quantize(randn(4, 64)).ToTensors("w");
        Assert.Equal(["w", "w.absmax", "w.nested_absmax", "w.nested_quant_map", "w.quant_map", "w.quant_state.lowrank__nf3"], nf3.Keys.Order(StringComparer.Ordinal));
        nf3["w.quant_map"][2] = -0.25f;
        Assert.Contains("-0.25 for code 2", Assert.Throws<InvalidDataException>(() => QuantizedTensor.FromTensors("w", nf3)).Message);
        nf3["w.quant_map"] = tensor(ThreeBitKernels.Values);
        nf3["w"] = zeros(128, ScalarType.Byte);
        Assert.Contains("needs Byte [96]", Assert.Throws<InvalidDataException>(() => QuantizedTensor.FromTensors("w", nf3)).Message);
        var int4 = GroupInt4.Quantize(randn(4, 64)).ToTensors("w");
        int4["w.zeros"] = zeros(4, 3);
        Assert.Contains("w.zeros is Float32 [4, 3]", Assert.Throws<InvalidDataException>(() => QuantizedTensor.FromTensors("w", int4)).Message);
    }
}
