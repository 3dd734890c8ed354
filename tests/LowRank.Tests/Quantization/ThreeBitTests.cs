// NF3: its levels from the quantiles they are, its kernels against their definition, bit for bit, and what 3 bits cost beside 4.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed unsafe class ThreeBitTests
{
    /// <summary>Φ of a standard normal distribution by its series, φ(x)·(x + x³/3 + x⁵/15 + …) + ½.</summary>
    private static double Below(double x)
    {
        var (sum, term) = (x, x);
        for (var n = 3; n < 200; n += 2) sum += term *= x * x / n;
        return 0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }

    private static double Quantile(double probability)
    {
        var (low, high) = (-6.0, 6.0);
        for (var i = 0; i < 100; i++)
            if (Below((low + high) / 2) < probability) low = (low + high) / 2;
            else high = (low + high) / 2;
        return low;
    }

    /// <summary>NormalFloat of k bits: 2ᵏ⁻¹ values above 0 and one less below it, evenly between 1 − δ and ½, over the largest.</summary>
    private static double[] NormalFloat(int bits)
    {
        var half = 1 << (bits - 1);
        var end = 1 - 0.5 * (1.0 / (4 * half) + 1.0 / (4 * half - 2));
        IEnumerable<double> Places(int count) => Enumerable.Range(0, count).Select(i => Quantile(end + (0.5 - end) * i / count));
        double[] values = [.. Places(half), 0, .. Places(half - 1).Select(q => -q)];
        return [.. values.Select(v => v / values.Max()).Order()];
    }

    [Fact]
    public void TheLevelsAreBuiltAsNf4sAre()
    {
        foreach (var (ours, given) in NormalFloat(4).Zip(FourBitTable.Nf4.Values)) Assert.Equal(given, ours, 6);
        foreach (var (ours, given) in NormalFloat(3).Zip(ThreeBitKernels.Values)) Assert.Equal((float)ours, given);
        Assert.Equal(0, ThreeBitKernels.Values[ThreeBitKernels.ZeroCode]);
    }

    private static float[] Edges()
    {
        var points = ThreeBitKernels.Boundaries.Where(float.IsFinite).Concat(ThreeBitKernels.Values)
            .SelectMany(p => new[] { p, MathF.BitIncrement(p), MathF.BitDecrement(p), -p }).Concat([0, -0f, float.Epsilon, -float.Epsilon, 1.0000001f, -1.0000001f]);
        var random = new Random(3);
        return [.. points, .. Enumerable.Range(0, 4000).Select(_ => (float)(random.NextDouble() * 2 - 1))];
    }

    [Fact]
    public void ACodeIsTheNearestValuesAndATieGoesDown()
    {
        foreach (var x in Edges())
        {
            var distances = ThreeBitKernels.Values.Select(v => Math.Abs((double)v - x)).ToArray();
            Assert.Equal(distances.Min(), distances[ThreeBitKernels.Code(x)], 7);
        }
        for (var i = 0; i < 7; i++)
        {
            var boundary = ThreeBitKernels.Boundaries[i];
            Assert.Equal((i, i + 1), (ThreeBitKernels.Code(boundary), ThreeBitKernels.Code(MathF.BitIncrement(boundary))));
        }
        Assert.Equal((ThreeBitKernels.ZeroCode, ThreeBitKernels.ZeroCode), (ThreeBitKernels.Code(0), ThreeBitKernels.Code(-0f)));
    }

    [Fact]
    public void VectorsQuantizeAsTheDefinitionDoesAndFillTheLastGroupWithZeros()
    {
        var source = Edges();
        foreach (var count in new[] { 1, 7, 8, 9, 32, 63, 64, 4000 })
            foreach (var factor in new[] { 1f, 0.37f, 1e-30f })
                foreach (var vectors in new[] { false, ThreeBitKernels.HasVectors })
                {
                    var bytes = (int)ThreeBitKernels.Bytes(count);
                    var codes = new byte[bytes + 1];
                    codes[bytes] = 0xcd;
                    fixed (float* x = source)
                    fixed (byte* to = codes) ThreeBitKernels.Quantize(x, count, factor, to, vectors);
                    for (var i = 0; i < bytes * 8 / 3; i++)
                    {
                        var bit = 3 * i;
                        var code = (codes[bit / 8] | (bit / 8 + 1 < bytes ? codes[bit / 8 + 1] << 8 : 0)) >> (bit % 8) & 7;
                        Assert.Equal(i < count ? ThreeBitKernels.Code(source[i] * factor) : ThreeBitKernels.ZeroCode, code);
                    }
                    Assert.Equal(0xcd, codes[bytes]);
                }
    }

    [Fact]
    public void VectorsDequantizeAlikeWhereverTheyStartAndEnd()
    {
        var codes = new byte[48];                                               // 128 codes
        new Random(5).NextBytes(codes);
        foreach (var absMax in new[] { 0.731f, 1e-38f, 3e38f, 0 })
            for (var skip = 0; skip < 40; skip++)
                foreach (var count in new[] { 0, 1, 2, 7, 8, 9, 16, 31, 64, 128 - skip })
                {
                    if (skip + count > 128) continue;
                    var expected = Enumerable.Range(skip, count).Select(i =>
                    {
                        var group = codes[i / 8 * 3] | codes[i / 8 * 3 + 1] << 8 | codes[i / 8 * 3 + 2] << 16;
                        return ThreeBitKernels.Values[group >> (i % 8 * 3) & 7] * absMax;
                    }).ToArray();
                    foreach (var vectors in new[] { false, ThreeBitKernels.HasVectors })
                    {
                        var values = new float[count + 1];
                        values[count] = 7;
                        fixed (byte* from = codes)
                        fixed (float* to = values) ThreeBitKernels.Dequantize(from, skip, count, absMax, to, vectors);
                        Assert.Equal(expected, values[..count]);
                        Assert.Equal(7, values[count]);
                    }
                }
    }

    /// <summary>For normal weights a bit less is about four times the squared error, twice the error.</summary>
    [Fact]
    public void ABitLessIsAboutTwiceTheError()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var weight = randn(512, 512);
        double Error(StorageFormat format) => (format.Encode(weight).Dequantize() - weight).norm().item<float>() / weight.norm().item<float>();
        Assert.InRange(Error(new Nf3()) / Error(new Nf4()), 1.8, 2.2);
        Assert.InRange(Error(new Nf3()), 0.17, 0.21);
    }
}
