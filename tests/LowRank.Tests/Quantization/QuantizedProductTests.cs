// Products straight from the codes, on every rung, against float64 within the bound that CodeProductKernels states.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizedProductTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public QuantizedProductTests() => manual_seed(31);

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, StorageFormat> Formats = new()
    {
        ["nf4"] = Nf4.WithDoubleQuantization, ["nf4 plain, 32"] = new Nf4 { BlockSize = 32, DoubleQuantization = false }, ["nf4 256"] = new Nf4 { BlockSize = 256 },
        ["nf4 4096"] = new Nf4 { BlockSize = 4096 }, ["fp4"] = new Fp4(), ["fp4 plain, 128"] = new Fp4 { BlockSize = 128, DoubleQuantization = false },
        ["int4"] = new GroupInt4(), ["int4 of 8"] = new GroupInt4 { GroupSize = 8 }, ["int4 of 256"] = new GroupInt4 { GroupSize = 256 }, ["int8 rows"] = new Int8Rows(),
    };

    public static TheoryData<string> Names => [.. Formats.Keys];

    /// <summary>Rows that begin anywhere in a block, that vectors do not divide, odd ones, and several threads' worth.</summary>
    private static readonly (long Out, long In)[] Shapes =
        [(1, 1), (3, 8), (5, 37), (7, 74), (9, 24), (4, 128), (33, 136), (11, 192), (6, 200), (3, 1000), (2, 4096), (40, 1096), (300, 512)];

    private static IEnumerable<CpuRung> Rungs => Enum.GetValues<CpuRung>().Where(rung => rung <= FourBitKernels.Best);

    private static Tensor Wide(Tensor t) => t.to(ScalarType.Float64);

    /// <summary>|scale| (|value| + |zero|), [out, in].</summary>
    private static Tensor Terms(QuantizedTensor stored)
    {
        if (stored is not GroupInt4Tensor int4) return Wide(stored.Dequantize(ScalarType.Float32)).abs();
        return (Wide(int4.Scales).abs() * (15 + Wide(int4.Zeros).abs())).repeat_interleave(int4.Format.GroupSize, 1).narrow(1, 0, stored.Shape[1]);
    }

    private static double Steps(CpuRung rung, long width) => 16 + width / (rung switch { CpuRung.Vector512 => 128.0, CpuRung.Vector256 => 64, _ => 1 });

    [Theory, MemberData(nameof(Names))]
    public void EveryRungGivesTheProduct(string name)
    {
        foreach (var (rows, width) in Shapes)
            foreach (var offset in new[] { 0.0, 3 })                            // int4's zeros far from the codes, too
            {
                var stored = Formats[name].Encode(randn(rows, width) + offset);
                var (dense, terms, read) = (Wide(stored.Dequantize(ScalarType.Float32)), Terms(stored), stored.Rows()!);
                foreach (var tokens in new[] { 1, 2, 3, 8, 11 })
                {
                    var x = randn(tokens, width);
                    var (expected, bound) = (Wide(x).mm(dense.t()), Wide(x).abs().mm(terms.t()) * Math.Pow(2, -24));
                    foreach (var rung in Rungs)
                    {
                        var y = full([tokens, rows], float.NaN);
                        QuantizedProduct.Run(stored, read, x, y, accumulate: false, rung);
                        var worst = ((Wide(y) - expected).abs() / (bound * Steps(rung, width) + 1e-30)).max().item<double>();
                        Assert.True(worst <= 1, $"{rung}, {tokens} x [{rows}, {width}]: {worst:g4} of the bound");
                    }
                }
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void AddsAndTakesSixteenBits(string name)
    {
        var stored = Formats[name].Encode(randn(70, 200));
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
            foreach (var rung in Rungs)
            {
                var (x, before) = (randn(2, 200).to(type), randn(2, 70).to(type));
                var y = before.clone();
                QuantizedProduct.Run(stored, stored.Rows()!, x, y, accumulate: true, rung);
                Assert.Equal(type, y.dtype);
                var expected = Wide(x).mm(Wide(stored.Dequantize(ScalarType.Float32)).t()) + Wide(before);
                Golden.Close(expected, y, type == ScalarType.Float32 ? 2e-6 : type == ScalarType.BFloat16 ? 4.1e-3 : 6e-4, $"{rung} of {type}");
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void TheSameBitsOnOneThreadAndOnSeveral(string name)
    {
        var stored = Formats[name].Encode(randn(700, 1096));
        var (x, one, several, alone) = (randn(2, 1096), empty(2, 700), empty(2, 700), empty(1, 700));
        var threads = get_num_threads();
        try
        {
            set_num_threads(1);
            QuantizedProduct.Run(stored, stored.Rows()!, x, one, accumulate: false);
            set_num_threads(3);
            QuantizedProduct.Run(stored, stored.Rows()!, x, several, accumulate: false);
        }
        finally { set_num_threads(threads); }
        Assert.True(one.eq(several).all().item<bool>());
        QuantizedProduct.Run(stored, stored.Rows()!, x.narrow(0, 1, 1), alone, accumulate: false);      // nor does it matter who is beside
        Assert.True(one.narrow(0, 1, 1).eq(alone).all().item<bool>());
    }

    [Fact]
    public void WhatIsNotFiniteStaysInItsRow()
    {
        var stored = Nf4.Quantize(randn(40, 200));
        foreach (var rung in Rungs)
        {
            var (x, y) = (randn(3, 200), empty(3, 40));
            x[1, 199] = float.NaN;
            QuantizedProduct.Run(stored, stored.Rows()!, x, y, accumulate: false, rung);
            Assert.Equal([false, true, false], y.isnan().any(1).data<bool>().ToArray());
        }
    }

    /// <summary>A layer's weight takes the codes' product where it fits, and the dense one elsewhere; the caller sees no difference.</summary>
    [Fact]
    public void AWeightMultipliesEitherWay()
    {
        foreach (var format in Formats.Values.Concat([new Int8Dynamic(), new GroupInt4 { GroupSize = 7 }]))
            foreach (var (rows, width) in new[] { (30L, 37L), (48L, 200L) })
            {
                var weight = new QuantizedWeight(format.Encode(randn(rows, width)));
                var dense = Wide(weight.Dequantize(ScalarType.Float32));
                foreach (var tokens in new[] { 0, 1, QuantizedProduct.MostTokens(width), QuantizedProduct.MostTokens(width) + 1 })
                    foreach (var transposed in new[] { false, true })           // x as it lies, or not contiguous
                    {
                        var x = transposed ? randn(width, tokens).t() : randn(tokens, width);
                        var y = randn(tokens, rows);
                        var expected = Wide(y) + Wide(x).mm(dense.t());
                        weight.Multiply(x, y, accumulate: true);
                        if (tokens > 0) Golden.Close(expected, y, 3e-6, $"{format}, {tokens} x [{rows}, {width}]");
                    }
                var wide = randn(1, width, ScalarType.Float64);
                var result = empty(1, rows, ScalarType.Float64);
                weight.Multiply(wide, result);
                Golden.Close(wide.mm(dense.t()), result, 1e-12, "float64");
                weight.Stored.Dispose();
            }
    }

    [Fact]
    public void TheLaddersRungsAgree()
    {
        var weight = Nf4.Quantize(randn(96, 256));
        var (x, dense) = (randn(2, 256), weight.Dequantize());
        Assert.Equal((CpuRung.Scalar, CpuRung.AllCores), (CpuLadder.Rungs[0], CpuLadder.Rungs[^1]));
        foreach (var rung in CpuLadder.Rungs)
        {
            var (into, y) = (full([96, 256], 7f), empty(2, 96));
            CpuLadder.Dequantize(weight, into, rung);
            Assert.True(dense.eq(into).all().item<bool>(), $"{rung}");
            CpuLadder.Multiply(x, weight, y, rung);
            Golden.Close(Wide(x).mm(Wide(dense).t()), y, 1e-6, $"{rung}");
        }
        Assert.True(CpuLadder.GigabytesPerSecond(dense.numel() * 4, () => CpuLadder.Dequantize(weight, dense, CpuRung.Scalar)) > 0);
        string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;
        Assert.Contains("y is [2, 95]", Refused(() => CpuLadder.Multiply(x, weight, empty(2, 95), CpuRung.Scalar)));
        Assert.Contains("y is [3, 96]", Refused(() => CpuLadder.Multiply(x, weight, empty(3, 96), CpuRung.Scalar)));
        Assert.Contains("x is Float64", Refused(() => CpuLadder.Multiply(Wide(x), weight, empty(2, 96), CpuRung.Scalar)));
        Assert.Contains("wants a matrix", Refused(() => CpuLadder.Multiply(x, Nf4.Quantize(randn(256)), empty(2, 96), CpuRung.Scalar)));
        Assert.Contains("7", Assert.Throws<PlatformNotSupportedException>(() => CpuLadder.Dequantize(weight, dense, (CpuRung)7)).Message);
    }

#if LIBTORCH
    /// <summary>No tensor of W's size, nor any other, is made beside x and y.</summary>
    [Fact]
    public void NothingIsWrittenDown()
    {
        if (FourBitKernels.Best < CpuRung.Vector256) return;
        var weight = new QuantizedWeight(Nf4.Quantize(randn(512, 512)));
        var (x, y) = (randn(1, 512), empty(1, 512));
        var before = LibTorch.Memory.LiveBytes;
        LibTorch.Memory.ResetPeak();
        weight.Multiply(x, y);
        Assert.Equal(before, LibTorch.Memory.PeakBytes);
    }
#endif
}
