// Quantized weights on a device, from the format down to the kernels' text: the same codes, scales, numbers and errors as on the CPU, whatever
// the format, type and shape, and nothing read through a host pointer on the way.
using static TorchSharp.torch;

namespace LowRank.Tests.Cuda;

public sealed class StorageRoutingTests : IDisposable
{
    private static readonly Dictionary<string, StorageFormat> Formats = new()
    {
        ["nf4"] = Nf4.WithDoubleQuantization, ["nf4 plain"] = new Nf4 { BlockSize = 32, DoubleQuantization = false }, ["fp4"] = new Fp4 { BlockSize = 128 },
        ["nf3"] = Nf3.WithDoubleQuantization, ["nf3 plain"] = new Nf3 { BlockSize = 32, DoubleQuantization = false }, ["nf3 4096"] = new Nf3 { BlockSize = 4096, DoubleQuantization = false },
        ["int8"] = new Int8Dynamic { BlockSize = 64 }, ["rows"] = new Int8Rows(), ["int4"] = new GroupInt4 { GroupSize = 16 }, ["int4 odd"] = new GroupInt4 { GroupSize = 5 },
    };

    private static readonly (long Rows, long Columns)[] Shapes = [(8, 64), (3, 37), (1, 1), (24, 200), (5, 130)];

    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    private readonly EmulatedDevice device = new();

    public StorageRoutingTests() => manual_seed(31);

    public void Dispose()
    {
        device.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Names => [.. Formats.Keys];

    private static void Same(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal((expected.dtype, string.Join(" x ", expected.shape)), (actual.dtype, string.Join(" x ", actual.shape)));
        var different = expected.ne(actual).sum().item<long>();
        Assert.True(different == 0, $"{what}: {different} of {expected.numel()} differ");
    }

    private static Tensor AbsMax(QuantizedTensor stored) => stored is ThreeBitTensor three ? three.AbsMax() : ((FourBitTensor)stored).AbsMax();

    private void SameStorage(StorageFormat format, Tensor weight, string what)
    {
        var (host, here) = (device.OnHost(() => format.Encode(weight)), format.Encode(weight));
        Assert.Equal((host.Format, host.SourceType, host.Bytes), (here.Format, here.SourceType, here.Bytes));
        Same(host.Codes, here.Codes, what + ": codes");
        if (format is FourBitFormat { DoubleQuantization: true } or Nf3 { DoubleQuantization: true })
            Golden.Close(device.OnHost(() => AbsMax(host)), AbsMax(here), 1e-6, what + ": scales");     // their mean is another sum
        else foreach (var (a, b) in host.Tensors.Zip(here.Tensors)) Same(a, b, what + ": scales");
        // The same bytes are the same numbers on both sides.
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16, ScalarType.Float64 })
            Same(device.OnHost(() => here.Dequantize(type)), here.Dequantize(type), $"{what} as {type}");
    }

    [Theory, MemberData(nameof(Names))]
    public void TheSameCodesAndNumbersAsOnTheCpu(string name)
    {
        foreach (var (rows, columns) in Shapes)
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
                SameStorage(Formats[name], randn(rows, columns).to(type), $"{rows} x {columns}, {type}");
        foreach (var value in new[] { 0f, -3f, 1e-41f, 2e-20f, 6e4f }) SameStorage(Formats[name], full([9, 70], value), $"all {value}");
        SameStorage(Formats[name], randn(64, 5).t(), "a view that is not contiguous");
        Assert.True(device.Launched.Count > 50);
    }

    /// <summary>Numbers at the borders between two 8-bit codes and one step beyond, in a full block and in a short one.</summary>
    [Fact]
    public void EightBitCodesAgreeAtTheirBorders()
    {
        var borders = EightBitTable.Dynamic.Boundaries.Take(255).ToArray();
        float[] full = [1, .. borders, 1, .. borders.Select(MathF.BitIncrement), 1, .. borders.Select(MathF.BitDecrement)];
        SameStorage(new Int8Dynamic { BlockSize = 256 }, tensor(full), "full blocks");
        SameStorage(new Int8Dynamic { BlockSize = 4096 }, tensor(full), "a short block");
    }

    /// <summary>The same for 3 bits: every border, in each place of a group.</summary>
    [Theory, InlineData(32), InlineData(64), InlineData(4096)]
    public void ThreeBitCodesAgreeAtTheirBorders(int blockSize)
    {
        var borders = ThreeBitKernels.Boundaries.Take(7).ToArray();
        float[] near = [1, .. borders, .. borders.Select(MathF.BitIncrement), .. borders.Select(MathF.BitDecrement), -0f];         // 23, so that blocks turn them round
        var numbers = Enumerable.Repeat(near, 64).SelectMany(x => x).ToArray();
        SameStorage(new Nf3 { BlockSize = blockSize, DoubleQuantization = false }, tensor(numbers), "borders");
        SameStorage(new Nf3 { BlockSize = blockSize, DoubleQuantization = false }, tensor(numbers).mul_(0.3f), "borders that are scaled");
    }

    /// <summary>Memory that is not aligned to 16 bytes takes the kernel of an element a thread.</summary>
    [Fact]
    public void ThreeBitsGoIntoAnyMemory()
    {
        var stored = Nf3.Quantize(randn(7, 30), 32);
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
        {
            device.Launched.Clear();
            var output = full([211], double.NaN, type).narrow(0, 1, 210).view(7, 30);
            stored.DequantizeRows(0, output);
            Assert.Contains("dequantize3_naive", Assert.Single(device.Launched));
            Same(stored.Dequantize(type), output, $"{type}");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void SomeRowsAreThoseOfTheWhole(string name)
    {
        foreach (var (rows, columns) in Shapes)
        {
            var stored = Formats[name].Encode(randn(rows, columns));
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float64 })
                foreach (var (first, count) in new[] { (rows - 1, 1L), (rows / 3, rows - rows / 3), (rows / 2, 0L) })
                {
                    var part = empty(count, columns, type);
                    stored.DequantizeRows(first, part);
                    Same(stored.Dequantize(type).narrow(0, first, count), part, $"{rows} x {columns}: {count} from {first}");
                }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void WhatCannotBeQuantizedIsNamedAsOnTheCpu(string name)
    {
        var format = Formats[name];
        foreach (var bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            {
                var weight = randn(6, 70).to(type);
                weight.view(-1).narrow(0, 419, 1).fill_(bad);                      // in a short last block too
                weight.view(-1).narrow(0, 411, 1).fill_(bad);
                string Said(Func<QuantizedTensor> encode) => Assert.Throws<ArgumentException>(encode).Message;
                var here = Said(() => format.Encode(weight, "w"));
                Assert.Contains("at flat index 411 of 420", here);
                Assert.Equal(device.OnHost(() => Said(() => format.Encode(weight, "w"))), here);
            }
        Assert.Contains("is of Float64", Assert.Throws<ArgumentException>(() => format.Encode(randn(8, 64).to(ScalarType.Float64))).Message);
    }

    [Fact]
    public void LimitsOfAFormatAreTheSame()
    {
        string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;
        Assert.Contains("65504", Refused(() => Int8Rows.Quantize(full([2, 2], 1e5f))));
        Golden.Close(full([1, 640], 3e38f), Nf4.Quantize(full([1, 640], 3e38f)).Dequantize(), 1e-6, "numbers near the end of float32");
        Assert.Contains("a matrix's", Refused(() => Int8Rows.Quantize(randn(64))));
        Assert.Contains("a matrix [out, in]", Refused(() => GroupInt4.Quantize(randn(2, 3, 4))));
        var stored = Nf4.Quantize(randn(8, 64));
        Assert.Contains("rows from 7 on", Refused(() => stored.DequantizeRows(7, empty(2, 64))));
        Assert.Contains("contiguous", Refused(() => stored.DequantizeRows(0, empty(64, 2).t())));
        Assert.Contains("asked for Int64", Refused(() => stored.Dequantize(ScalarType.Int64)));
    }

    [Fact]
    public void AHostPointerToTheDevicesMemoryIsRefused()
    {
        var weight = zeros(4);
        Assert.Contains("call .cpu() first", Assert.Throws<InvalidOperationException>(() => Elements.Start(weight)).Message);
        Assert.NotEqual(0, device.OnHost(() => Elements.Start(weight)));
    }

    /// <summary>Through a file and back, the same bytes.</summary>
    [Theory, MemberData(nameof(Names))]
    public void ThroughAFile(string name)
    {
        using var folder = new TemporaryFolder();
        var stored = Formats[name].Encode(randn(12, 80).to(ScalarType.BFloat16));
        SafeTensors.Save(folder.File("w.safetensors"), stored.ToTensors("w"));
        var back = QuantizedTensor.FromTensors("w", SafeTensors.Load(folder.File("w.safetensors")));
        Assert.Equal(stored.Format, back.Format);
        foreach (var (a, b) in stored.Tensors.Zip(back.Tensors)) Same(a, b, "file");
        Same(stored.Dequantize(back.SourceType), back.Dequantize(), "numbers");         // LLM.int8's layout has no place for the source's type
    }

    private sealed record Foreign : StorageFormat
    {
        public override long BytesOf(long outFeatures, long inFeatures) => outFeatures * inFeatures;

        internal override string Kind => "lowrank__foreign";

        private protected override void Check() { }

        private protected override QuantizedTensor Make(Tensor weight, string? name) => throw new InvalidOperationException("the CPU's way");
    }

    [Fact]
    public void AFormatWithoutKernelsSaysSo()
    {
        Assert.Contains("Foreign has no CUDA kernels; keep weights of this format on the CPU", Assert.Throws<NotSupportedException>(() => new Foreign().Encode(randn(4, 4))).Message);
        Assert.Equal("the CPU's way", Assert.Throws<InvalidOperationException>(() => device.OnHost(() => new Foreign().Encode(randn(4, 4)))).Message);
    }
}
