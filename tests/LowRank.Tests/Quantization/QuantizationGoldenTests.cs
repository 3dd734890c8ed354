// Codes, scales and values of every format against the reference's, bit for bit.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizationGoldenTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Blocks => Golden.Where(f => f.Method == "block quantisation");

    public static TheoryData<string> Groups => Golden.Where(f => f.Method == "qa-lora");

    private static void Same(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.Equal(expected.shape, actual.shape);
        var different = expected.ne(actual).sum().item<long>();
        var first = different == 0 ? "" : $"{expected.to(ScalarType.Float32).masked_select(expected.ne(actual))[0].item<float>()} against {actual.to(ScalarType.Float32).masked_select(expected.ne(actual))[0].item<float>()}";
        Assert.True(different == 0, $"{what}: {different} of {expected.numel()} differ, the first {first}");
    }

    /// <summary>Bytes of two codes with code 8 read as 0: both are FP4's zero.</summary>
    private static Tensor OneZero(Tensor packed)
    {
        var (high, low) = (packed.bitwise_right_shift(tensor((byte)4)), packed.bitwise_and(tensor((byte)15)));
        return stack([high.masked_fill(high.eq(8), 0), low.masked_fill(low.eq(8), 0)]);
    }

    [Fact]
    public void TheTables()
    {
        var t = Golden.Fixture("quant/code_tables").Load();
        Same(t["nf4"], tensor(FourBitTable.Nf4.Values), "nf4");
        Same(t["fp4"], tensor(FourBitTable.Fp4.Values), "fp4");
        Same(t["dynamic_signed"], tensor(EightBitTable.Dynamic.Values), "the signed dynamic map");
        Same(t["dynamic_unsigned"], tensor(EightBitTable.DynamicUnsigned.Values), "the unsigned dynamic map");
        Assert.Equal((7, 0), (FourBitTable.Nf4.ZeroCode, FourBitTable.Fp4.ZeroCode));
    }

    [Theory, MemberData(nameof(Blocks))]
    public void FourBits(string id)
    {
        var t = Golden.Fixture(id).Load();
        var sizes = 0;
        foreach (var size in new[] { 64, 128 })
        {
            if (!t.ContainsKey($"nf4.b{size}.packed")) continue;
            var nf4 = Nf4.Quantize(t["input"], size, doubleQuantization: false);
            Same(t[$"nf4.b{size}.packed"], nf4.Codes, $"nf4 {size}: codes");
            Same(t[$"nf4.b{size}.absmax"], nf4.AbsMax(), $"nf4 {size}: absmax");
            Same(t[$"nf4.b{size}.dequant"], nf4.Dequantize(), $"nf4 {size}: values");
            sizes++;
        }
        Assert.True(sizes > 0);
        var fp4 = Fp4.Quantize(t["input"], doubleQuantization: false);
        Same(OneZero(t["fp4.b64.packed"]), OneZero(fp4.Codes), "fp4: codes");
        Same(t["fp4.b64.absmax"], fp4.AbsMax(), "fp4: absmax");
        Same(t["fp4.b64.dequant"], fp4.Dequantize(), "fp4: values");
    }

    [Theory, MemberData(nameof(Blocks))]
    public void DoubleQuantization(string id)
    {
        var t = Golden.Fixture(id).Load();
        var nf4 = Nf4.Quantize(t["input"]);
        Same(t["nf4.b64.packed"], nf4.Codes, "codes");
        Same(t["nf4.b64.nested.absmax8"], nf4.Scales.AbsMax, "codes of absmax");
        Same(t["nf4.b64.nested.absmax2"], nf4.Scales.Nested!, "absmax of absmax");
        Same(t["nf4.b64.nested.offset"].reshape(1), tensor([nf4.Scales.Offset]), "the mean of absmax");
        Same(t["nf4.b64.nested.dequant"], nf4.Dequantize(), "values");
    }

    [Theory, MemberData(nameof(Blocks))]
    public void EightBitBlocks(string id)
    {
        var t = Golden.Fixture(id).Load();
        foreach (var size in new[] { 64, 256 })
        {
            var int8 = Int8Dynamic.Quantize(t["input"], size);
            Same(t[$"int8dyn.b{size}.codes"], int8.Codes, $"blocks of {size}: codes");
            Same(t[$"int8dyn.b{size}.absmax"], int8.AbsMax, $"blocks of {size}: absmax");
            Same(t[$"int8dyn.b{size}.dequant"], int8.Dequantize(), $"blocks of {size}: values");
        }
    }

    [Theory, MemberData(nameof(Blocks))]
    public void EightBitRows(string id)
    {
        var t = Golden.Fixture(id).Load();
        var int8 = Int8Rows.Quantize(t["input"]);
        Same(t["int8row.absmax"], int8.AbsMax, "absmax");
        var rows = t["int8row.absmax"].ne(0).nonzero().squeeze(1);              // the reference defines no codes for a row of zeros
        Same(t["int8row.codes"].index_select(0, rows), int8.Codes.index_select(0, rows), "codes");
        var values = t["int8row.codes"].to(ScalarType.Float64) * t["int8row.absmax"].unsqueeze(1).to(ScalarType.Float64) / 127;
        if (rows.numel() > 0) Golden.Close(values.index_select(0, rows), int8.Dequantize().index_select(0, rows), 2e-7, "values");
    }

    [Theory, MemberData(nameof(Blocks))]
    public void SixteenBits(string id)
    {
        var t = Golden.Fixture(id).Load();
        foreach (var type in new[] { "bf16", "fp16" })
        {
            if (!t.TryGetValue($"{type}.input", out var input)) continue;
            var nf4 = Nf4.Quantize(input, doubleQuantization: false);
            Same(t[$"{type}.nf4.packed"], nf4.Codes, $"nf4 of {type}: codes");
            Same(t[$"{type}.nf4.absmax"], nf4.AbsMax(), $"nf4 of {type}: absmax");
            Same(t[$"{type}.nf4.dequant"], nf4.Dequantize(), $"nf4 of {type}: values");
            var int8 = Int8Dynamic.Quantize(input);
            Same(t[$"{type}.int8dyn.codes"], int8.Codes, $"int8 of {type}: codes");
            Same(t[$"{type}.int8dyn.absmax"], int8.AbsMax, $"int8 of {type}: absmax");
            Same(t[$"{type}.int8dyn.dequant"], int8.Dequantize(), $"int8 of {type}: values");
        }
    }

    [Theory, MemberData(nameof(Groups))]
    public void GroupsOfInt4(string id)
    {
        var fixture = Golden.Fixture(id);
        var t = fixture.Load();
        var int4 = GroupInt4.Quantize(t["base.weight"], fixture.Hyper("group_size", 0));
        var packed = int4.Codes.to(ScalarType.Int32);
        var codes = stack([packed / 16, packed.remainder(16)], 2).floor().view(t["base.codes"].shape).to(ScalarType.Byte);
        Same(t["base.codes"], codes, "codes");
        Same(t["base.scales"], int4.Scales, "scales");
        Same(t["base.zeros"], int4.Zeros, "zeros");
        Same(t["base.dequantized"], int4.Dequantize(), "values");
        var merged = int4.With(t["base.scales"], t["merged.zeros"]);
        Golden.Close(t["merged.weight"], merged.Dequantize(), Golden.LayerTolerance, "the merged weight");
        Same(int4.Codes, merged.Codes, "the codes after the merge");
    }
}
