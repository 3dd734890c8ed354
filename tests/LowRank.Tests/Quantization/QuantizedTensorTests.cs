// What holds for every format: error bounds, types, shapes, rows, threads, bytes, memory, and what is refused.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizedTensorTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public QuantizedTensorTests() => manual_seed(23);

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, StorageFormat> Formats = new()
    {
        ["nf4"] = new Nf4 { DoubleQuantization = false }, ["nf4 double"] = Nf4.WithDoubleQuantization, ["nf4 4096"] = new Nf4 { BlockSize = 4096 },
        ["nf4 32"] = new Nf4 { BlockSize = 32 }, ["fp4"] = new Fp4 { DoubleQuantization = false }, ["fp4 double"] = new Fp4 { BlockSize = 128 },
        ["nf3"] = new Nf3 { DoubleQuantization = false }, ["nf3 double"] = Nf3.WithDoubleQuantization, ["nf3 32"] = new Nf3 { BlockSize = 32 },
        ["nf3 4096"] = new Nf3 { BlockSize = 4096 }, ["int8"] = new Int8Dynamic(), ["int8 32"] = new Int8Dynamic { BlockSize = 32 }, ["int8 rows"] = new Int8Rows(),
        ["int4"] = new GroupInt4(), ["int4 of 7"] = new GroupInt4 { GroupSize = 7 }, ["int4 of 1"] = new GroupInt4 { GroupSize = 1 },
    };

    public static TheoryData<string> Names => [.. Formats.Keys];

    private static readonly (long, long)[] Shapes = [(1, 1), (3, 5), (64, 64), (7, 74), (5, 37), (33, 129), (130, 257), (2, 4096)];

    private static Tensor Wide(Tensor t) => t.to(ScalarType.Float64);

    /// <summary>The largest magnitude of each number's block, row or group: what its error is a share of.</summary>
    private static Tensor Reach(StorageFormat format, Tensor weight)
    {
        var wide = Wide(weight);
        if (format is Int8Rows) return wide.abs().amax([1], true).expand_as(wide);
        if (format is GroupInt4 groups)
        {
            var parts = wide.split(groups.GroupSize, 1).Select(part => (part.amax([1], true) - part.amin([1], true)).expand_as(part));
            return cat([.. parts], 1);
        }
        var size = format switch { FourBitFormat four => four.BlockSize, Nf3 three => three.BlockSize, Int8Dynamic eight => eight.BlockSize, _ => throw new InvalidOperationException() };
        return cat([.. wide.flatten().split(size).Select(block => block.abs().max().expand_as(block))]).view(wide.shape);
    }

    private static double Share(StorageFormat format) => format switch
    {
        Nf4 => 0.1520, Nf3 => 0.2325, Fp4 => 1 / 6.0, Int8Dynamic => 0.0071, Int8Rows => 0.5 / 127, _ => 0.5 / 15,
    };

    private static bool HasDoubleScales(StorageFormat format) => format is FourBitFormat { DoubleQuantization: true } or Nf3 { DoubleQuantization: true };

    [Theory, MemberData(nameof(Names))]
    public void TheErrorIsBounded(string name)
    {
        var format = Formats[name];
        foreach (var (rows, columns) in Shapes)
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
            {
                var weight = randn(rows, columns).mul(0.05).to(type);
                var stored = format.Encode(weight);
                var back = stored.Dequantize(ScalarType.Float32);
                Assert.Equal(weight.shape, back.shape);
                Assert.Equal((type, format), (stored.SourceType, stored.Format));
                // Quantized scales are off by up to 0.0071 of the largest scale's distance from their mean; Int8Rows has float16's 2^-11 too.
                var scales = HasDoubleScales(format) ? 0.0072 * Wide(weight).abs().max().item<double>() : 0;
                // A short last block is scaled in the source's type.
                var rounding = type == ScalarType.BFloat16 ? 1 / 512.0 : type == ScalarType.Float16 ? 1 / 4096.0 : 0;
                var limit = Reach(format, weight) * (Share(format) + (format is Int8Rows ? 0.0005 : 1e-5) + rounding) + scales + 1e-9;
                var worst = ((Wide(back) - Wide(weight)).abs() / limit).max().item<double>();
                Assert.True(worst <= 1, $"{rows} x {columns}, {type}: {worst:g4} of the bound");

                // A narrower type is the float32 numbers, rounded; and it is the source's unless told.
                Assert.Equal(type, stored.Dequantize().dtype);
                foreach (var other in new[] { ScalarType.BFloat16, ScalarType.Float16, ScalarType.Float64 })
                    Assert.True(back.to(other).eq(stored.Dequantize(other)).all().item<bool>(), $"{rows} x {columns} as {other}");
            }
    }

    /// <summary>Values that the format has come back. (But 8-bit blocks whose largest magnitude is negative shrink: the map ends at
    /// -0.993.)</summary>
    [Theory, MemberData(nameof(Names))]
    public void QuantizingTwiceChangesLittle(string name)
    {
        var weight = randn(40, 96);
        var once = Formats[name].Encode(weight).Dequantize();
        var twice = Formats[name].Encode(once).Dequantize();
        var (first, second) = ((once - weight).norm().item<float>(), (twice - once).norm().item<float>());
        Assert.True(second <= first * (HasDoubleScales(Formats[name]) ? 0.2 : Formats[name] is Int8Dynamic ? 0.6 : 0.02), $"{first} and then {second}");
    }

    [Theory, MemberData(nameof(Names))]
    public void SomeRowsAreThoseOfTheWhole(string name)
    {
        foreach (var (rows, columns) in Shapes)
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            {
                var stored = Formats[name].Encode(randn(rows, columns));
                var whole = stored.Dequantize(type);
                foreach (var (first, count) in new[] { (0L, rows), (rows - 1, 1L), (rows / 2, rows - rows / 2), (rows / 3, Math.Min(2, rows - rows / 3)), (rows, 0L) })
                {
                    var part = empty(count, columns, type);
                    stored.DequantizeRows(first, part);
                    Assert.True(whole.narrow(0, first, count).eq(part).all().item<bool>(), $"{rows} x {columns}: {count} from {first}");
                }
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void TheSameBitsOnOneThreadAndOnSeveral(string name)
    {
        var weight = randn(700, 1111);
        var threads = get_num_threads();
        try
        {
            set_num_threads(1);
            var one = Formats[name].Encode(weight);
            var dense = one.Dequantize();
            set_num_threads(3);
            var several = Formats[name].Encode(weight);
            foreach (var (a, b) in one.Tensors.Zip(several.Tensors)) Assert.True(a.eq(b).all().item<bool>());
            Assert.True(dense.eq(several.Dequantize()).all().item<bool>());
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void ZerosConstantsSubnormalsAndHugeNumbersComeBack(string name)
    {
        foreach (var value in new[] { 0f, -0f, 1e-41f, -3f, 2e-20f, 6e4f })
        {
            var weight = full([9, 70], value);
            var back = Formats[name].Encode(weight).Dequantize();
            Assert.True(back.isfinite().all().item<bool>());
            Golden.Close(weight, back, value == 1e-41f || (name == "int8 rows" && value == 2e-20f) ? 1 : Formats[name] is Nf4 or Nf3 or Fp4 or Int8Dynamic && value < 0 ? 0.008 : 2e-6, $"{value}");
        }
    }

    [Fact]
    public void AGroupThatSpansAllOfFloat32AndAShortLastGroup()
    {
        var weight = tensor(new[] { 3e38f, -3e38f, 0, 1e38f, 5, 5, 5, 5, -2, 7 }, 1, 10);
        var int4 = GroupInt4.Quantize(weight, 4);
        Assert.Equal([1L, 3L], int4.Scales.shape);
        var back = int4.Dequantize();
        Assert.True(back.isfinite().all().item<bool>());
        Golden.Close(weight.narrow(1, 0, 4), back.narrow(1, 0, 4), 0.07, "the wide group");
        Golden.Close(weight.narrow(1, 4, 6), back.narrow(1, 4, 6), 1e-6, "a constant group and one of two numbers");
    }

    [Fact]
    public void BytesAreThePapers()
    {
        var weight = randn(4096, 1024);
        Assert.Equal(0.5159, Nf4.Quantize(weight).Bytes / (double)weight.numel(), 4);
        Assert.Equal(4.126953, Nf4.Quantize(weight).Bytes * 8.0 / weight.numel(), 4);
        Assert.Equal(4.5, Nf4.Quantize(weight, doubleQuantization: false).Bytes * 8.0 / weight.numel());
        Assert.Equal(3.126953, Nf3.Quantize(weight).Bytes * 8.0 / weight.numel(), 4);
        Assert.Equal(3.5, Nf3.Quantize(weight, doubleQuantization: false).Bytes * 8.0 / weight.numel());
        Assert.Equal(4.5, Fp4.Quantize(weight, 64, false).Bytes * 8.0 / weight.numel());
        Assert.Equal(8 + 32 / 256.0, Int8Dynamic.Quantize(weight).Bytes * 8.0 / weight.numel());
        Assert.Equal(8 + 32 / 1024.0, Int8Rows.Quantize(weight).Bytes * 8.0 / weight.numel());
        Assert.Equal(4 + 64 / 32.0, GroupInt4.Quantize(weight).Bytes * 8.0 / weight.numel());
    }

    [Fact]
    public void AViewAndAVectorAreQuantizedAsWhatTheyShow()
    {
        var weight = randn(48, 80);
        var (of, from) = (Nf4.Quantize(weight.t()), Nf4.Quantize(weight.t().contiguous()));
        Assert.True(of.Codes.eq(from.Codes).all().item<bool>());
        Assert.Equal([80L, 48L], of.Shape);
        Assert.Equal([100L], Nf4.Quantize(randn(100)).Dequantize().shape);
        Assert.Equal([3L, 4L, 5L], Int8Dynamic.Quantize(randn(3, 4, 5)).Dequantize().shape);
    }

    [Theory, MemberData(nameof(Names))]
    public void WhatIsNotFiniteIsNamed(string name)
    {
        foreach (var (value, text) in new[] { (float.NaN, "NaN"), (float.PositiveInfinity, "Infinity"), (float.NegativeInfinity, "-Infinity") })
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
            {
                var weight = randn(70, 130);
                weight.view(-1)[8001] = value;
                weight.view(-1)[9099] = float.NaN;
                var error = Assert.Throws<ArgumentException>(() => Formats[name].Encode(weight.to(type), "layers.3.q_proj.weight"));
                Assert.Contains($"\"layers.3.q_proj.weight\" has {text} at flat index 8001 of 9100", error.Message);
            }
    }

    [Fact]
    public void NonsenseIsRefused()
    {
        var weight = randn(8, 64);
        string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;
        foreach (var size in new[] { 0, -64, 16, 48, 8192 })
        {
            Assert.Contains($"asked for {size}", Refused(() => Nf4.Quantize(weight, size)));
            Assert.Contains($"asked for {size}", Refused(() => Nf3.Quantize(weight, size)));
            Assert.Contains($"asked for {size}", Refused(() => Int8Dynamic.Quantize(weight, size)));
        }
        Assert.Contains("asked for 0", Refused(() => GroupInt4.Quantize(weight, 0)));
        Assert.Contains("\"w\" is of Float64", Refused(() => Nf4.Quantize(weight.to(ScalarType.Float64), name: "w")));
        Assert.Contains("is empty: [0, 64]", Refused(() => Nf4.Quantize(empty(0, 64))));
        Assert.Contains("a matrix's", Refused(() => Int8Rows.Quantize(randn(64))));
        Assert.Contains("a matrix [out, in]", Refused(() => GroupInt4.Quantize(randn(2, 3, 4))));
        Assert.Contains("65504", Refused(() => Int8Rows.Quantize(full([2, 2], 1e5f))));
        Assert.Contains("without double quantization", Refused(() => Nf4.Quantize(full([1, 640], 3e38f))));
        Golden.Close(full([1, 640], 3e38f), Nf4.Quantize(full([1, 640], 3e38f), doubleQuantization: false).Dequantize(), 1e-6, "numbers near the end of float32");
        var stored = Nf4.Quantize(weight);
        Assert.Contains("rows from 7 on", Refused(() => stored.DequantizeRows(7, empty(2, 64))));
        Assert.Contains("rows from -1 on", Refused(() => stored.DequantizeRows(-1, empty(2, 64))));
        Assert.Contains("[2, 63]", Refused(() => stored.DequantizeRows(0, empty(2, 63))));
        Assert.Contains("contiguous", Refused(() => stored.DequantizeRows(0, empty(64, 2).t())));
        Assert.Contains("asked for Int64", Refused(() => stored.Dequantize(ScalarType.Int64)));
        var int4 = GroupInt4.Quantize(weight);
        Assert.Contains("the zeros are [8, 2]", Refused(() => int4.With(int4.Scales, zeros(8, 3))));
        Assert.Contains("not all finite", Refused(() => int4.With(int4.Scales / 0.0, int4.Zeros)));
    }

#if LIBTORCH
    /// <summary>Beside the weight and the codes there is never a tensor of more than a twentieth of the weight.</summary>
    [Theory, MemberData(nameof(Names))]
    public void ItStreams(string name)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            var weight = randn(1024, 1024).to(type);
            var (given, before) = (weight.numel() * weight.ElementSize, LibTorch.Memory.LiveBytes);
            LibTorch.Memory.ResetPeak();
            var stored = Formats[name].Encode(weight);
            var beside = LibTorch.Memory.PeakBytes - before - stored.Bytes;
            Assert.True(beside < given * 0.05, $"{type}: {beside:N0} bytes beside {given:N0} and {stored.Bytes:N0}");
            Assert.InRange(LibTorch.Memory.LiveBytes - before, stored.Bytes, stored.Bytes + 1024);

            var target = empty(weight.shape, type);
            before = LibTorch.Memory.LiveBytes;
            LibTorch.Memory.ResetPeak();
            stored.DequantizeRows(0, target);
            Assert.True(LibTorch.Memory.PeakBytes - before < 1024);
        }
    }
#endif
}
